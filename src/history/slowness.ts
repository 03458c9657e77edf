/**
 * Finds pairs that are slower than their own normal: that of the hour before the window. Pure; shared by the page and
 * `llama top`.
 *
 * A pair is slow when its median is at least 1.5 times its normal median and 100 µs above it, and its mean rose as
 * well. A few slow replies move no median. A pair of paths with two latencies, whose median flips between them, has the
 * same mean as before. A pair with too little data must never be judged.
 */

/** Length of the time before the window that the normal is taken from. */
export const NORMAL_WINDOW = '1h';
const TIMES_NORMAL = 1.5;
const ABOVE_NORMAL_US = 100;
const MEAN_TIMES_NORMAL = 1.25;
/** Round trips on either side. */
const LEAST_SAMPLES = 10;

/** A matrix by `format=columns`, in arrays or typed arrays. */
export interface TimesMatrix {
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: {
    readonly row: ArrayLike<number>;
    readonly column: ArrayLike<number>;
    /** µs; null or NaN: unknown. */
    readonly value: ArrayLike<number | null>;
    readonly samples?: ArrayLike<number>;
    readonly stale?: ArrayLike<number | boolean>;
  };
}

/** The same pairs by their median and by their mean. */
export interface Times {
  readonly p50: TimesMatrix;
  readonly mean: TimesMatrix;
}

export interface SlowPair {
  /** Keys of row and column. */
  readonly row: readonly string[];
  readonly column: readonly string[];
  /** Medians. */
  readonly nowUs: number;
  readonly normalUs: number;
}

export interface Slowness {
  /** Pairs with a known normal. */
  readonly compared: number;
  /** Slowest by its normal first, at most as many as asked for. */
  readonly worst: readonly SlowPair[];
  readonly slow: number;
}

interface Known {
  p50: number;
  mean: number;
  samples: number;
}

const keyOf = ({ rows, columns, cells }: TimesMatrix, i: number): string =>
  JSON.stringify([rows[cells.row[i] ?? 0], columns[cells.column[i] ?? 0]]);

function byKey({ p50, mean }: Times): Map<string, Known> {
  const found = new Map<string, Known>();
  for (let i = 0; i < p50.cells.value.length; i++)
    found.set(keyOf(p50, i), {
      p50: p50.cells.value[i] ?? Number.NaN,
      mean: Number.NaN,
      samples: p50.cells.samples?.[i] ?? 0,
    });
  for (let i = 0; i < mean.cells.value.length; i++) {
    const one = found.get(keyOf(mean, i));
    if (one !== undefined) one.mean = mean.cells.value[i] ?? Number.NaN;
  }
  return found;
}

const isSlow = (now: Known, normal: Known): boolean =>
  now.p50 >= normal.p50 * TIMES_NORMAL &&
  now.p50 - normal.p50 >= ABOVE_NORMAL_US &&
  now.mean >= normal.mean * MEAN_TIMES_NORMAL;

/** `before` undefined: no data of the time before the window. */
export function slownessOf(now: Times, before: Times | undefined, most: number): Slowness {
  if (before === undefined) return { compared: 0, slow: 0, worst: [] };
  const normals = byKey(before);
  const current = byKey(now);
  const { rows, columns, cells } = now.p50;
  const slow: SlowPair[] = [];
  let compared = 0;
  for (let i = 0; i < cells.value.length; i++) {
    const key = keyOf(now.p50, i);
    const [one, normal] = [current.get(key), normals.get(key)];
    if (one === undefined || normal === undefined || cells.stale?.[i]) continue;
    if (one.samples < LEAST_SAMPLES || normal.samples < LEAST_SAMPLES) continue;
    if (Number.isNaN(one.p50) || Number.isNaN(normal.p50)) continue;
    compared += 1;
    if (isSlow(one, normal))
      slow.push({
        row: rows[cells.row[i] ?? 0] ?? [],
        column: columns[cells.column[i] ?? 0] ?? [],
        nowUs: one.p50,
        normalUs: normal.p50,
      });
  }
  slow.sort((a, b) => b.nowUs / b.normalUs - a.nowUs / a.normalUs);
  return { compared, slow: slow.length, worst: slow.slice(0, most) };
}

/**
 * The pairs that "normal latency" refers to: ` on 4 of 13`, ` on the 3 that answer`; empty: all. null when no pair
 * answers. A pair that does not answer, is not measured or is stale counts in `all` only.
 */
export function normalOf(compared: number, answering: number, all: number): string | null {
  if (answering === 0) return null;
  if (compared >= answering && answering === all) return '';
  const few = compared < answering ? `${compared} of ${answering}` : `the ${answering}`;
  return ` on ${few}${answering === all ? '' : ` that ${answering === 1 ? 'answers' : 'answer'}`}`;
}
