/** The only place that converts units of time. Names contain the unit: `ns`, `us`, `ms`, `s`. */

export const NS_PER_US = 1_000;
export const NS_PER_MS = 1_000_000;
export const NS_PER_S = 1_000_000_000;
export const MS_PER_S = 1_000;

export const nsToUs = (ns: number): number => ns / NS_PER_US;
export const nsToMs = (ns: number): number => ns / NS_PER_MS;
export const nsToS = (ns: number): number => ns / NS_PER_S;
export const usToNs = (us: number): number => us * NS_PER_US;
export const msToNs = (ms: number): number => ms * NS_PER_MS;
export const sToNs = (s: number): number => s * NS_PER_S;
export const msToS = (ms: number): number => ms / MS_PER_S;
export const sToMs = (s: number): number => s * MS_PER_S;
export const usToS = (us: number): number => nsToS(usToNs(us));

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: NS_PER_US,
  µs: NS_PER_US,
  ms: NS_PER_MS,
  s: NS_PER_S,
  m: 60 * NS_PER_S,
  h: 3600 * NS_PER_S,
};

const DURATION = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)$/;

/** Nanoseconds of a duration such as `500us`, `10ms`, `1s`, `5m`; undefined for other text. */
export function parseDurationNs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const unitNs = UNIT_NS[match[2] ?? ''];
  return unitNs === undefined ? undefined : Math.round(Number(match[1]) * unitNs);
}

/** The shortest exact text of a duration: 1_000_000_000 is `1s`, 1_500_000 is `1500us`. */
export function formatDuration(ns: number): string {
  for (const unit of ['h', 'm', 's', 'ms', 'us']) {
    const unitNs = UNIT_NS[unit] ?? 1;
    if (ns >= unitNs && ns % unitNs === 0) return `${ns / unitNs}${unit}`;
  }
  return `${ns}ns`;
}
