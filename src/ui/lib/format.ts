/** Numbers and times as people read them. Pure. */

/** Loss in percent: 0, or two digits that count. */
export function formatLoss(percent: number): string {
  if (percent === 0) return '0 %';
  if (percent < 0.01) return '<0.01 %';
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** Microseconds with a unit that keeps it short. */
export function formatUs(us: number): string {
  if (us < 10) return `${us.toFixed(1)} µs`;
  if (us < 1000) return `${us.toFixed(0)} µs`;
  const ms = us / 1000;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Short enough for a cell: digits only. */
export function shortValue(value: number, unit: string): string {
  if (unit === '%')
    return value === 0 ? '0' : value < 0.01 ? '<.01' : value < 10 ? value.toFixed(value < 1 ? 2 : 1) : value.toFixed(0);
  if (value < 1000) return value.toFixed(value < 10 ? 1 : 0);
  const ms = value / 1000;
  return `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)}m`;
}

export const formatValue = (value: number, unit: string): string =>
  unit === '%' ? formatLoss(value) : formatUs(value);

export const formatCount = (count: number): string => count.toLocaleString('en');

/** How long something is ago, or lasts. */
export function formatAge(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}
