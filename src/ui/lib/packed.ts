/** An answer of `/v1/matrix` in typed arrays: a third of the memory, and one thread can hand it to another. Pure. */

import type { MatrixAnswer, MatrixColumns } from './types.js';

/** Entry `i` of each is of the same cell. Counts are there when they were asked for. */
export interface PackedColumns {
  readonly row: Uint32Array;
  readonly column: Uint32Array;
  /** NaN: nothing was measured. */
  readonly value: Float64Array;
  readonly sent?: Float64Array;
  readonly lost?: Float64Array;
  readonly unreachable?: Float64Array;
  readonly ageMs?: Float64Array;
  /** 1: stale. */
  readonly stale?: Uint8Array;
}

export interface PackedAnswer extends Omit<MatrixAnswer, 'cells'> {
  readonly cells: PackedColumns;
}

const NUMBERS = ['sent', 'lost', 'unreachable', 'ageMs'] as const;

export function packAnswer({ cells, ...rest }: MatrixAnswer): PackedAnswer {
  const { row, column, value, stale } = cells;
  const numbers = (name: (typeof NUMBERS)[number]): Partial<PackedColumns> => {
    const list: MatrixColumns[typeof name] | undefined = cells[name];
    return list === undefined ? {} : { [name]: new Float64Array(list) };
  };
  return {
    ...rest,
    cells: {
      row: new Uint32Array(row),
      column: new Uint32Array(column),
      value: Float64Array.from(value, (one) => one ?? Number.NaN),
      ...(stale === undefined ? {} : { stale: Uint8Array.from(stale, Number) }),
      ...Object.assign({}, ...NUMBERS.map(numbers)),
    },
  };
}
