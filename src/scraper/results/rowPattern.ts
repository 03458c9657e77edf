/**
 * The pattern of a row, to compare rows by: its bytes without the bytes of its values, and the positions of the values
 * between them.
 */

import {
  BOOLEAN,
  COLON,
  COUNT,
  endOfText,
  endOfValue,
  FALSE,
  isDigit,
  isWord,
  LIST,
  LIST_END,
  MAP,
  MAP_END,
  MINUS,
  NULL,
  NUMBER,
  NUMBER_OR_NULL,
  QUOTE,
  SPACE,
  TEXT,
  TRUE,
} from './jsonValue.js';

/**
 * The fields of a row whose kind is checked, by name, wherever in a row that name occurs. All others may have any
 * value.
 */
export interface CheckedFields {
  /** Whole and not below zero. */
  readonly counts: ReadonlySet<string>;
  readonly numbers: ReadonlySet<string>;
  /** Fields that may be null but not a number. */
  readonly nullable: ReadonlySet<string>;
}

/**
 * Bounds of a pattern. A row is some hundred bytes and 60 values; a larger row comes from no collector. Patterns are
 * kept, and each value has a path, so a row of a malicious collector could otherwise take thousands of times its own
 * size.
 */
const MOST_ROW_BYTES = 65_536;
const MOST_PATTERN_BYTES = 8_192;
const MOST_VALUES = 256;
const MOST_DEPTH = 4;
const MOST_NAME_BYTES = 128;
/** Between the names of a value inside of maps. No name has it. */
const INSIDE = '\0';

/** One value: its name (`sent`, `rttUs\0p50`), its kind, and the number of bytes between it and the value before. */
export interface RowValue {
  readonly path: string;
  readonly kind: number;
  readonly gap: number;
}

/** The path of a value inside of a map. */
export const inside = (map: string, name: string): string => `${map}${INSIDE}${name}`;

/** A map or list that a value is in. */
interface Around {
  /** Its own name. */
  readonly name: string;
  readonly names: Set<string>;
}

export interface RowPattern {
  /** The bytes of the row, with each value replaced by its kind. */
  readonly bytes: Uint8Array;
  readonly values: readonly RowValue[];
  readonly ending: Ending;
}

/** The pattern of a valid row; undefined when it is written in a way that is not worth following. */
export function patternOf(row: Buffer, checked: CheckedFields): RowPattern | undefined {
  if (row.length > MOST_ROW_BYTES) return undefined;
  const pattern = new Uint8Array(MOST_PATTERN_BYTES);
  const values: RowValue[] = [];
  const around: Around[] = [];
  let length = 0;
  let lastValue = 0;
  let name = '';
  const add = (kind: number): void => {
    const path = [...around.slice(1).map((one) => one.name), name].join(INSIDE);
    values.push({ path, kind, gap: length - lastValue });
    pattern[length++] = kind;
    lastValue = length;
  };
  let at = 0;
  while (at < row.length) {
    if (values.length > MOST_VALUES || around.length > MOST_DEPTH) return undefined;
    const byte = row[at];
    let end = at + 1;
    let kind = 0;
    if (byte === QUOTE) {
      const quote = endOfText(row, at + 1);
      if (quote < 0) return undefined;
      end = quote + 1;
      if (row[end] === COLON) {
        if (end - at > MOST_NAME_BYTES) return undefined;
        name = row.toString('utf8', at + 1, quote);
        const names = around.at(-1)?.names;
        // The last one of a duplicate name counts, and a tag of this name would not be checked.
        if (names === undefined || names.has(name) || name === '__proto__') return undefined;
        names.add(name);
      } else {
        pattern[length++] = QUOTE;
        add(TEXT);
        pattern[length++] = QUOTE;
        at = end;
        continue;
      }
    } else if (byte === MAP || byte === LIST) {
      around.push({ name, names: new Set() });
    } else if (byte === MAP_END || byte === LIST_END) {
      name = around.pop()?.name ?? '';
    } else if (byte === MINUS || isDigit(byte)) {
      kind = checked.counts.has(name) ? COUNT : isLoose(name, checked) ? NUMBER_OR_NULL : NUMBER;
      end = endOfValue(row, at, kind);
    } else if (isWord(row, at, NULL)) {
      end = at + NULL.length;
      if (isLoose(name, checked)) kind = NUMBER_OR_NULL;
    } else if (isWord(row, at, TRUE) || isWord(row, at, FALSE)) {
      kind = BOOLEAN;
      end = endOfValue(row, at, kind);
    } else if (byte <= SPACE) {
      // White space may occur anywhere; the search for a colon, above, is right only without it.
      return undefined;
    }
    if (end < 0) return undefined;
    if (kind > 0) add(kind);
    else for (let i = at; i < end; i++) pattern[length++] = row[i];
    at = end;
  }
  if (length > MOST_PATTERN_BYTES) return undefined;
  const bytes = pattern.slice(0, length);
  const ending = endingOf(bytes);
  return ending === undefined ? undefined : { bytes, values, ending };
}

/**
 * The end of a row: this many bytes with the histogram's name and the like, and the histogram before the last two of
 * them.
 */
export interface Ending {
  readonly bytes: number;
  readonly histogram: boolean;
}

const HISTOGRAM = Buffer.from(`,"hdr":"${String.fromCharCode(TEXT)}"}`);
const NO_HISTOGRAM = Buffer.from(',"hdr":null}');
const HISTOGRAM_NAME = Buffer.from('"hdr":');

/** undefined: it has a histogram, but not at its end. */
function endingOf(pattern: Uint8Array): Ending | undefined {
  const bytes = Buffer.from(pattern.buffer, pattern.byteOffset, pattern.length);
  const isEnd = (end: Buffer): boolean => bytes.length > end.length && bytes.subarray(-end.length).equals(end);
  if (isEnd(HISTOGRAM)) return { bytes: HISTOGRAM.length - 1, histogram: true };
  if (isEnd(NO_HISTOGRAM)) return { bytes: NO_HISTOGRAM.length, histogram: false };
  return bytes.includes(HISTOGRAM_NAME) ? undefined : { bytes: '}'.length, histogram: false };
}

/** Whether the field may be null instead of a number, or a number instead of null. */
const isLoose = (name: string, { counts, numbers, nullable }: CheckedFields): boolean =>
  !counts.has(name) && !numbers.has(name) && !nullable.has(name);
