/**
 * Whether a pair answers, from its counts, and the cause in words. Pure; shared by page, terminal, collector and
 * scraper.
 *
 * It must never report a pair without received probes as healthy.
 */

import { type Explained, noAnswerText, notSentText, tooBigText, unreachableText } from './reasons.js';

/**
 * Counts of a row, path, series or cell. `sent` is the sum of `received`, `lost`, `unreachable`, `tooBig` (larger than
 * the MTU of a link) and `localDrops` (this host may have dropped the reply). Only the probes in `threadLosses` and
 * `ringOverflows` are missing in it. `sendErrors` counts probes that the kernel refused to send; they are not in
 * `sent`.
 */
export const OUTCOME_COUNTS = [
  'sent',
  'received',
  'lost',
  'unreachable',
  'tooBig',
  'sendErrors',
  'localDrops',
] as const;
export type OutcomeCount = (typeof OUTCOME_COUNTS)[number];
export type OutcomeCounts = Readonly<Record<OutcomeCount, number>>;

/** The counts, each from its name. Not for hot code. */
export const outcomeCounts = (of: (name: OutcomeCount) => number): OutcomeCounts =>
  Object.fromEntries(OUTCOME_COUNTS.map((name) => [name, of(name)])) as OutcomeCounts;

/**
 * `silent`: probes were sent, but the network or the target answered none. `unmeasured`: this host sent none, or
 * dropped each reply itself, so the state of the network is unknown.
 */
export const ANSWERING = ['answers', 'silent', 'unmeasured'] as const;
export type Answering = (typeof ANSWERING)[number];

export function answeringOf({ sent, received, lost, unreachable, tooBig }: OutcomeCounts): Answering {
  if (received > 0) return 'answers';
  return sent > 0 && lost + unreachable + tooBig > 0 ? 'silent' : 'unmeasured';
}

/** The counts of a row or path; missing ones are 0. */
export function countsOf({
  sent,
  received,
  lost,
  unreachable,
  tooBig,
  sendErrors,
  localDrops,
}: Counted): OutcomeCounts {
  return { sent, received, lost, unreachable, tooBig: tooBig ?? 0, sendErrors: sendErrors ?? 0, localDrops };
}
type Counted = Pick<Explained, keyof OutcomeCounts>;

export type LossCounts = Pick<OutcomeCounts, 'sent' | 'received' | 'lost' | 'unreachable'>;

/**
 * Share of the sent probes that the network or the target failed, 0 to 1: lost or unreachable. Null when no probe tells
 * about loss: none was sent, or each was too big, dropped by this host, or left without an outcome.
 */
export function lossShare({ sent, received, lost, unreachable }: LossCounts): number | null {
  const failed = lost + unreachable;
  return sent === 0 || received + failed === 0 ? null : failed / sent;
}

/** Above the rank of a path without failures, and below the rank of any failure. */
const UNKNOWN_RANK = Number.MIN_VALUE;

/**
 * How bad a path is, 0 to 1: the share of its probes that `failed`: lost, unreachable, too big or not sent. Probes that
 * this host dropped say nothing. A path without any others ranks between failing and healthy paths.
 */
export function failureRank(received: number, failed: number): number {
  return received + failed === 0 ? UNKNOWN_RANK : failed / (received + failed);
}

/** The number of failures for `failureRank`. */
export const failuresOf = ({ lost, unreachable, tooBig, sendErrors }: OutcomeCounts): number =>
  lost + unreachable + tooBig + sendErrors;

/** Why there is no answer. `reason` is the cause in the newest interval, if there is one; `counts` are the window's. */
export function whyText(state: Answering, counts: OutcomeCounts, reason: string | null): string {
  if (reason !== null) return reason;
  const said = counts.received === 0 ? noAnswerText({ ...counts, target: '' }) : null;
  return said ?? (state === 'silent' ? 'no answer' : 'not measured');
}

/** Why probes of a row have no answer; null when all have one, or were lost without any further sign. */
export function reasonOf(row: Explained): string | null {
  if (row.received === 0) return noAnswerText(row);
  if ((row.sendErrors ?? 0) > 0) return notSentText(row.sendErrorsBy, row.target);
  if (row.unreachable > 0) return unreachableText(row.unreachableBy, row);
  return (row.tooBig ?? 0) > 0 ? tooBigText(row, row) : null;
}

/** Greatest probability by which chance may explain the ports without loss. */
const MOST_CHANCE = 1e-3;

/**
 * Whether only some of the paths lose probes. Under the pooled loss of all, a path with few probes has no loss by
 * chance. The number of such paths is taken as binomial, with the mean of their probabilities.
 */
export function isPartialLoss(paths: readonly { readonly sent: number; readonly failed: number }[]): boolean {
  const measured = paths.filter(({ sent }) => sent > 0);
  const sent = measured.reduce((sum, path) => sum + path.sent, 0);
  const pass = 1 - measured.reduce((sum, path) => sum + path.failed, 0) / sent;
  const count = measured.length;
  const clean = measured.filter(({ failed }) => failed === 0).length;
  if (clean === 0 || clean === count) return false;
  const chance = measured.reduce((sum, path) => sum + pass ** path.sent, 0) / count;
  // The upper tail of the binomial distribution, from `clean` on.
  let tail = 0;
  let term = (1 - chance) ** count;
  for (let k = 0; k <= count; k++) {
    if (k >= clean) tail += term;
    term *= ((count - k) / (k + 1)) * (chance / (1 - chance));
  }
  return tail < MOST_CHANCE;
}
