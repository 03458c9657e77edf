/** Which stretch of time is shown: one that ends now, or one in the past. Pure. */

import type { ViewState } from './store.js';

type Stretch = Pick<ViewState, 'from' | 'to'>;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `30s`, `5m`, `1h`; NaN of anything else. */
export function durationMs(text: string): number {
  const [, count, unit] = /^(\d+)([smh])$/.exec(text) ?? [];
  return Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
}

/** The end of a stretch in the past, epoch ms; undefined: it ends now. */
export const endOf = ({ to }: Pick<Stretch, 'to'>): number | undefined => (to === '' ? undefined : Number(to));

export const isPast = ({ to }: Pick<Stretch, 'to'>): boolean => to !== '';

/** How long it is, when `lengthMs` is chosen: a stretch that has a beginning of its own is as long as that says. */
export function lengthOf({ from, to }: Stretch, lengthMs: number): number {
  return from === '' || to === '' ? lengthMs : Math.max(1000, Number(to) - Number(from));
}

/** The time parameters of `/v1/matrix`. */
export function matrixStretch(view: Stretch & Pick<ViewState, 'window'>): { window: string; to: string } {
  const { from, to, window } = view;
  return { window: from === '' || to === '' ? window : `${lengthOf(view, 0)}ms`, to };
}

/** The same stretch by a length of itself earlier (-1) or later (1); one that would end after now ends now. */
export function stepped({ from, to }: Stretch, lengthMs: number, steps: number, nowMs: number): Stretch {
  const endMs = (to === '' ? nowMs : Number(to)) + steps * lengthMs;
  if (endMs >= nowMs) return { from: '', to: '' };
  const shifted = from === '' || to === '' ? '' : String(Number(from) + steps * lengthMs);
  return { from: shifted, to: String(endMs) };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A time as text for a form field, in local time; empty for now. */
export function fieldText(to: string): string {
  const date = new Date(Number(to));
  if (to === '' || Number.isNaN(date.getTime())) return '';
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day}T${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `14:02:10`, with the day when it is not that of `besideMs`. */
export function clockText(ms: number, besideMs = Date.now()): string {
  const [date, beside] = [new Date(ms), new Date(besideMs)];
  const time = date.toLocaleTimeString('en-GB');
  if (date.toDateString() === beside.toDateString()) return time;
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}
