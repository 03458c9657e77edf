/**
 * How a wrong input is described: where (JSON pointer, line, column), what was found, what is expected, what to do. All
 * readers of configurations and request bodies word their problems with these helpers, so that they read alike.
 */

import { distance } from 'fastest-levenshtein';
import type { Problem } from '../../base/errors.js';

/** Keys and indexes from the root of the input to a value. */
export type Path = readonly (string | number)[];

/** The part that a problem is about: the key, the value (default), or something outside the file, which has no line. */
type At = 'key' | 'value' | 'outside';

/** Takes a problem. */
export type Report = (path: Path, message: string, at?: At) => void;

/** The path as a JSON pointer (RFC 6901); empty for the whole input. */
export function toPointer(path: Path): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Longer pointers are cut: the keys and the nesting of a body have no other bound than its size. */
const MOST_POINTER_CHARACTERS = 256;

/** The pointer to a position in the body of a request; only its beginning when it is very long. */
export function shortPointer(path: Path): string {
  let pointer = '';
  for (const segment of path) {
    pointer += toPointer([typeof segment === 'string' ? segment.slice(0, MOST_POINTER_CHARACTERS) : segment]);
    if (pointer.length > MOST_POINTER_CHARACTERS) return `${pointer.slice(0, MOST_POINTER_CHARACTERS)}…`;
  }
  return pointer;
}

/** The inverse of `toPointer`; every segment is text. */
export function fromPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * Most problems of one input that are listed; the others are counted. No person reads ten thousand, and writing them
 * takes long.
 */
export const MOST_PROBLEMS = 100;

/** Collects the problems of an input that is not a file: the first are kept. */
export class ProblemList {
  readonly listed: Problem[] = [];
  /** How many there were. */
  count = 0;

  readonly report: Report = (path, message) => {
    this.count += 1;
    if (!this.full) this.listed.push({ path: shortPointer(path), message });
  };

  /** Further problems are only counted. */
  get full(): boolean {
    return this.listed.length >= MOST_PROBLEMS;
  }
}

/** The last line of a text with the first of `count` problems: the number of further ones. Empty without any. */
export function andMore(count: number, listed: number): string {
  return count > listed ? `\nand ${count - listed} more problem${count - listed === 1 ? '' : 's'}` : '';
}

const SHOWN_CHARACTERS = 60;

/** The kind of a value, for messages that must not show any of it. */
export function kindOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return found(value);
  }
}

/** A URL, or an attempt at one, for messages: without user, password and query, which may be secrets. */
export function withoutSecrets(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1…@').replace(/\?.*$/s, '?…');
}

/** Keys whose value is a secret, or is by mistake a secret instead of a file's path. */
const SECRET_KEY = /(?:token|password|secret|key)(?:file)?$/i;

/** A value as a message shows it: only its kind where the key at the end of its path is one of a secret. */
export function foundAt(path: Path, value: unknown): string {
  const key = path.at(-1);
  return typeof key === 'string' && SECRET_KEY.test(key) ? kindOf(value) : found(value);
}

/** A value as a message shows it: short, and with quotes when it is text. */
export function found(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string')
    return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return 'a map';
}

/** True for the result of a YAML map or a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The known word that `word` is most likely a typo of; undefined when none is similar. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  if (word.length > SHOWN_CHARACTERS) return undefined;
  for (const candidate of known) {
    const changes = distance(word.toLowerCase(), candidate.toLowerCase());
    if (changes < bestDistance && changes < candidate.length) {
      best = candidate;
      bestDistance = changes;
    }
  }
  return best;
}

/** `found "x", expected one of a, b; did you mean "a"?` */
export function unknownWord(word: string, what: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return `found ${found(word)}, expected ${what}${near === undefined ? '' : `; did you mean "${near}"?`}`;
}

/** Reports every key of `map` that is not in `known`. */
export function reportUnknownKeys(
  map: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: Path,
  report: Report,
): void {
  const expected = `one of the keys ${known.join(', ')}`;
  let unknown = 0;
  for (const key of Object.keys(map)) {
    if (known.includes(key)) continue;
    unknown += 1;
    // The nearest key is computed only for problems that are shown: a map of a million keys must not take seconds.
    const near = unknown > MOST_PROBLEMS ? undefined : nearest(key, known);
    report(
      [...path, key],
      `found ${found(key)}, expected ${expected}; ${near === undefined ? 'remove it' : `did you mean "${near}"?`}`,
      'key',
    );
  }
}

/** One line for a person: `config.yaml:12:7: /groups/west/period: found …`. */
export function formatProblem(problem: Problem, fileName?: string): string {
  const place =
    fileName === undefined || problem.line === undefined ? '' : `${fileName}:${problem.line}:${problem.column ?? 1}: `;
  return `${place}${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}
