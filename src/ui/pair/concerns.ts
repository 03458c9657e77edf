/** Which warnings of the tool concern a pair. Pure. */

import type { ResultRow } from '../lib/types.js';

/**
 * By counter of a warning: how much of it a row of the pair may have. A counter that is not here concerns each pair.
 */
const OF_ROW: Readonly<Record<string, (row: ResultRow) => number>> = {
  sendErrors: (row) => row.sendErrors ?? 0,
  localDrops: (row) => row.localDrops,
  tooBig: (row) => row.tooBig ?? 0,
  // A reply that is refused is a lost probe.
  invalidSource: (row) => row.lost,
  invalidSequence: (row) => row.lost,
  invalidTimestamp: (row) => row.lost,
  invalidSession: (row) => row.lost,
  invalidFormat: (row) => row.lost,
  invalidHmac: (row) => row.lost,
  icmpUnmatched: (row) => row.lost,
};

/** A warning about one group only. */
const OF_GROUP = /^group ([^\s:]+): /;
/** One target whose flows have no answer, or the first of several. */
const OF_FLOW = /^(\d+ targets, such as )?(\S+) of (\S+): no answer on any source port/;
const OF_COUNTER = /^(\w+): /;

/** Whether a text of the service, `ADDRESS:PORT` or an address, names the target of a row. */
export const isTarget = (text: string, { target, port }: Pick<ResultRow, 'target' | 'port'>): boolean =>
  [target, `${target}:${port}`, `[${target}]:${port}`].includes(text);

/**
 * Leaves out warnings about other pairs: about other groups, about targets without an answer where this one answers,
 * and about counters that no row of this pair has. `rows` are of the last minutes; without any, only `groups` decides.
 */
export function concerning(
  warnings: readonly string[],
  rows: readonly ResultRow[],
  groups: readonly string[],
): string[] {
  return warnings.filter((text) => {
    const group = OF_GROUP.exec(text)?.[1];
    if (group !== undefined) return groups.length === 0 || groups.includes(group);
    if (rows.length === 0) return true;
    const [, many, target = '', ofGroup] = OF_FLOW.exec(text) ?? [];
    if (many !== undefined) return rows.some(({ received }) => received === 0);
    if (ofGroup !== undefined) return rows.some((row) => row.group === ofGroup && isTarget(target, row));
    const amount = OF_ROW[OF_COUNTER.exec(text)?.[1] ?? ''];
    return amount === undefined || rows.some((row) => amount(row) > 0);
  });
}
