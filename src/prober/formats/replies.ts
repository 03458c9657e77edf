/**
 * Recognises the format of a reply by its bytes, and reads its content. The content is unconfirmed until the identified
 * stream has checked the format.
 */

import { FormatKind } from '../../threads/messages.js';
import { hasLlamaHead } from '../../wire/dropbox.js';
import { isLegacyProbe } from '../../wire/dropboxLegacy.js';
import { parseStampReply, STAMP_REPLY_MIN_BYTES } from '../../wire/stamp.js';
import { hasStampAuthLayout, parseStampAuthReply } from '../../wire/stampAuth.js';
import { readLlama } from './dropbox.js';
import { readLegacy } from './dropboxLegacy.js';
import type { Reply } from './format.js';

/** Bit of a format in a set of those in use. */
export const formatBit = (kind: FormatKind): number => 1 << kind;
const PLAIN = formatBit(FormatKind.stamp);

/** Payload bytes to read of a reply: its base packet. TLVs follow it. */
export const REPLY_BYTES = 112;

/**
 * Hot: reads a reply. `inUse`: the formats in use, so that plain STAMP alone costs one comparison more. False when it
 * has none of these formats.
 */
export function readReply(view: DataView, at: number, length: number, inUse: number, reply: Reply): boolean {
  reply.dscp = -1;
  reply.ecn = -1;
  if (inUse !== PLAIN && readOther(view, at, length, inUse, reply)) return true;
  if (!parseStampReply(view, at, length, reply)) return false;
  reply.kind = FormatKind.stamp;
  takeStamp(reply);
  return true;
}

function takeStamp(reply: Reply): void {
  reply.timed = true;
  reply.number = reply.sequence;
  reply.ttl = reply.senderTtl === 0 ? -1 : reply.senderTtl;
}

function readOther(view: DataView, at: number, length: number, inUse: number, reply: Reply): boolean {
  if (
    (inUse & formatBit(FormatKind.llamaLegacy)) !== 0 &&
    length < STAMP_REPLY_MIN_BYTES &&
    isLegacyProbe(view, at, length)
  )
    return takeUnchanged(FormatKind.llamaLegacy, reply, readLegacy(view, at, length, reply));
  if (
    (inUse & formatBit(FormatKind.llama)) !== 0 &&
    hasLlamaHead(view, at, length) &&
    readLlama(view, at, length, reply)
  )
    return takeUnchanged(FormatKind.llama, reply, true);
  if ((inUse & formatBit(FormatKind.stampAuth)) !== 0 && hasStampAuthLayout(view, at, length)) {
    if (!parseStampAuthReply(view, at, length, reply)) return false;
    reply.kind = FormatKind.stampAuth;
    takeStamp(reply);
    return true;
  }
  return false;
}

/** Marks a probe that returned unchanged: it carries no data of the reflector. */
function takeUnchanged(kind: FormatKind, reply: Reply, valid: boolean): boolean {
  reply.kind = kind;
  reply.timed = false;
  reply.number = reply.senderSequence;
  reply.ttl = -1;
  reply.t2S = 0;
  reply.t2Ns = 0;
  reply.t3S = 0;
  reply.t3Ns = 0;
  reply.errorEstimate = 0;
  return valid;
}
