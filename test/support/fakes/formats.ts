import { FormatKind, type FormatSpec } from '../../../src/threads/messages.js';

/** STAMP without TLVs and keys. */
export const PLAIN_STAMP: FormatSpec = { kind: FormatKind.stamp, tlvs: [], keys: [] };
