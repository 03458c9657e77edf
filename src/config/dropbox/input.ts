/**
 * Shared by the readers of both LLAMA forms: the text with its lines, the notes, and values as those programs read
 * them.
 */

import { parseAddress } from '../address.js';
import { formatProblem, found, isRecord, nearest, type Path, type Report, toPointer } from '../files/problems.js';
import type { YamlInput } from '../files/yaml.js';

/** A value of the file in LLAMA's form that became a value in ours. */
interface Place {
  readonly path: Path;
  readonly at: 'key' | 'value';
}

/**
 * A LLAMA configuration in our own form, not yet validated: every value is checked by the same readers as a file in our
 * form, and `places` has its position in the LLAMA file.
 */
export interface Converted {
  readonly value: Record<string, unknown>;
  /** By JSON pointer into `value`. A value without an entry is LLAMA's default. */
  readonly places: ReadonlyMap<string, Place>;
  readonly notes: readonly string[];
}

/** Notes with the same wording that are listed with their position. */
const MOST_ALIKE = 3;

export class LegacyInput {
  readonly notes: string[] = [];
  readonly places = new Map<string, Place>();
  private readonly said = new Set<string>();
  private readonly times = new Map<string, number>();

  readonly yaml: YamlInput;
  readonly report: Report;
  private readonly fileName: string;

  /** `yaml` was read with `textOnly`: all its scalars are text. */
  constructor(yaml: YamlInput, fileName: string, report: Report) {
    this.yaml = yaml;
    this.report = report;
    this.fileName = fileName;
    for (const { message, line = 0 } of yaml.duplicateKeys)
      this.notes.push(`${fileName}:${line}: ${message.replace(/: remove one of the two$/, '; the last one counts')}`);
  }

  /** A part that is not carried over unchanged. Noted once, also for a part that several tests share. */
  note(path: Path, message: string, at: 'key' | 'value' = 'value'): void {
    const { line, column } = this.yaml.locate(path, at);
    const note = formatProblem({ path: toPointer(path), message, line, column }, this.fileName);
    if (this.said.has(note)) return;
    this.said.add(note);
    const times = (this.times.get(message) ?? 0) + 1;
    this.times.set(message, times);
    if (times <= MOST_ALIKE) this.notes.push(note);
  }

  /** All notes, at the end; of many equal ones, the first few. */
  allNotes(): string[] {
    const more = [...this.times].filter(([, times]) => times > MOST_ALIKE);
    return [...this.notes, ...more.map(([message, times]) => `${times - MOST_ALIKE} times more: ${message}`)];
  }

  /** Remembers where a value of our form came from. */
  came(own: Path, path: Path, at: 'key' | 'value' = 'value'): void {
    this.places.set(toPointer(own), { path, at });
  }

  /** A map; empty where the value is missing. */
  map(value: unknown, path: Path, what: string): Record<string, unknown> {
    if (isRecord(value)) return value;
    if (!isNothing(value)) this.report(path, `found ${shown(value)}, expected ${what}`);
    return {};
  }

  list(value: unknown, path: Path, what: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    if (!isNothing(value)) this.report(path, `found ${shown(value)}, expected ${what}`);
    return [];
  }

  number(value: unknown, path: Path, what: string, least: number, most: number): number | undefined {
    const number = readNumber(value);
    if (number !== undefined && number >= least && number <= most) return number;
    this.report(path, `found ${shown(value)}, expected ${what}`);
    return undefined;
  }

  /** A whole number as Go reads one into an integer: `0x10`, `010` (octal), `1_000` and `4.0` are numbers. */
  integer(value: unknown, path: Path, what: string, least: number, most: number): number | undefined {
    const number = readNumber(value);
    if (number === undefined || !Number.isFinite(number) || Math.trunc(number) < least || Math.trunc(number) > most) {
      this.report(path, `found ${shown(value)}, expected ${what}`);
      return undefined;
    }
    if (!Number.isInteger(number)) this.note(path, `found ${number}, read as ${Math.trunc(number)}, as LLAMA does`);
    return Math.trunc(number);
  }

  /** Go's reader passes over keys that it does not know, so they are no problem here either, but they are named. */
  noteUnknownKeys(map: Readonly<Record<string, unknown>>, known: readonly string[], path: Path): void {
    for (const key of Object.keys(map)) {
      if (known.includes(key)) continue;
      const near = nearest(key, known);
      const meant = near === undefined ? '' : `; did you mean ${found(near)}?`;
      this.note([...path, key], `LLAMA does not know the key ${found(key)} and passes over it${meant}`, 'key');
    }
  }
}

/** Values that LLAMA's readers treat as missing. */
export function isNothing(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** A value that was written in the file: scalars are shown as they are, without quotes around numbers. */
export function shown(value: unknown): string {
  return typeof value === 'string' && readNumber(value) !== undefined ? value : found(value);
}

const INTEGER = /^[-+]?(?:0b[01]+|0x[0-9a-f]+|\d+)$/i;
const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/** A number of YAML 1.1. */
function readNumber(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replaceAll('_', '');
  if (!INTEGER.test(text)) return FLOAT.test(text) ? Number(text) : undefined;
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (!/^0\d/.test(digits)) return sign * Number(digits);
  return /^[0-7]+$/.test(digits) ? sign * Number.parseInt(digits, 8) : sign * Number(digits);
}

/**
 * Go puts an address and a port together as text, so an IPv6 address of its configuration has brackets. It also
 * resolves names, but only `localhost` is sure to mean the same everywhere. Any other text is returned unchanged.
 */
export function plainHost(text: string): string {
  if (text === 'localhost') return '127.0.0.1';
  const inner = /^\[(.*)\]$/.exec(text)?.[1];
  return inner !== undefined && parseAddress(inner)?.family === 6 ? inner : text;
}
