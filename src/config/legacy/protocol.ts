/**
 * How groups of Dropbox's LLAMA are probed: the one place to change when its own packet format is there (`llama`, a probe of 1028 bytes).
 */

import type { Protocol } from '../types.js';

export const LEGACY_PROTOCOL: Protocol = 'stamp';
/** As long as LLAMA's own probes, so that the load stays what it was. */
export const LEGACY_PAYLOAD_BYTES = 1028;
export const LEGACY_PROTOCOL_NOTE =
  'probes are STAMP packets (RFC 8762), as long as LLAMA\'s own: reflectors of Dropbox\'s LLAMA do not answer STAMP until "llama reflector" takes their place on the targets, on the same port';
