/** The standard names of QoS classes and their DSCP: RFC 2474 (cs), 2597 (af), 3246 (ef), 5865 (va), 8622 (le). */

import type { TrafficClass } from '../types.js';

export const CLASS_DSCP: Readonly<Record<string, number>> = {
  cs0: 0,
  cs1: 8,
  cs2: 16,
  cs3: 24,
  cs4: 32,
  cs5: 40,
  cs6: 48,
  cs7: 56,
  af11: 10,
  af12: 12,
  af13: 14,
  af21: 18,
  af22: 20,
  af23: 22,
  af31: 26,
  af32: 28,
  af33: 30,
  af41: 34,
  af42: 36,
  af43: 38,
  ef: 46,
  va: 44,
  le: 1,
  df: 0,
  be: 0,
};

export const CLASS_NAMES: readonly string[] = Object.keys(CLASS_DSCP);
const MAX_DSCP = 63;

/**
 * A class by its name (upper or lower case) or its number; undefined when there is no such class. A number keeps its
 * number as name.
 */
export function parseClass(value: string | number): TrafficClass | undefined {
  const text = String(value).toLowerCase();
  if (/^\d{1,2}$/.test(text)) {
    const dscp = Number(text);
    return dscp <= MAX_DSCP ? { name: String(dscp), dscp } : undefined;
  }
  const dscp = Object.hasOwn(CLASS_DSCP, text) ? CLASS_DSCP[text] : undefined;
  return dscp === undefined ? undefined : { name: text, dscp };
}
