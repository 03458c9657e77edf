/**
 * The reasons that an interval counted (`reasonCounts.ts`), as rows and paths publish them: most frequent first, a
 * bounded number.
 */

import { addressText } from '../net/address.js';
import { errnoName } from '../net/libc.js';
import { Outcome } from '../ring/ring.js';
import type { IntervalReport } from '../threads/messages.js';
import { REASON_WORDS, type Reason, readReason } from './reasonCounts.js';
import {
  icmpReason,
  MOST_REASONS,
  type SendErrorReason,
  type TooBigReason,
  type UnreachableReason,
} from './reasons.js';

export interface Explanations {
  readonly sendErrorsBy: readonly SendErrorReason[] | null;
  readonly unreachableBy: readonly UnreachableReason[] | null;
  readonly tooBigBy: readonly TooBigReason[] | null;
}

export const NO_EXPLANATIONS: Explanations = { sendErrorsBy: null, unreachableBy: null, tooBigBy: null };

/** Takes consecutive reasons of `REASON_WORDS` words each. Equal reasons of several paths are summed. */
export function explanationsOf(words: Uint32Array): Explanations {
  if (words.length === 0) return NO_EXPLANATIONS;
  const reasons = new Map<string, Reason>();
  for (let at = 0; at < words.length; at += REASON_WORDS) {
    const reason = readReason(words, at);
    const key = words.subarray(at + 1, at + REASON_WORDS).join();
    const known = reasons.get(key);
    if (known === undefined) reasons.set(key, reason);
    else known.count += reason.count;
  }
  const sorted = [...reasons.values()].sort((a, b) => b.count - a.count);
  return {
    sendErrorsBy: bounded(sorted, Outcome.sendError, ({ count, errno }) => ({ count, errno: errnoName(errno) })),
    unreachableBy: bounded(sorted, Outcome.unreachable, unreachableReason),
    tooBigBy: bounded(sorted, Outcome.tooBig, tooBigReason),
  };
}

function unreachableReason({ count, version, type, code, origin }: Reason): UnreachableReason {
  return { count, type, code, reason: icmpReason(version, type, code), from: originText(origin) };
}

function tooBigReason({ count, mtu, origin }: Reason): TooBigReason {
  return { count, mtu: mtu === 0 ? null : mtu, from: originText(origin) };
}

const originText = (origin: Uint8Array): string | null =>
  origin.every((byte) => byte === 0) ? null : addressText(origin);

/** Reasons of one outcome; null without any. */
function bounded<Item>(
  sorted: readonly Reason[],
  outcome: Reason['outcome'],
  itemOf: (reason: Reason) => Item,
): readonly Item[] | null {
  const own = sorted.filter((reason) => reason.outcome === outcome);
  return own.length === 0 ? null : own.slice(0, MOST_REASONS).map(itemOf);
}

/** The members of a row's JSON, with a trailing comma. */
export const explanationsJson = (explanations: Explanations): string =>
  explanations === NO_EXPLANATIONS ? NO_EXPLANATIONS_JSON : membersJson(explanations);

const membersJson = ({ sendErrorsBy, unreachableBy, tooBigBy }: Explanations): string =>
  `"sendErrorsBy":${JSON.stringify(sendErrorsBy)},"unreachableBy":${JSON.stringify(unreachableBy)},"tooBigBy":${JSON.stringify(tooBigBy)},`;

const NO_EXPLANATIONS_JSON = membersJson(NO_EXPLANATIONS);

/** Words of one entry of `IntervalReport.pathReasons`. */
const PATH_REASON_WORDS = 1 + REASON_WORDS;

/** Explanations of the path at index `row` of a report. */
export function pathExplanations({ pathReasons }: Pick<IntervalReport, 'pathReasons'>, row: number): Explanations {
  let low = 0;
  let high = pathReasons.length / PATH_REASON_WORDS;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pathReasons[middle * PATH_REASON_WORDS] < row) low = middle + 1;
    else high = middle;
  }
  if (pathReasons[low * PATH_REASON_WORDS] !== row) return NO_EXPLANATIONS;
  const words: number[] = [];
  for (let at = low * PATH_REASON_WORDS; pathReasons[at] === row; at += PATH_REASON_WORDS)
    words.push(...pathReasons.subarray(at + 1, at + PATH_REASON_WORDS));
  return explanationsOf(Uint32Array.from(words));
}
