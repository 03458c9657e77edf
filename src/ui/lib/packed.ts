/** An answer of `/v1/matrix` in typed arrays: a third of the memory, and one thread can hand it to another. Pure. */

import { ANSWERING, type Answering, OUTCOME_COUNTS, type OutcomeCount } from '../../stats/outcome.js';
import type { MatrixAnswer, MatrixColumns } from './types.js';

/** Entry `i` of each is of the same cell. Counts are there when they were asked for. */
export interface PackedColumns extends Partial<Readonly<Record<OutcomeCount, Float64Array>>> {
  readonly row: Uint32Array;
  readonly column: Uint32Array;
  /** NaN without a measurement. */
  readonly value: Float64Array;
  readonly ageMs?: Float64Array;
  readonly samples?: Float64Array;
  /** Number of series of a cell, and of those without an answer. */
  readonly series?: Float64Array;
  readonly silentSeries?: Float64Array;
  readonly unmeasuredSeries?: Float64Array;
  /** 1: stale. */
  readonly stale?: Uint8Array;
  /** Indexes in `ANSWERING`. */
  readonly state?: Uint8Array;
  readonly reason?: readonly (string | null)[];
}

export interface PackedAnswer extends Omit<MatrixAnswer, 'cells'> {
  readonly cells: PackedColumns;
}

const NUMBERS = [
  ...OUTCOME_COUNTS,
  ...(['ageMs', 'samples', 'series', 'silentSeries', 'unmeasuredSeries'] as const),
] as const;

export function packAnswer({ cells, ...rest }: MatrixAnswer): PackedAnswer {
  const { row, column, stale, state, reason } = cells;
  const numbers = (name: (typeof NUMBERS)[number]): Partial<PackedColumns> => {
    const list: MatrixColumns[typeof name] | undefined = cells[name];
    return list === undefined ? {} : { [name]: new Float64Array(list) };
  };
  return {
    ...rest,
    cells: {
      row: new Uint32Array(row),
      column: new Uint32Array(column),
      value: packValues(cells.value),
      ...(stale === undefined ? {} : { stale: packFlags(stale) }),
      ...(state === undefined ? {} : { state: packStates(state) }),
      ...(reason === undefined ? {} : { reason }),
      ...Object.assign({}, ...NUMBERS.map(numbers)),
    },
  };
}

// `from` with a function takes ten times as long as these loops.
function packValues(values: readonly (number | null)[]): Float64Array {
  const packed = new Float64Array(values.length);
  for (let i = 0; i < packed.length; i++) packed[i] = values[i] ?? Number.NaN;
  return packed;
}

function packFlags(flags: readonly boolean[]): Uint8Array {
  const packed = new Uint8Array(flags.length);
  for (let i = 0; i < packed.length; i++) packed[i] = flags[i] === true ? 1 : 0;
  return packed;
}

function packStates(states: readonly Answering[]): Uint8Array {
  const packed = new Uint8Array(states.length);
  for (let i = 0; i < packed.length; i++) packed[i] = ANSWERING.indexOf(states[i] ?? 'unmeasured');
  return packed;
}

/**
 * Where the state was not requested, derived from the number of series without an answer; an unknown state never counts
 * as healthy.
 */
export function stateOf({ state, series, silentSeries, unmeasuredSeries }: PackedColumns, i: number): Answering {
  if (state !== undefined) return ANSWERING[state[i] ?? ANSWERING.length - 1] ?? 'unmeasured';
  if (series === undefined || silentSeries === undefined || unmeasuredSeries === undefined) return 'unmeasured';
  const silent = silentSeries[i] ?? 0;
  if (silent + (unmeasuredSeries[i] ?? 0) < (series[i] ?? 0)) return 'answers';
  return silent > 0 ? 'silent' : 'unmeasured';
}
