/**
 * Columns of numbers that grow without a copy. Address space for the largest size is reserved at creation, and the
 * kernel provides memory page by page at the first write. So growing to a million paths takes microseconds, where a
 * copy took milliseconds that delayed probes of other groups.
 */

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;
type ColumnType<T extends Column> = {
  new (buffer: SharedArrayBuffer, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};

/** A column of `length` zeros that can grow in place to `most`. */
export function column<T extends Column>(type: ColumnType<T>, length: number, most: number): T {
  const bytes = length * type.BYTES_PER_ELEMENT;
  return new type(reserved(bytes, most * type.BYTES_PER_ELEMENT), 0, length);
}

/**
 * The column with capacity for `length` numbers, new ones 0. It stays at its address, unless the old one has reached
 * its limit.
 */
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
 * Shared memory, although only one thread uses it. It can only grow, so that a view is as fast as one of fixed memory.
 * Its pages are mapped, never cleared explicitly.
 */
function reserved(bytes: number, mostBytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes, { maxByteLength: mostBytes });
  } catch {
    // With limited address space (ulimit -v) a growing column must be copied.
    return new SharedArrayBuffer(bytes);
  }
}
