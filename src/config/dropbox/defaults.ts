/** Defaults of Dropbox's LLAMA. */

import type { Protocol } from '../../wire/protocol.js';

export const LEGACY_DEFAULTS = {
  intervalS: 30,
  bind: '0.0.0.0:5000',
  /** Source ports of a port group. */
  count: 4,
  /** Cycles per second: probes to each target from each source port. */
  cps: 4,
  tos: 0,
  timeoutMs: 1000,
  /** The default of the Go version; the Python version's reflectors listen on 60000. */
  targetPort: 8100,
} as const;

export const LEGACY_PROTOCOL: Protocol = 'llama';
export const LEGACY_PROTOCOL_NOTE =
  'probes are LLAMA\'s own (protocol llama): its reflectors answer them as they are, and so does "llama reflector" in their place; where that answers, protocol stamp also tells which way probes are lost and the delay each way. Replies count from any address (anySource), as with LLAMA';
