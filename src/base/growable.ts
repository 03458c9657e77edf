/**
 * Columns of numbers that grow without being copied: address space for as many as can be wanted is set aside when a column is made, and
 * the kernel gives memory page by page, when it is first written to. So room for a million paths is made in microseconds, where a copy
 * of what is there took milliseconds that probes of other groups waited for.
 */

export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;
type ColumnType<T extends Column> = {
  new (buffer: SharedArrayBuffer, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};

/** A column of `length` zeros that can grow in place to `most`. */
export function column<T extends Column>(type: ColumnType<T>, length: number, most: number): T {
  const bytes = length * type.BYTES_PER_ELEMENT;
  return new type(reserved(bytes, most * type.BYTES_PER_ELEMENT), 0, length);
}

/** The column with room for `length` numbers, the further ones 0. It lies where the old one lies, unless that has grown to its most already. */
export function grown<T extends Column>(old: T, length: number): T {
  const type = old.constructor as unknown as ColumnType<T>;
  const bytes = length * type.BYTES_PER_ELEMENT;
  const { buffer } = old;
  if (buffer instanceof SharedArrayBuffer && buffer.growable && bytes <= buffer.maxByteLength) {
    if (bytes > buffer.byteLength) buffer.grow(bytes);
    return new type(buffer, 0, length);
  }
  const copy = column(type, length, 2 * length);
  copy.set(old);
  return copy;
}

/**
 * Shared memory, though no other thread sees it: it can only grow, so that a view of it is as quick as one of memory of fixed size; and
 * the pages of shared memory that can grow are mapped, never cleared by hand.
 */
function reserved(bytes: number, mostBytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes, { maxByteLength: mostBytes });
  } catch {
    // Where address space is limited (ulimit -v), a column that grows has to move.
    return new SharedArrayBuffer(bytes);
  }
}
