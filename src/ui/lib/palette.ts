/**
 * The colour of a value. Blue is good; yellow, orange and red are worse. All common kinds of colour blindness can tell
 * them apart, and the cell shows the number as well. Missing or old data never have the colour of health.
 */

/** Levels from good (0) to worst (4). */
export const LEVELS = 5;
type Level = 0 | 1 | 2 | 3 | 4;

/** Bounds between the levels. Loss in percent: any loss at all is level 1. */
export const DEFAULT_LOSS_BOUNDS: readonly number[] = [0, 0.2, 1, 5];
/** For times: multiples of the pair's own normal. */
export const DEFAULT_TIME_BOUNDS: readonly number[] = [1.25, 1.5, 2, 4];

/** Above the last bound that it is greater than. */
export function levelOf(value: number, bounds: readonly number[]): Level {
  let level = 0;
  while (level < bounds.length && value > (bounds[level] ?? Number.POSITIVE_INFINITY)) level++;
  return Math.min(level, LEVELS - 1) as Level;
}

/** A smaller excess over the normal time means nothing: the scheduling of the hosts causes as much. */
export const LEAST_EXCESS_US = 50;

/** Level of a time: by its ratio to the normal, when it exceeds the normal by more than the hosts alone cause. */
export function timeLevel(us: number, normalUs: number, bounds: readonly number[]): Level {
  return us - normalUs < LEAST_EXCESS_US ? 0 : levelOf(us / normalUs, bounds);
}

/** Bounds as a person writes them: `0, 0.2, 1, 5`. undefined: these are no four numbers that rise. */
export function parseBounds(text: string): number[] | undefined {
  const bounds = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(Number);
  const rise = bounds.every(
    (bound, i) => Number.isFinite(bound) && bound >= 0 && (i === 0 || bound > (bounds[i - 1] ?? 0)),
  );
  return bounds.length === LEVELS - 1 && rise ? bounds : undefined;
}

export interface Palette {
  readonly levels: readonly string[];
  /** Text on each level. */
  readonly ink: readonly string[];
  /** Behind everything. */
  readonly ground: string;
  /** No such pair. */
  readonly none: string;
  /** A pair without data in the window. */
  readonly gone: string;
  readonly stale: string;
  readonly staleLine: string;
  /** Not measured: this host sent no probe, or dropped the replies. */
  readonly unmeasured: string;
  readonly text: string;
  readonly muted: string;
  readonly select: string;
  /** Lines of charts. */
  readonly lines: Readonly<Record<'loss' | 'p50' | 'p90' | 'p99' | 'max', string>>;
}

export const LIGHT: Palette = {
  levels: ['#d3e6f3', '#fff3b0', '#fdc46b', '#ef7f3a', '#b3202c'],
  ink: ['#1d3b53', '#4a3b00', '#4a2b00', '#2b0d00', '#ffffff'],
  ground: '#ffffff',
  none: '#ffffff',
  gone: '#f1f1ee',
  stale: '#e2e2df',
  staleLine: '#a9a9a4',
  unmeasured: '#d6cbe6',
  text: '#1c2733',
  muted: '#52606d',
  select: '#0b0b0b',
  lines: { loss: '#b3202c', p50: '#1d5f8f', p90: '#3f95c9', p99: '#c9701a', max: '#9a9a94' },
};

export const DARK: Palette = {
  levels: ['#20405a', '#544c14', '#8a5f14', '#d4652a', '#ff7f8a'],
  ink: ['#cfe3f2', '#fffbe6', '#fff8ea', '#120600', '#1a0003'],
  ground: '#141a20',
  none: '#141a20',
  gone: '#1e242b',
  stale: '#2b3036',
  staleLine: '#5d656e',
  unmeasured: '#4a3d63',
  text: '#dfe6ec',
  muted: '#94a2b0',
  select: '#ffffff',
  lines: { loss: '#ff6b6b', p50: '#8ecbf2', p90: '#4c9fd6', p99: '#f0a04b', max: '#6d7884' },
};
