/**
 * The delivery queue of one writer: in memory while the writer answers, in its spool while it does not. Each writer has
 * a queue of its own, so that a slow or failed writer delays no other.
 *
 * Waits are measured with `performance.now()`: a step of the wall clock neither ends nor prolongs one.
 *
 * An interval is safe when the writer acknowledged it, or when it is in the spool. An interval that the disk refuses
 * stays in memory until either succeeds. Its poller waits and fetches no more, so that the collector keeps the later
 * intervals (backpressure).
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Backoff, type BackoffOptions } from '../../base/backoff.js';
import { diskReason } from '../../net/ownDirectory.js';
import type { CollectedInterval, Writer } from '../results/types.js';
import type { Spool, Taken } from '../spool/spool.js';
import type { SpoolEntry } from '../spool/spoolRun.js';
import { WriteLater } from '../writers/retryableError.js';
import { WriteCounters } from './writerCounters.js';

const ENDS = 'the scraper ends';
const MIN_SWEEP_MS = 10;

export interface QueueOptions extends BackoffOptions {
  readonly queueMaxRows: number;
  /**
   * Rows above `queueMaxRows` are spooled while the writer fails, while one batch takes longer than `fullAfterMs`, or
   * when the queue stays above the bound for `crowdedAfterMs`: the writer must not delay others. A writer that makes
   * progress needs no spool; when only time is short, the spool would cost more of it.
   */
  readonly fullAfterMs: number;
  readonly crowdedAfterMs: number;
  readonly spoolAfterMs: number;
  /** Rows that go to the writer at once; a larger interval goes alone. */
  readonly batchRows: number;
  /** Whether another interval replaces this one in the sink; then it is not written. Default: never. */
  readonly superseded?: (interval: CollectedInterval) => boolean;
  /** Pause after the disk refused an interval, ms. */
  readonly spoolRetryMs: number;
}

interface Item {
  readonly interval: CollectedInterval;
  readonly sinceMs: number;
  /** Called when the item leaves the queue. A reader that still needs the rows holds its own lease. */
  readonly release: (() => void) | undefined;
  readonly safe: () => void;
  readonly ended: (error: Error) => void;
  /** The item is in the batch that the writer is writing. */
  writing: boolean;
  written: boolean;
  /** Settles when the spool has appended the item; undefined while it is not spooled. Never rejects. */
  spooling: Promise<void> | undefined;
  /** Where it is in the spool. */
  entry: SpoolEntry | undefined;
}

/** One batch for the writer: from memory, or from the spool. */
type Batch = { readonly items: readonly Item[] } | { readonly taken: readonly Taken[] };

export class WriterQueue {
  readonly counters: WriteCounters;
  private readonly writer: Writer;
  private readonly spool: Spool;
  private readonly options: QueueOptions;
  private readonly logger: Logger;
  private readonly backoff: Backoff;
  /** Oldest first. */
  private items: Item[] = [];
  private rows = 0;
  private readonly ending = new AbortController();
  private readonly looping: Promise<void>;
  private poked = false;
  private wake: (() => void) | undefined;
  private emptied: (() => void) | undefined;
  private readonly sweep: NodeJS.Timeout;
  /** The disk refused an interval: it is asked again then. */
  private diskRetryMs = 0;
  private diskDown = false;
  /** Start of the current batch, `performance.now()`; undefined between batches. */
  private writingSinceMs: number | undefined;
  /** Start of the time with more than `queueMaxRows` waiting rows. */
  private crowdedSinceMs: number | undefined;
  private spoolsTurn = false;
  /** A former process left intervals in the spool. */
  private readonly inherited: boolean;

  constructor(writer: Writer, spool: Spool, options: QueueOptions, logger: Logger) {
    this.writer = writer;
    this.spool = spool;
    this.options = options;
    this.logger = logger.child({ writer: writer.name });
    this.counters = new WriteCounters(this.logger);
    this.backoff = new Backoff(options);
    this.inherited = spool.intervals > 0;
    this.sweep = setInterval(
      () => this.spoolOverdue(),
      Math.max(MIN_SWEEP_MS, Math.min(options.spoolAfterMs / 10, options.fullAfterMs, options.crowdedAfterMs / 2)),
    ).unref();
    this.looping = this.loop();
  }

  /** Intervals and rows that wait in memory. */
  get queued(): { readonly queued: number; readonly queuedRows: number } {
    return { queued: this.items.length, queuedRows: this.rows };
  }

  /** Resolves when the interval is safe; rejects when the scraper ends before. */
  push(interval: CollectedInterval): Promise<void> {
    if (this.ending.signal.aborted) return Promise.reject(new Error(ENDS));
    if (interval.rows.length === 0) return Promise.resolve();
    return new Promise((safe, ended) => {
      const item: Item = {
        interval,
        sinceMs: performance.now(),
        release: interval.rows.hold?.(),
        safe,
        ended,
        writing: false,
        written: false,
        spooling: undefined,
        entry: undefined,
      };
      this.items.push(item);
      this.rows += interval.rows.length;
      this.spoolOverdue();
      this.poke();
    });
  }

  /**
   * Finishes writing within `graceMs`. Unsafe intervals are then spooled; if the disk refuses one, its `deliver`
   * rejects.
   */
  async close(graceMs: number): Promise<void> {
    clearInterval(this.sweep);
    if (this.items.length > 0 && this.counters.up) {
      await new Promise<void>((resolve) => {
        this.emptied = resolve;
        setTimeout(resolve, graceMs).unref();
      });
    }
    this.ending.abort();
    this.poke();
    await this.looping;
    this.diskRetryMs = 0;
    for (const item of this.items) this.spoolItem(item);
    await Promise.all(this.items.map(({ spooling }) => spooling));
    for (const { ended } of this.items) ended(new Error(ENDS));
    await this.spool.close();
    await this.writer.close();
  }

  private async loop(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      // Cleared before reading: an interval that arrives during the read is then seen by the next iteration.
      this.poked = false;
      const batch = await this.nextBatch();
      if (batch === undefined) await this.woken();
      else await this.writeBatch(batch);
    }
  }

  /** Alternates between memory and spool, so that neither waits for the other; undefined when both are empty. */
  private async nextBatch(): Promise<Batch | undefined> {
    const items = this.itemsToWrite();
    if (this.spool.intervals > 0 && (this.spoolsTurn || items.length === 0)) {
      this.spoolsTurn = false;
      try {
        const taken = await this.spool.take(this.options.batchRows);
        if (taken.length > 0) return { taken };
      } catch (error) {
        this.logger.error({ error: diskReason(error) }, 'the spool cannot be read; it is tried again');
        await this.pause(this.options.spoolRetryMs);
        this.poked = true;
      }
      return this.itemsToWrite().length > 0 ? this.nextBatch() : undefined;
    }
    this.spoolsTurn = true;
    return items.length === 0 ? undefined : { items };
  }

  private itemsToWrite(): Item[] {
    const items: Item[] = [];
    let rows = 0;
    for (const item of this.items) {
      if (item.spooling !== undefined) continue;
      rows += item.interval.rows.length;
      if (items.length > 0 && rows > this.options.batchRows) break;
      items.push(item);
    }
    return items;
  }

  private async writeBatch(batch: Batch): Promise<void> {
    const { superseded = () => false } = this.options;
    const intervals = ('items' in batch ? batch.items : batch.taken)
      .map(({ interval }) => interval)
      .filter((interval) => !superseded(interval));
    if ('items' in batch) for (const item of batch.items) item.writing = true;
    const held = intervals.map(({ rows }) => rows.hold?.());
    let waitMs = 0;
    this.writingSinceMs = performance.now();
    try {
      if (intervals.length > 0) {
        const written = await this.writer.write(intervals, this.ending.signal);
        this.backoff.succeeded();
        this.counters.succeeded(written, intervals, this.spool.intervals);
      }
      if ('items' in batch) this.itemsWritten(batch.items);
      else await this.spool.settle(batch.taken.map(({ entry }) => entry));
    } catch (error) {
      if ('items' in batch) this.itemsPutOff(batch.items);
      else this.spool.release(batch.taken.map(({ entry }) => entry));
      if (this.ending.signal.aborted) return;
      waitMs = this.backoff.failed(error instanceof WriteLater ? error.retryAfterMs : 0);
      this.counters.failed(error, waitMs);
    } finally {
      this.writingSinceMs = undefined;
      for (const release of held) release?.();
    }
    if (waitMs > 0) await this.pause(waitMs);
  }

  private itemsWritten(items: readonly Item[]): void {
    for (const item of items) {
      item.writing = false;
      item.written = true;
      // While the spool is still taking it, `spoolItem` settles it.
      if (item.entry !== undefined) void this.spool.settle([item.entry]);
      this.done(item);
    }
  }

  private itemsPutOff(items: readonly Item[]): void {
    for (const item of items) {
      item.writing = false;
      if (item.entry === undefined) continue;
      this.spool.release([item.entry]);
      this.forget(item);
    }
    this.spoolOverdue();
  }

  /** Spools intervals that waited too long, and all of them while the writer is unavailable or the memory is full. */
  private spoolOverdue(): void {
    const now = performance.now();
    if (now < this.diskRetryMs) return;
    const { spoolAfterMs, queueMaxRows, fullAfterMs, crowdedAfterMs } = this.options;
    this.crowdedSinceMs = this.rows <= queueMaxRows ? undefined : (this.crowdedSinceMs ?? now);
    const { downSinceMs, lastSuccessMs } = this.counters;
    // A spool left by an earlier process means that the writer was unavailable; it counts as unavailable until its
    // first success. Otherwise a process that is killed repeatedly would never make an interval safe.
    const away = now - downSinceMs >= spoolAfterMs || (this.inherited && lastSuccessMs === null);
    const slow =
      !this.counters.up ||
      (this.writingSinceMs !== undefined && now - this.writingSinceMs >= fullAfterMs) ||
      (this.crowdedSinceMs !== undefined && now - this.crowdedSinceMs >= crowdedAfterMs);
    let rows = 0;
    for (const item of this.items) {
      rows += item.interval.rows.length;
      if (item.spooling !== undefined) continue;
      if (away || (slow && rows > queueMaxRows) || now - item.sinceMs >= spoolAfterMs) this.spoolItem(item);
    }
  }

  private spoolItem(item: Item): void {
    if (performance.now() >= this.diskRetryMs) item.spooling ??= this.append(item);
  }

  /** An interval that the disk refuses stays in memory. */
  private async append(item: Item): Promise<void> {
    let entry: SpoolEntry | 'lost';
    const release = item.interval.rows.hold?.();
    try {
      entry = await this.spool.append(item.interval);
    } catch (error) {
      item.spooling = undefined;
      this.diskRetryMs = performance.now() + this.options.spoolRetryMs;
      this.tellDisk(error);
      // The writer may accept an interval that the disk refuses.
      this.poke();
      return;
    } finally {
      release?.();
    }
    this.tellDisk(undefined);
    if (entry === 'lost') {
      this.done(item);
      return;
    }
    if (item.written) {
      void this.spool.settle([entry]);
      return;
    }
    item.safe();
    if (item.writing) {
      item.entry = entry;
      return;
    }
    this.spool.release([entry]);
    this.forget(item);
    this.poke();
  }

  private tellDisk(error: unknown): void {
    if (error === undefined && this.diskDown) this.logger.info('the spool takes intervals again');
    // Once, not for every interval that waits.
    if (error !== undefined && !this.diskDown) {
      const told = 'the spool does not take intervals; they wait in memory, and in the collectors';
      this.logger.error({ error: diskReason(error) }, told);
    }
    this.diskDown = error !== undefined;
  }

  private done(item: Item): void {
    item.safe();
    this.forget(item);
  }

  private forget(item: Item): void {
    const index = this.items.indexOf(item);
    if (index === -1) return;
    this.items.splice(index, 1);
    item.release?.();
    this.rows -= item.interval.rows.length;
    if (this.rows <= this.options.queueMaxRows) this.crowdedSinceMs = undefined;
    if (this.items.length === 0) this.emptied?.();
  }

  /** Something may be to be written. */
  private poke(): void {
    this.poked = true;
    this.wake?.();
  }

  private async woken(): Promise<void> {
    if (!this.poked)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    this.wake = undefined;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.ending.signal }).catch(() => undefined);
  }
}
