/** The marking of a pair's probes, as far as known. Pure. */

import type { ResultRow } from '../lib/types.js';

/** The number of re-marked replies; undefined without any reply. */
export const remarkedOf = ({ remarked, received }: ResultRow): number | undefined =>
  received === 0 ? undefined : remarked;

/** Which class the network made of it, on the way there and back. `unknown` without an answer. */
export function markingText(row: ResultRow | undefined): string {
  if (row === undefined) return '–';
  const shown = (dscp: number | null | undefined): string => (dscp === null || dscp === undefined ? '?' : String(dscp));
  const [there, back] = [row.dscpForward, row.dscpReverse];
  if (row.received === 0) return 'unknown';
  const kept = (there ?? row.dscp) === row.dscp && (back ?? row.dscp) === row.dscp;
  return kept ? `kept (${row.dscp})` : `${row.dscp} → ${shown(there)} → ${shown(back)}`;
}
