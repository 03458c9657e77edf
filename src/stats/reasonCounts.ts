/**
 * Counts, for one interval, why probes of each path were not sent (errno), unreachable (ICMP type, code, origin) or too
 * big (MTU, origin).
 *
 * A path has a chain of entries, one per reason, created with the reason's first probe. A path without such probes
 * costs one word. It must never allocate per record: the columns only grow, by doubling.
 *
 * One entry is 32 bytes, seen as 8 words:
 *
 * | word | field |
 * | ---: | --- |
 * | 0 | count |
 * | 1 | reason: the errno; `ICMP` + IP version << 16 + type << 8 + code; or `TOO_BIG` + IP version << 16 |
 * | 2-5 | origin of the ICMP error, in memory order; zeros: unknown, or without an ICMP error |
 * | 6 | MTU of a probe that was too big; 0: unknown |
 * | 7 | next entry of the path; 0 at the end |
 */

import { ORIGIN_WORDS, Outcome } from '../ring/ring.js';

const ENTRY_WORDS = 8;
const COUNT = 0;
const REASON = 1;
const ORIGIN = 2;
const MTU = 6;
const NEXT = 7;
/** Flag in a reason: an ICMP error. */
const ICMP = 0x8000_0000;
/** Flag in a reason: the probe was too big. */
const TOO_BIG = 0x4000_0000;
/** Counted reasons per path. Further ones appear only in the outcome counters. */
const MOST_PER_PATH = 8;
const FIRST_ENTRIES = 64;

/** A record of a probe that was unreachable, too big or not sent (`RingConsumer`). */
export interface ReasonRecord {
  readonly path: number;
  readonly outcome: number;
  /**
   * ICMP type and code of an unreachable probe; IP version (0: this host's kernel refused it) of one that was too big.
   */
  readonly tos: number;
  readonly ttl: number;
  /** IP version of the ICMP error, MTU or errno. */
  readonly detail: number;
  originWord(i: number): number;
}

/** One reason, for reading. */
export interface Reason {
  count: number;
  readonly outcome: typeof Outcome.sendError | typeof Outcome.unreachable | typeof Outcome.tooBig;
  /** Errno of an unsent probe. */
  readonly errno: number;
  /** MTU for a probe that was too big; 0: unknown. */
  readonly mtu: number;
  /** IP version, type and code of the ICMP error. */
  readonly version: number;
  readonly type: number;
  readonly code: number;
  /** 4 or 16 bytes; zeros: unknown, or without an ICMP error. */
  readonly origin: Uint8Array;
}

/** Words of a reason in a report: count, reason, origin, MTU. */
export const REASON_WORDS = NEXT;

export class ReasonCounts {
  /** By path: its first entry; 0 without one. Entry 0 is never used. */
  private heads = new Uint32Array(0);
  private entries = new Uint32Array(FIRST_ENTRIES * ENTRY_WORDS);
  private used = 1;
  /** Paths with entries. */
  private live = 0;

  /** Grows the column to this many paths. */
  reserve(paths: number): void {
    const heads = new Uint32Array(paths);
    heads.set(this.heads);
    this.heads = heads;
  }

  add(record: ReasonRecord): void {
    const { path } = record;
    const reason = reasonWord(record);
    const mtu = record.outcome === Outcome.tooBig ? record.detail : 0;
    const withOrigin = hasOrigin(record);
    let last = 0;
    let length = 0;
    for (let entry = this.heads[path]; entry !== 0; entry = this.entries[entry * ENTRY_WORDS + NEXT]) {
      if (this.isSame(entry, reason, mtu, withOrigin, record)) {
        this.entries[entry * ENTRY_WORDS + COUNT]++;
        return;
      }
      last = entry;
      length++;
    }
    if (length === MOST_PER_PATH) return;
    const entry = this.take();
    if (last === 0) {
      this.heads[path] = entry;
      this.live++;
    } else this.entries[last * ENTRY_WORDS + NEXT] = entry;
    const at = entry * ENTRY_WORDS;
    this.entries[at + COUNT] = 1;
    this.entries[at + REASON] = reason;
    this.entries[at + MTU] = mtu;
    for (let i = 0; i < ORIGIN_WORDS; i++) this.entries[at + ORIGIN + i] = withOrigin ? record.originWord(i) : 0;
  }

  has(path: number): boolean {
    return this.heads[path] !== 0;
  }

  /** Calls `push` with the `REASON_WORDS` of each of the path's reasons: a view, valid during the call. */
  forEach(path: number, push: (words: Uint32Array) => void): void {
    for (let entry = this.heads[path]; entry !== 0; entry = this.entries[entry * ENTRY_WORDS + NEXT])
      push(this.entries.subarray(entry * ENTRY_WORDS, entry * ENTRY_WORDS + REASON_WORDS));
  }

  /** Empties paths from `first` to before `end`. When all paths are empty, the memory is reused from its start. */
  clear(first: number, end: number): void {
    for (let path = first; path < end; path++) {
      if (this.heads[path] === 0) continue;
      this.heads[path] = 0;
      this.live--;
    }
    if (this.live === 0) this.used = 1;
  }

  private isSame(entry: number, reason: number, mtu: number, withOrigin: boolean, record: ReasonRecord): boolean {
    const at = entry * ENTRY_WORDS;
    if (this.entries[at + REASON] !== reason || this.entries[at + MTU] !== mtu) return false;
    if (!withOrigin) return true;
    for (let i = 0; i < ORIGIN_WORDS; i++) if (this.entries[at + ORIGIN + i] !== record.originWord(i)) return false;
    return true;
  }

  private take(): number {
    const entry = this.used++;
    if (this.used * ENTRY_WORDS > this.entries.length) {
      const larger = new Uint32Array(this.entries.length * 2);
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[entry * ENTRY_WORDS + NEXT] = 0;
    return entry;
  }
}

function reasonWord({ outcome, detail, tos, ttl }: ReasonRecord): number {
  if (outcome === Outcome.unreachable) return (ICMP + (detail << 16) + (tos << 8) + ttl) >>> 0;
  return outcome === Outcome.tooBig ? TOO_BIG + (tos << 16) : detail;
}

/** Whether the record is of an ICMP error: other records have unrelated words in place of an origin. */
const hasOrigin = ({ outcome, tos }: ReasonRecord): boolean =>
  outcome === Outcome.unreachable || (outcome === Outcome.tooBig && tos !== 0);

/** Reads the reason that begins at word `at`. */
export function readReason(words: Uint32Array, at: number): Reason {
  const reason = words[at + REASON];
  const icmp = reason >= ICMP;
  const tooBig = !icmp && reason >= TOO_BIG;
  const version = icmp || tooBig ? (reason >>> 16) & 0xff : 0;
  const bytes = new Uint8Array(words.buffer, words.byteOffset + (at + ORIGIN) * 4, version === 4 ? 4 : 16);
  return {
    count: words[at + COUNT],
    outcome: icmp ? Outcome.unreachable : tooBig ? Outcome.tooBig : Outcome.sendError,
    errno: icmp || tooBig ? 0 : reason,
    mtu: words[at + MTU],
    version,
    type: icmp ? (reason >>> 8) & 0xff : 0,
    code: icmp ? reason & 0xff : 0,
    origin: bytes.slice(),
  };
}
