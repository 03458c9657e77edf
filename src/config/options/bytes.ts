/** Amounts of memory as text: `256MiB`, `1GiB`, `64KiB`, or a plain number of bytes. Powers of 1024 only. */

const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const BYTES = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB)?$/;

/** Bytes of an amount; undefined when it is not one, or not a whole number of bytes. */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = BYTES.exec(value);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (UNIT_BYTES[match[2] ?? 'B'] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The amount in the unit that keeps it at least 1, with one decimal at most: `1.5MiB`. */
export function formatBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB']) {
    const unitBytes = UNIT_BYTES[unit] ?? 1;
    if (bytes >= unitBytes) return `${Math.round((bytes / unitBytes) * 10) / 10}${unit}`;
  }
  return `${bytes}B`;
}
