/**
 * The table of series: (collector, group, source, target, port, class), each with a small number that is an index into
 * the columns of every slot. A number must never be reused while a slot has data of its series: the caller that frees
 * it ensures that.
 *
 * A series takes `SERIES_BYTES` in typed arrays (twice that right after they grew); its texts and tags are shared with
 * others.
 */

import { ANSWERING, type Answering, answeringOf, type OutcomeCounts } from '../stats/outcome.js';
import { MOST_MISSES, missesOf, STALE_INTERVALS } from './answering.js';
import { Interner } from './interner.js';
import type { SeriesName } from './types.js';

const INITIAL_CAPACITY = 256;
/** Collector, group, source, target, class, tags. */
const TEXTS = 6;
/** Names, port, interval, cadence, end, misses, outcome, hash, reason, two places. */
export const SERIES_BYTES = TEXTS * 4 + 2 + 4 + 4 + 8 + 1 + 1 + 4 + 4 + 2 * 4;
/** Longest text of a reason, and most different ones: beyond them addresses are left out, so that few remain. */
const MOST_REASON_LENGTH = 200;
const MOST_REASONS = 10_000;

/** The end of a series without any recorded interval. */
const NEW = 1;
/** In `misses`. */
const NO_ANSWER = 0xff;

const COLLECTOR = 0;
const GROUP = 1;
const SOURCE = 2;
const TARGET = 3;
const CLASS = 4;
const TAGS = 5;

type Tags = Readonly<Record<string, string>>;

export class SeriesTable {
  /** Numbers that were ever given out: the least length of a column. */
  length = 0;
  /** Series that are there. */
  size = 0;
  private readonly texts = new Interner<string>();
  private readonly tagSets = new Interner<Tags>();
  private readonly reasonTexts = new Interner<string>();
  private readonly free: number[] = [];
  private names = new Uint32Array(INITIAL_CAPACITY * TEXTS);
  private ports = new Uint16Array(INITIAL_CAPACITY);
  private intervals = new Uint32Array(INITIAL_CAPACITY);
  private cadences = new Uint32Array(INITIAL_CAPACITY);
  /** End of the newest interval, epoch ms; 0: the number is free. */
  private ends = new Float64Array(INITIAL_CAPACITY);
  /**
   * Number of intervals with probes and without a reply since the newest reply; `NO_ANSWER`: there was no reply, or it
   * is long ago.
   */
  private misses = new Uint8Array(INITIAL_CAPACITY);
  /** The state in the newest interval: an index into `ANSWERING`. */
  private outcomes = new Uint8Array(INITIAL_CAPACITY);
  private hashes = new Int32Array(INITIAL_CAPACITY);
  /** Number of a text plus one; 0: none. */
  private reasons = new Uint32Array(INITIAL_CAPACITY);
  /** Open addressing; a number plus one, 0: empty. Twice the capacity. */
  private places = new Uint32Array(INITIAL_CAPACITY * 2);
  private readonly wanted = new Uint32Array(TEXTS);

  /** The number of the series of a row, or -1 when it is not known. */
  find(collector: string, name: SeriesName): number {
    const { texts, wanted } = this;
    const keys = [collector, name.group, name.source, name.target, name.class];
    for (let i = 0; i < keys.length; i++) {
      const number = texts.numberOf(keys[i]);
      if (number === undefined) return -1;
      wanted[i] = number;
    }
    const mask = this.places.length - 1;
    for (let place = hashOf(wanted, name.port) & mask; this.places[place] !== 0; place = (place + 1) & mask) {
      const series = this.places[place] - 1;
      if (this.isWanted(series, name.port)) return series;
    }
    return -1;
  }

  /** A number for a series that `find` did not find. */
  add(collector: string, name: SeriesName): number {
    const series = this.free.pop() ?? this.length;
    if (series === this.length) this.length += 1;
    if (series >= this.ports.length) this.grow();
    const { names, texts } = this;
    const at = series * TEXTS;
    for (const [i, text] of [collector, name.group, name.source, name.target, name.class].entries())
      names[at + i] = texts.acquire(text, text);
    names[at + TAGS] = this.tagSets.acquire(JSON.stringify(name.tags), name.tags);
    this.ports[series] = name.port;
    this.hashes[series] = hashOf(names.subarray(at, at + TEXTS), name.port);
    this.ends[series] = NEW;
    this.cadences[series] = 0;
    this.misses[series] = NO_ANSWER;
    this.size += 1;
    this.enter(series);
    return series;
  }

  /** Notes an interval of the series; tags, outcome and reason of the newest count. */
  seen(
    series: number,
    row: SeriesName & OutcomeCounts & { readonly reason: string | null },
    endMs: number,
    intervalMs: number,
  ): void {
    const isNew = this.ends[series] === NEW;
    if (endMs < this.ends[series]) return;
    // A late reply in an interval without probes says nothing new about the state.
    if (isNew || row.sent > 0 || row.sendErrors > 0)
      this.judge(series, row, isNew ? 0 : endMs - this.ends[series], intervalMs);
    this.ends[series] = endMs;
    this.intervals[series] = intervalMs;
    const at = series * TEXTS + TAGS;
    const before = this.names[at];
    if (sameTags(this.tagSets.value(before), row.tags)) return;
    this.names[at] = this.tagSets.acquire(JSON.stringify(row.tags), row.tags);
    this.tagSets.release(before);
  }

  /** Forgets the series whose newest interval ended at `ms` or before. Returns their number. */
  forgetUpTo(ms: number): number {
    let forgotten = 0;
    for (let series = 0; series < this.length; series++) {
      if (this.ends[series] === 0 || this.ends[series] > ms) continue;
      const at = series * TEXTS;
      for (let i = COLLECTOR; i < TAGS; i++) this.texts.release(this.names[at + i]);
      this.tagSets.release(this.names[at + TAGS]);
      this.setReason(series, null);
      this.ends[series] = 0;
      this.free.push(series);
      forgotten += 1;
    }
    this.size -= forgotten;
    if (forgotten > 0) this.rebuild();
    return forgotten;
  }

  isUsed(series: number): boolean {
    return this.ends[series] !== 0;
  }

  endMs(series: number): number {
    return this.ends[series];
  }

  intervalMs(series: number): number {
    return this.intervals[series];
  }

  /** Whether it answers, by its newest intervals. */
  answering(series: number): Answering {
    return this.misses[series] <= MOST_MISSES ? 'answers' : ANSWERING[this.outcomes[series]];
  }

  /**
   * From one interval with probes to the next, ms: the collector's interval, or the period of a group that is probed
   * less often.
   */
  cadenceMs(series: number): number {
    return this.cadences[series];
  }

  port(series: number): number {
    return this.ports[series];
  }

  collector = (series: number): string => this.text(series, COLLECTOR);
  group = (series: number): string => this.text(series, GROUP);
  source = (series: number): string => this.text(series, SOURCE);
  target = (series: number): string => this.text(series, TARGET);
  class = (series: number): string => this.text(series, CLASS);

  tags(series: number): Tags {
    return this.tagSets.value(this.names[series * TEXTS + TAGS]);
  }

  hasReason(series: number): boolean {
    return this.reasons[series] !== 0;
  }

  /** Why probes of its newest interval have no answer; null when only the counts are known. */
  reason(series: number): string | null {
    return this.reasons[series] === 0 ? null : this.reasonTexts.value(this.reasons[series] - 1);
  }

  /** Bytes of the typed arrays. */
  get bytes(): number {
    const { names, ports, intervals, cadences, ends, misses, outcomes, hashes, reasons, places } = this;
    return [names, ports, intervals, cadences, ends, misses, outcomes, hashes, reasons, places].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
  }

  private text(series: number, which: number): string {
    return this.texts.value(this.names[series * TEXTS + which]);
  }

  /** `sinceMs`: since the interval before; 0 for the first, and for another part of the same one. */
  private judge(
    series: number,
    row: OutcomeCounts & { readonly reason: string | null },
    sinceMs: number,
    intervalMs: number,
  ): void {
    const cadenceMs = Math.max(intervalMs, this.cadences[series]);
    if (row.received > 0) this.misses[series] = 0;
    else if (sinceMs > STALE_INTERVALS * cadenceMs) this.misses[series] = NO_ANSWER;
    else this.misses[series] = Math.min(NO_ANSWER, this.misses[series] + missesOf(row));
    // It doubles at most: the time for which a collector was away is not its cadence.
    this.cadences[series] = sinceMs === 0 ? cadenceMs : Math.max(intervalMs, Math.min(sinceMs, 2 * cadenceMs));
    this.outcomes[series] = ANSWERING.indexOf(answeringOf(row));
    this.setReason(series, row.reason);
  }

  private setReason(series: number, reason: string | null): void {
    const before = this.reasons[series];
    // Acquired before the old one is released: the text is the same again and again.
    if (reason === null) this.reasons[series] = 0;
    else {
      const { reasonTexts } = this;
      const whole = reason.slice(0, MOST_REASON_LENGTH);
      const isKnown = reasonTexts.numberOf(whole) !== undefined || reasonTexts.size < MOST_REASONS;
      const text = isKnown ? whole : withoutAddresses(whole);
      this.reasons[series] = reasonTexts.acquire(text, text) + 1;
    }
    if (before !== 0) this.reasonTexts.release(before - 1);
  }

  private isWanted(series: number, port: number): boolean {
    if (this.ports[series] !== port) return false;
    for (let i = COLLECTOR; i < TAGS; i++) if (this.names[series * TEXTS + i] !== this.wanted[i]) return false;
    return true;
  }

  private enter(series: number): void {
    const mask = this.places.length - 1;
    let place = this.hashes[series] & mask;
    while (this.places[place] !== 0) place = (place + 1) & mask;
    this.places[place] = series + 1;
  }

  private rebuild(): void {
    this.places.fill(0);
    for (let series = 0; series < this.length; series++) if (this.isUsed(series)) this.enter(series);
  }

  private grow(): void {
    const capacity = this.ports.length * 2;
    const wider = <Column extends Uint32Array | Int32Array | Uint16Array | Uint8Array | Float64Array>(
      old: Column,
      to: Column,
    ) => {
      to.set(old);
      return to;
    };
    this.names = wider(this.names, new Uint32Array(capacity * TEXTS));
    this.ports = wider(this.ports, new Uint16Array(capacity));
    this.intervals = wider(this.intervals, new Uint32Array(capacity));
    this.ends = wider(this.ends, new Float64Array(capacity));
    this.cadences = wider(this.cadences, new Uint32Array(capacity));
    this.misses = wider(this.misses, new Uint8Array(capacity));
    this.outcomes = wider(this.outcomes, new Uint8Array(capacity));
    this.hashes = wider(this.hashes, new Int32Array(capacity));
    this.reasons = wider(this.reasons, new Uint32Array(capacity));
    this.places = new Uint32Array(capacity * 2);
    this.rebuild();
  }
}

/**
 * Rows come with the same tags again and again; to write them as text each time took three times as long. The same tags
 * in another order count as different.
 */
function sameTags(some: Tags, others: Tags): boolean {
  if (some === others) return true;
  const names = Object.keys(others);
  let at = 0;
  for (const name in some) if (names[at++] !== name || others[name] !== some[name]) return false;
  return at === names.length;
}

/** `not sent: no route (ENETUNREACH)`. */
const withoutAddresses = (reason: string): string =>
  reason.replace(/,? ?(?:from |to |towards )?\b[0-9a-f]*(?:[.:][0-9a-f]*){2,}(?:%\w+)?/gi, '');

/** FNV-1a over the numbers of the texts, with a final mix: the low bits choose the slot of the table. */
function hashOf(names: Uint32Array, port: number): number {
  let hash = 0x811c9dc5 ^ port;
  for (let i = COLLECTOR; i < TAGS; i++) hash = Math.imul(hash ^ names[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & 0x7fffffff;
}
