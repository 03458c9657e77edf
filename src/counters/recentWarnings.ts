/** Recent problems in words, from counters: a warning lasts while its counter grew within the last two intervals. */

import { MS_PER_S } from '../base/units.js';
import type { CounterReaders, CounterWarning } from './reader.js';

type Counts<Name extends string> = Readonly<Record<Name, number>>;

/** The counters at a moment. */
interface Reading<Name extends string> {
  readonly atMs: number;
  readonly counts: Counts<Name> | undefined;
}

interface RecentWarningsOptions<Name extends string> {
  /** Epoch ms. */
  readonly now?: () => number;
  /** The last occurrence counted by a counter, in words; undefined without one. */
  readonly example?: (name: Name) => string | undefined;
}

/** The first occurrence of a continuing problem is between two readings, epoch ms. */
interface Beginning<Name extends string> {
  /** Growth is counted from these. */
  readonly counts: Counts<Name> | undefined;
  /** The last reading without it. */
  readonly afterMs: number;
  /** The first reading with it. */
  readonly seenMs: number;
}

/** Compares the counters with those at the end of the interval before the last. */
export class RecentWarnings<Name extends string> {
  private readonly lines: readonly (readonly [Name, CounterWarning<Name>])[];
  private readonly now: () => number;
  private readonly example: (name: Name) => string | undefined;
  private before: Reading<Name>;
  private last: Reading<Name>;
  private readonly begun = new Map<Name, Beginning<Name>>();

  constructor(readers: CounterReaders<Name>, options: RecentWarningsOptions<Name> = {}) {
    const names = Object.keys(readers) as Name[];
    this.lines = names.flatMap((name) => {
      const { warning } = readers[name];
      return warning === undefined ? [] : [[name, warning] as const];
    });
    this.now = options.now ?? Date.now;
    this.example = options.example ?? (() => undefined);
    this.before = { atMs: this.now(), counts: undefined };
    this.last = this.before;
  }

  /** Call once an interval, with the counters at its end. */
  intervalEnded(counts: Counts<Name>): void {
    this.note(counts);
    this.before = this.last;
    this.last = { atMs: this.now(), counts };
  }

  warnings(counts: Counts<Name>): string[] {
    this.note(counts);
    return this.lines.flatMap(([name, warning]) => {
      const since = this.begun.get(name);
      return since === undefined ? [] : [this.say(name, warning, counts, since)];
    });
  }

  /** Updates which problems begin, continue and end. */
  private note(counts: Counts<Name>): void {
    for (const [name, warning] of this.lines) {
      if (!isShown(name, warning, counts, this.before.counts)) this.begun.delete(name);
      else if (!this.begun.has(name)) this.begun.set(name, this.beginning(name));
    }
  }

  private beginning(name: Name): Beginning<Name> {
    const { before, last } = this;
    const { counts } = before;
    return last.counts !== undefined && growth(last.counts, counts, [name]) > 0
      ? { counts, afterMs: before.atMs, seenMs: last.atMs }
      : { counts, afterMs: last.atMs, seenMs: this.now() };
  }

  private say(
    name: Name,
    warning: CounterWarning<Name>,
    counts: Counts<Name>,
    { counts: before, afterMs, seenMs }: Beginning<Name>,
  ): string {
    const { text, advice, above, figure = String } = warning;
    const n = growth(counts, before, [name]);
    const of = above === undefined ? 0 : growth(counts, before, above.of);
    const number = warning.figure === undefined && above?.of.includes(name) ? `${n} of ${of}` : figure(n, of);
    const example = this.example(name);
    const shown = example === undefined ? '' : `, for example ${example}`;
    const within = Math.ceil((seenMs - afterMs) / MS_PER_S);
    const since = `${new Date(seenMs).toISOString()}${within > 0 ? ` or up to ${within} s before` : ''}`;
    return `${name}: ${number} ${text}${shown}, since ${since}${advice === undefined ? '' : `; ${advice}`}`;
  }
}

function growth<Name extends string>(
  now: Counts<Name>,
  before: Counts<Name> | undefined,
  names: readonly Name[],
): number {
  return names.reduce((sum, name) => sum + now[name] - (before?.[name] ?? 0), 0);
}

function isShown<Name extends string>(
  name: Name,
  { above, figure }: CounterWarning<Name>,
  counts: Counts<Name>,
  before: Counts<Name> | undefined,
): boolean {
  const grown = growth(counts, before, [name]);
  if (above === undefined) return grown > 0;
  const of = growth(counts, before, above.of);
  // A figure is per one of these.
  if (figure !== undefined && of === 0) return false;
  return grown > Math.max(above.few ?? 0, above.share * of);
}
