/**
 * Whether a pair answers, from its counts, and why not, in words. Pure; page, terminal, collector and scraper share it.
 *
 * It must never call a pair well of which nothing was received.
 */

import { type Explained, noAnswerText, notSentText, tooBigText, unreachableText } from './reasons.js';

export interface OutcomeCounts {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly tooBig: number;
  readonly sendErrors: number;
  readonly localDrops: number;
}

/**
 * `silent`: probes were sent, the network or the target let none come back. `unmeasured`: this host sent none, or dropped each reply itself,
 * so nothing is known of the network.
 */
export const ANSWERING = ['answers', 'silent', 'unmeasured'] as const;
export type Answering = (typeof ANSWERING)[number];

export function answeringOf({ sent, received, lost, unreachable, tooBig }: OutcomeCounts): Answering {
  if (received > 0) return 'answers';
  return sent > 0 && lost + unreachable + tooBig > 0 ? 'silent' : 'unmeasured';
}

/** Loss as a person is shown it; null, no number, also where nothing answers and none of it is called lost: a 0 would look well. */
export const shownLossPct = (lossPct: number | null, answers: boolean): number | null =>
  lossPct === 0 && !answers ? null : lossPct;

/** Why there is no answer; `reason` is that of the newest interval, where there is one, and `counts` are those of the window. */
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
