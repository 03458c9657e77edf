/** Why probes of a pair have no answer, in lines of text. Pure. */

import {
  type SendErrorReason,
  sendErrorList,
  type TooBigReason,
  tooBigList,
  type UnreachableReason,
  unreachableList,
} from '../../stats/reasons.js';
import { clockText } from '../lib/time.js';
import type { FreshProbe, HistorySeries, ResultRow } from '../lib/types.js';
import { isTarget } from './concerns.js';
import { nameOf } from './names.js';

/** Lists of several intervals as one, most frequent first. */
function summedReasons<Reason extends { readonly count: number }>(reasons: readonly Reason[]): Reason[] {
  const sums = new Map<string, Reason>();
  for (const one of reasons) {
    const { count, ...what } = one;
    const key = JSON.stringify(what);
    sums.set(key, { ...one, count: count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

/** A line for each kind of failure of each series. */
export function reasonLines(rows: readonly ResultRow[]): string[] {
  const names = new Map<string, ResultRow[]>();
  for (const row of rows) {
    const name = nameOf(row, rows);
    names.set(name, [...(names.get(name) ?? []), row]);
  }
  return [...names].flatMap(([name, own]) => {
    const { source = '', target = '' } = own[0] ?? {};
    const ends = { source, target };
    const sendErrors = own.flatMap((row): readonly SendErrorReason[] => row.sendErrorsBy ?? []);
    const unreachable = own.flatMap((row): readonly UnreachableReason[] => row.unreachableBy ?? []);
    const tooBig = own.reduce((all, row) => all + (row.tooBig ?? 0), 0);
    const mtus = own.flatMap(({ mtu }) => (typeof mtu === 'number' ? [mtu] : []));
    const mtu = mtus.length === 0 ? null : Math.min(...mtus);
    const tooBigBy = summedReasons(own.flatMap((row): readonly TooBigReason[] => row.tooBigBy ?? []));
    return [
      ...sendErrorList(summedReasons(sendErrors), target).map((text) => `${name}: not sent: ${text}`),
      ...unreachableList(summedReasons(unreachable), ends).map((text) => `${name}: unreachable: ${text}`),
      ...tooBigList(tooBig, { mtu, tooBigBy }, ends).map((text) => `${name}: ${text}`),
    ];
  });
}

/** A sentence for each target of a pair that answers none of its paths and was probed from a fresh source port. */
export function freshLines(
  probes: readonly FreshProbe[],
  series: readonly Pick<HistorySeries, 'group' | 'target' | 'port'>[],
): string[] {
  const own = probes.filter(({ group, target }) => series.some((one) => one.group === group && isTarget(target, one)));
  return own.map(({ group, target, answered, at }) => {
    const name = own.length === 1 ? '' : `${target} of ${group}: `;
    const said = answered ? 'answered; these flows are dead' : 'no answer; this proves nothing';
    return `${name}Asked from a fresh source port at ${clockText(Date.parse(at))}: ${said}.`;
  });
}
