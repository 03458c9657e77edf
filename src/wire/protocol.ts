/** The protocols that a group may have, by the names that its configuration and the results give them. */

/** `stamp`: RFC 8762. `llama`: of LLAMA in Go. `llama-legacy`: of LLAMA in Python. The others need no reflector. */
export type Protocol = 'stamp' | 'llama' | 'llama-legacy' | 'tcp-syn' | 'icmp';
