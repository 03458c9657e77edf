/**
 * The streams that the aggregator knows, by number: from the change that adds a stream until none of its probes can be
 * outstanding. A number must never be reused earlier, or replies of one stream would count for another.
 */

import { LlamaError } from '../../base/errors.js';
import { MAX_STREAMS } from '../../threads/messages.js';
import type { StreamInfo } from '../results/results.js';

/**
 * A removed stream's number is free again when the intervals of this long after its last probe's timeout are closed:
 * late replies are known till then.
 */
const QUARANTINE_MS = 2_000;

/** Allocates stream numbers, smallest first, and releases them. */
export class StreamNumbers {
  private free: number[] = [];
  private next = 0;

  take(): number {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    if (this.next >= MAX_STREAMS) {
      throw new LlamaError(
        'LLAMA_PLAN_TOO_LARGE',
        `all ${MAX_STREAMS} session identifiers of a source port are in use, some by streams that were removed a moment ago; try again after the current interval, or use fewer targets and classes`,
      );
    }
    return this.next++;
  }

  giveBack(ids: Iterable<number>): void {
    for (const id of ids) this.free.push(id);
  }
}

interface Retired {
  readonly ids: readonly number[];
  /** Free when an interval that begins after this was reported; on the steady clock. */
  readonly afterMs: number;
}

export class KnownStreams {
  readonly numbers = new StreamNumbers();
  private readonly nowMs: () => number;
  /** Includes removed streams: until the number is reused, their results may still arrive. */
  private readonly infos = new Map<number, StreamInfo>();
  private retired: Retired[] = [];
  /** Removed streams whose numbers are free. */
  private readonly forgotten = new Set<number>();

  /** `nowMs`: a clock without steps. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** New streams, and known ones with changes. */
  set(infos: Iterable<StreamInfo>): void {
    for (const info of infos) {
      this.forgotten.delete(info.id);
      this.infos.set(info.id, info);
    }
  }

  /** Streams that may still produce results. */
  current(): StreamInfo[] {
    return [...this.infos.values()].filter(({ id }) => !this.forgotten.has(id));
  }

  /** undefined: the number was never allocated. */
  get(id: number): StreamInfo | undefined {
    return this.infos.get(id);
  }

  /** In the order of the numbers. */
  of(ids: Iterable<number>): StreamInfo[] {
    const infos: StreamInfo[] = [];
    for (const id of ids) {
      const info = this.infos.get(id);
      if (info === undefined) throw new Error(`the aggregator reports stream ${id}, which is not known`);
      infos.push(info);
    }
    return infos;
  }

  /** No more probes are sent on them; the outstanding ones are decided within this many milliseconds from now. */
  retire(infos: readonly StreamInfo[], decidedAfterMs: number): void {
    this.retired.push({ ids: infos.map(({ id }) => id), afterMs: this.nowMs() + decidedAfterMs + QUARANTINE_MS });
  }

  /** An interval that began at `startMs`, on the steady clock, was reported: numbers that are free now. */
  release(startMs: number): number[] {
    const free = this.retired.filter(({ afterMs }) => startMs > afterMs).flatMap(({ ids }) => ids);
    if (free.length === 0) return free;
    this.retired = this.retired.filter(({ afterMs }) => startMs <= afterMs);
    for (const id of free) this.forgotten.add(id);
    this.numbers.giveBack(free);
    return free;
  }
}
