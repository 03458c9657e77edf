/**
 * What the rows of an answer have in common: of a row that was parsed and checked, all bytes but those of its values. A row with the same bytes around
 * values of the same kinds is as right as that one was, whatever the values are, and so most rows are checked without being parsed.
 *
 * It must never take a row for right that `JSON.parse` or the check of its fields would refuse. When in doubt it does not know.
 *
 * Measured (Intel Xeon, Node 20, rows of 870 bytes): 2.6 µs a row, where finding its end, parsing and checking it took 8.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;

/** What stands in the place of a value; JSON has no such bytes. */
const TEXT = 1;
const COUNT = 2;
const NUMBER = 3;

/** As many digits as every safe integer may have. */
const MOST_COUNT_DIGITS = 15;
/** So long it is finite, whatever it is. */
const MOST_NUMBER_BYTES = 40;

export class RowShape {
  /** Bytes of the row, with one of the above in place of each value. Values that are neither text nor number are bytes of the row. */
  private readonly pattern: Uint8Array;

  private constructor(pattern: Uint8Array) {
    this.pattern = pattern;
  }

  /** Of a row that is right; `counts` are the names of what has to be a count. undefined when it is written in a way that is not worth following. */
  static of(row: Uint8Array, counts: ReadonlySet<string>): RowShape | undefined {
    const pattern: number[] = [];
    let name = '';
    let at = 0;
    while (at < row.length) {
      const byte = row[at];
      if (byte === QUOTE) {
        const end = endOfText(row, at + 1);
        if (end < 0) return undefined;
        if (row[end + 1] === COLON) {
          name = Buffer.from(row.subarray(at + 1, end)).toString();
          for (; at <= end; at++) pattern.push(row[at]);
        } else {
          pattern.push(QUOTE, TEXT, QUOTE);
          at = end + 1;
        }
      } else if (byte === MINUS || isDigit(byte)) {
        const kind = counts.has(name) ? COUNT : NUMBER;
        at = kind === COUNT ? endOfCount(row, at) : endOfNumber(row, at);
        if (at < 0) return undefined;
        pattern.push(kind);
      } else {
        // White space may be anywhere, and as much as one likes: `row[end + 1]` above is right only where there is none.
        if (byte <= SPACE) return undefined;
        pattern.push(byte);
        at += 1;
      }
    }
    return new RowShape(Uint8Array.from(pattern));
  }

  /** Where the row that begins at `at` ends, when it is one of this shape; -1: it has to be looked at. The bytes are UTF-8. Hot. */
  endOf(bytes: Uint8Array, at: number): number {
    const { pattern } = this;
    const { length } = pattern;
    let next = at;
    for (let i = 0; i < length; i++) {
      const want = pattern[i];
      if (want > NUMBER) {
        if (bytes[next++] !== want) return -1;
      } else {
        next =
          want === TEXT ? endOfText(bytes, next) : want === COUNT ? endOfCount(bytes, next) : endOfNumber(bytes, next);
        if (next < 0) return -1;
      }
    }
    return next;
  }
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE;

/** Where the text is closed that begins at `at`; -1 when there is an escape in it, or what JSON wants escaped. */
function endOfText(bytes: Uint8Array, at: number): number {
  for (let next = at; next < bytes.length; next++) {
    const byte = bytes[next];
    if (byte === QUOTE) return next;
    if (byte === BACKSLASH || byte < SPACE) return -1;
  }
  return -1;
}

function endOfDigits(bytes: Uint8Array, at: number): number {
  let next = at;
  while (bytes[next] >= ZERO && bytes[next] <= NINE) next += 1;
  return next;
}

/** Whole and not below zero, as JSON writes it; -1 when it is not surely so. */
function endOfCount(bytes: Uint8Array, at: number): number {
  const end = endOfDigits(bytes, at);
  if (end === at || end > at + MOST_COUNT_DIGITS || (bytes[at] === ZERO && end > at + 1) || isMore(bytes[end]))
    return -1;
  return end;
}

/** A number without an exponent; -1 when it is not surely one. */
function endOfNumber(bytes: Uint8Array, at: number): number {
  const from = bytes[at] === MINUS ? at + 1 : at;
  let end = endOfDigits(bytes, from);
  if (end === from || (bytes[from] === ZERO && end > from + 1)) return -1;
  if (bytes[end] === POINT) {
    const point = end;
    end = endOfDigits(bytes, point + 1);
    if (end === point + 1) return -1;
  }
  return end > at + MOST_NUMBER_BYTES || isMore(bytes[end]) ? -1 : end;
}

/** A fraction, or an exponent. */
const isMore = (byte: number): boolean => byte === POINT || byte === 0x65 || byte === 0x45;
