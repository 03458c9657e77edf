/**
 * Scans a JSON text (RFC 8259) once, for problems and their positions. `JSON.parse` silently takes the last of two
 * equal keys, and its messages about a broken text are too short to correct it. Pure; knows the grammar only, not the
 * meaning of the values.
 */

import type { Problem } from '../../base/errors.js';
import { found, MOST_PROBLEMS, shortPointer } from '../../config/files/problems.js';

/** Values and keys between two yields: about a millisecond. */
const TOKENS_A_TURN = 5_000;

/** More segments do not fit into a pointer. */
const DEEPEST_SHOWN = 256;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const [OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [91, 93, 123, 125];
const FIRST_PRINTABLE = 32;

/** Words and numbers. */
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The tokens that may come next, in words that complete "expected …". */
const EXPECTED = {
  value: 'a value: an object, a list, text in double quotes, a number, true, false or null',
  valueOrEnd: 'a value or "]"',
  key: 'a key in double quotes',
  keyOrEnd: 'a key in double quotes or "}"',
  colon: '":" between a key and its value',
  commaOrEndOfMap: '"," or "}"',
  commaOrEndOfList: '"," or "]"',
  end: 'the end of the body behind its value',
} as const;
type Expected = keyof typeof EXPECTED;

/** An object or list that is open. */
interface Open {
  /** So far; undefined for a list. */
  readonly keys: Set<string> | undefined;
  /** Key or index of the value that is being read. */
  at: string | number;
}

interface JsonProblems {
  /** In the order of the text, the first of very many. A text that is no JSON has one for that, which is the last. */
  readonly listed: readonly Problem[];
  readonly count: number;
}

/**
 * Yields where other work may run. Without problems `JSON.parse` accepts the text, and every key of an object occurs
 * once.
 */
export function* jsonProblems(text: string): Generator<void, JsonProblems> {
  return yield* new JsonText(text).lookThrough();
}

class JsonText {
  private readonly text: string;
  private position = 0;
  private readonly stack: Open[] = [];
  private expected: Expected = 'value';
  private readonly listed: Problem[] = [];
  private count = 0;
  private broken = false;
  /** The line that was last asked for: its number, where it begins, and where the next line end is. */
  private readonly line = { number: 1, start: 0, end: -1 };

  constructor(text: string) {
    this.text = text;
    this.line.end = text.indexOf('\n');
  }

  *lookThrough(): Generator<void, JsonProblems> {
    for (let tokens = 1; this.skipSpace() < this.text.length && !this.broken; tokens++) {
      this.token(this.text.charCodeAt(this.position));
      if (tokens % TOKENS_A_TURN === 0) yield;
    }
    if (!this.broken && this.expected !== 'end') this.unexpected();
    return { listed: this.listed, count: this.count };
  }

  private skipSpace(): number {
    for (; ; this.position++) {
      const code = this.text.charCodeAt(this.position);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return this.position;
    }
  }

  private token(code: number): void {
    const { expected } = this;
    if (expected === 'value' || expected === 'valueOrEnd') {
      if (code === OPEN_MAP) this.begin('keyOrEnd', new Set());
      else if (code === OPEN_LIST) this.begin('valueOrEnd', undefined);
      else if (code === CLOSE_LIST && expected === 'valueOrEnd') this.close();
      else if (code === QUOTE ? this.string() : this.literal()) this.valueEnds();
    } else if (expected === 'key' || expected === 'keyOrEnd') {
      if (code === QUOTE) this.key();
      else if (code === CLOSE_MAP && expected === 'keyOrEnd') this.close();
      else this.unexpected();
    } else if (expected === 'colon') {
      if (code === COLON) this.next('value');
      else this.unexpected();
    } else if (code === COMMA && expected !== 'end') this.comma();
    else if (code === CLOSE_MAP && expected === 'commaOrEndOfMap') this.close();
    else if (code === CLOSE_LIST && expected === 'commaOrEndOfList') this.close();
    else this.unexpected();
  }

  private next(expected: Expected): void {
    this.position += 1;
    this.expected = expected;
  }

  private begin(expected: Expected, keys: Set<string> | undefined): void {
    this.stack.push({ keys, at: keys === undefined ? 0 : '' });
    this.next(expected);
  }

  private close(): void {
    this.stack.pop();
    this.position += 1;
    this.valueEnds();
  }

  private valueEnds(): void {
    const open = this.stack.at(-1);
    if (open === undefined) this.expected = 'end';
    else this.expected = open.keys === undefined ? 'commaOrEndOfList' : 'commaOrEndOfMap';
  }

  private comma(): void {
    const open = this.stack.at(-1);
    if (open !== undefined && typeof open.at === 'number') open.at += 1;
    this.next(open?.keys === undefined ? 'value' : 'key');
  }

  private key(): void {
    const start = this.position;
    if (!this.string()) return;
    const written = this.text.slice(start + 1, this.position - 1);
    const key = written.includes('\\') ? String(JSON.parse(`"${written}"`)) : written;
    const open = this.stack.at(-1);
    if (open?.keys === undefined) return;
    open.at = key;
    if (open.keys.has(key))
      this.report(start, () => `found the key ${found(key)} a second time, expected it once; remove one of the two`);
    open.keys.add(key);
    this.expected = 'colon';
  }

  private literal(): boolean {
    LITERAL.lastIndex = this.position;
    if (!LITERAL.test(this.text)) return this.unexpected();
    this.position = LITERAL.lastIndex;
    return true;
  }

  private string(): boolean {
    const start = this.position;
    for (this.position += 1; this.position < this.text.length; ) {
      const code = this.text.charCodeAt(this.position);
      if (code === QUOTE) {
        this.position += 1;
        return true;
      }
      if (code < FIRST_PRINTABLE)
        return this.fail(`found ${this.here()} inside text, expected a closing double quote, or "\\n" for a line end`);
      if (code === BACKSLASH) {
        ESCAPE.lastIndex = this.position;
        if (!ESCAPE.test(this.text))
          return this.fail(
            `found ${found(this.text.slice(this.position, this.position + 2))} inside text, expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX; write a backslash as \\\\`,
          );
        this.position = ESCAPE.lastIndex;
      } else this.position += 1;
    }
    this.position = start;
    return this.fail('found text without an end, expected a closing double quote; is the body cut off?');
  }

  /** The next character is not one that may come here. */
  private unexpected(): false {
    const here = this.text[this.position];
    let remedy = 'send valid JSON (RFC 8259)';
    if (this.text === '') remedy = 'send what the content type promises';
    else if (here === undefined) remedy = 'is the body cut off?';
    else if (here === "'") remedy = 'write text in double quotes';
    else if (here === '#' || here === '/') remedy = 'take comments out';
    else if ((here === '}' || here === ']') && /,\s*$/.test(this.text.slice(0, this.position).slice(-100)))
      remedy = 'take out the comma before it';
    return this.fail(`found ${this.here()}, expected ${EXPECTED[this.expected]}; ${remedy}`);
  }

  private here(): string {
    const code = this.text.codePointAt(this.position);
    if (code !== undefined) return JSON.stringify(String.fromCodePoint(code));
    return this.text === '' ? 'an empty body' : 'the end of the body';
  }

  /** The text is not JSON, so further positions mean nothing. */
  private fail(message: string): false {
    this.broken = true;
    // A key that is not read yet is no part of the path.
    if (this.expected === 'key' || this.expected === 'keyOrEnd') this.stack.pop();
    this.report(this.position, () => message);
    return false;
  }

  private report(position: number, message: () => string): void {
    this.count += 1;
    if (this.listed.length >= MOST_PROBLEMS && !this.broken) return;
    const { line, text } = this;
    while (line.end !== -1 && line.end < position) {
      line.number += 1;
      line.start = line.end + 1;
      line.end = text.indexOf('\n', line.start);
    }
    this.listed.push({
      path: shortPointer(this.stack.slice(0, DEEPEST_SHOWN).map(({ at }) => at)),
      message: message(),
      line: line.number,
      column: position - line.start + 1,
    });
  }
}
