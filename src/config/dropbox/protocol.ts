/**
 * How groups of Dropbox's LLAMA are probed: with its own packets (the Go version's), so that its reflectors answer as
 * they are.
 */

import type { Protocol } from '../../wire/protocol.js';

export const LEGACY_PROTOCOL: Protocol = 'llama';
export const LEGACY_PROTOCOL_NOTE =
  'probes are LLAMA\'s own (protocol llama): its reflectors answer them as they are, and so does "llama reflector" in their place; where that answers, protocol stamp also tells which way probes are lost and the delay each way. Replies count from any address (anySource), as with LLAMA';
