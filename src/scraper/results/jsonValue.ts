/**
 * Finds where a value of a known kind ends in a JSON text. It must never accept a value that `JSON.parse` would refuse,
 * nor one of another kind. It may refuse valid values that are written in a way that no collector uses (escapes,
 * exponents).
 */

/** Bytes that JSON is written with. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const LIST = 0x5b;
export const LIST_END = 0x5d;
export const MAP = 0x7b;
export const MAP_END = 0x7d;
export const MINUS = 0x2d;
export const POINT = 0x2e;
export const ZERO = 0x30;
export const NINE = 0x39;
export const SPACE = 0x20;

export const NULL = Buffer.from('null');
export const TRUE = Buffer.from('true');
export const FALSE = Buffer.from('false');

/** Kinds of values. The byte replaces the value in a pattern; JSON has no such bytes. */
export const TEXT = 1;
export const COUNT = 2;
export const NUMBER = 3;
export const NUMBER_OR_NULL = 4;
export const BOOLEAN = 5;

/** Every number with at most this many digits is a safe integer. */
const MOST_COUNT_DIGITS = 15;
/** Every number of at most this many bytes is finite. */
const MOST_NUMBER_BYTES = 40;

export const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE;

export function isWord(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

/** End of the text that begins at `at`; -1 when it contains an escape or a byte that JSON requires to be escaped. */
export function endOfText(bytes: Uint8Array, at: number): number {
  for (let next = at; next < bytes.length; next++) {
    const byte = bytes[next];
    if (byte === QUOTE) return next;
    if (byte === BACKSLASH || byte < SPACE) return -1;
  }
  return -1;
}

/** End of a value of this kind; -1 when that is uncertain. */
export function endOfValue(bytes: Uint8Array, at: number, kind: number): number {
  if (kind === COUNT) return endOfCount(bytes, at);
  if (kind === NUMBER) return endOfNumber(bytes, at);
  if (kind === NUMBER_OR_NULL) return isWord(bytes, at, NULL) ? at + NULL.length : endOfNumber(bytes, at);
  return isWord(bytes, at, TRUE) ? at + TRUE.length : isWord(bytes, at, FALSE) ? at + FALSE.length : -1;
}

function endOfDigits(bytes: Uint8Array, at: number): number {
  let next = at;
  while (bytes[next] >= ZERO && bytes[next] <= NINE) next += 1;
  return next;
}

/** Whole and not below zero, as JSON writes it. */
function endOfCount(bytes: Uint8Array, at: number): number {
  const end = endOfDigits(bytes, at);
  if (end === at || end > at + MOST_COUNT_DIGITS || (bytes[at] === ZERO && end > at + 1) || isMore(bytes[end]))
    return -1;
  return end;
}

/** A number without an exponent. */
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
