/**
 * Follows one collector: asks it when an interval is ready, hands over what it says, and moves on only when that is safe. It has its own
 * schedule, errors and memory, so that no collector is the worse for another one. It must never skip an interval without a word, nor
 * stand still because a cursor has become meaningless.
 */

import type { Logger } from 'pino';
import type { CollectorAddress } from '../config/scraper/types.js';
import { messageOf, type Timing } from '../discovery/source.js';
import type { HttpAnswer, HttpClient } from '../net/httpClient.js';
import type { Page } from './answer.js';
import { Asker, RefusedError, type Reply } from './asking.js';
import type { Gate } from './gate.js';
import { CollectorHealth, MOST_STATUS_BYTES } from './health.js';
import { CollectorRecord } from './record.js';
import type { Place, Room } from './room.js';
import { Schedule } from './schedule.js';
import type { CollectorState } from './service.js';
import type { CollectedInterval, Delivery } from './types.js';

/**
 * How far collectors were fetched, kept over restarts: the end of the last interval that is safe with every writer. By URL that of the
 * collector which answered there last, and by URL and name that of each which ever did.
 */
export interface Positions {
  get(key: string): number | undefined;
  /** An earlier end than before changes nothing. */
  advance(key: string, endMs: number): void;
  forget(key: string): void;
}

export interface PollerTools {
  readonly http: HttpClient;
  readonly gate: Gate;
  readonly delivery: Delivery;
  readonly positions: Positions;
  readonly timing: Timing;
  readonly logger: Logger;
  /** Whether somebody wants histograms now. */
  readonly histograms: () => boolean;
  readonly room: Room;
  /** Told of every interval, before it is handed over; the result is settled when nobody there needs its rows any more. */
  readonly fetched: (interval: CollectedInterval) => Promise<unknown>;
  /** Told when the collector's name is known, and when it is another one. */
  readonly named: (url: string, name: string) => void;
}

/** A page is about as large as this, or one interval: what is in memory for a collector that is far behind. */
const PAGE_BYTES = 4 * 2 ** 20;
const FIRST_LIMIT = 4;
/** What a first answer is taken to be. */
const FIRST_BYTES = 2 ** 20;
const MOST_INTERVALS = 100;
/** Without news for so many intervals it is asked whether it still holds the last one. */
const STALE_INTERVALS = 3;
/** Dropbox's LLAMA sums up at the end of an interval, by a timer that may be a little late: too early means the interval before. */
const LEGACY_SETTLE_MS = 2_000;

interface PlacedReply extends Reply {
  readonly place: Place;
}

export class Poller {
  readonly address: CollectorAddress;
  private readonly tools: PollerTools;
  private readonly logger: Logger;
  private readonly asker: Asker;
  private readonly schedule: Schedule;
  private readonly record: CollectorRecord;
  private readonly health: CollectorHealth;
  private readonly ending = new AbortController();
  private readonly ended: Promise<void>;
  private limit = FIRST_LIMIT;
  /** Of the last answer with intervals: the next one is as large, or about. */
  private usualBytes = FIRST_BYTES;
  private lastOldest = 0;
  private lastNewsMs: number;
  /** The cursor may be one of an earlier life of the collector. */
  private doubtful = false;
  private wake: (() => void) | undefined;

  /** Starts at once. */
  constructor(address: CollectorAddress, tools: PollerTools) {
    this.address = address;
    this.tools = tools;
    this.logger = tools.logger.child({ collector: address.url });
    this.asker = new Asker(address, tools.http, () => tools.timing.nowMs());
    const leastMs = address.kind === 'llama' ? LEGACY_SETTLE_MS : undefined;
    this.schedule = new Schedule(address.url, () => tools.timing.random(), leastMs);
    this.record = new CollectorRecord(address);
    this.health = new CollectorHealth(
      (signal) => tools.gate.run(() => this.asker.get('/v1/status', signal, { mostBytes: MOST_STATUS_BYTES }), signal),
      tools.timing,
    );
    this.lastNewsMs = tools.timing.nowMs();
    this.record.cursor = tools.positions.get(address.url) ?? 0;
    this.ended = this.run();
  }

  state(): CollectorState {
    return this.record.state(this.tools.timing.nowMs(), this.health.troubles);
  }

  /** Asks the collector for something else, on behalf of a reader. Rejects with an error whose message is for people. */
  async get(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    return this.asker.get(path, AbortSignal.any([signal, this.ending.signal]));
  }

  /** Asks nothing more. Resolves when nothing is under way any more; what was being handed over is safe then, or was not moved past. */
  async close(): Promise<void> {
    this.ending.abort(new Error('the collector is polled no more'));
    this.wake?.();
    await Promise.all([this.ended, this.health.idle()]);
  }

  private get closed(): boolean {
    return this.ending.signal.aborted;
  }

  private async run(): Promise<void> {
    let waitMs = this.schedule.first();
    while (await this.pause(waitMs)) waitMs = await this.round();
  }

  /** False when it was ended meanwhile. */
  private async pause(ms: number): Promise<boolean> {
    const { timing } = this.tools;
    this.record.nextAtMs = timing.nowMs() + ms;
    if (!this.closed)
      await new Promise<void>((resolve) => {
        const cancel = timing.after(ms, resolve);
        this.wake = () => {
          cancel();
          resolve();
        };
      });
    this.wake = undefined;
    this.record.nextAtMs = null;
    return !this.closed;
  }

  /** One question and what follows from it; resolves with the time until the next one. Never rejects. */
  private async round(): Promise<number> {
    const { record, schedule, logger } = this;
    try {
      const reply = await this.ask(record.cursor, this.limit, this.tools.histograms());
      if (record.lastError !== null) logger.info('the collector answers again');
      record.lastError = null;
      if (reply.page.intervals.length > 0) this.usualBytes = reply.bytes;
      try {
        const waitMs = await this.take(reply);
        if (this.address.kind === 'collector') this.health.askWhenDue(this.ending.signal);
        return waitMs;
      } finally {
        reply.place.leave();
      }
    } catch (error) {
      if (this.closed) return 0;
      const message = messageOf(error);
      record.errors += 1;
      if (message !== record.lastError) logger.warn({ error: message }, 'the collector cannot be read; trying again');
      record.lastError = message;
      return schedule.afterError(error instanceof RefusedError ? error.retryAfterMs : 0);
    }
  }

  /** The place of the answer is the caller's to leave. */
  private async ask(after: number, limit: number, histograms: boolean): Promise<PlacedReply> {
    const { record, tools } = this;
    const { signal } = this.ending;
    const place = await tools.room.enter(this.usualBytes, signal);
    try {
      record.polls += 1;
      const reply = await tools.gate.run(() => {
        place.asked();
        return this.asker.ask({ after, limit, histograms }, signal, place);
      }, signal);
      signal.throwIfAborted();
      record.lastSuccessMs = tools.timing.nowMs();
      record.aheadMs = reply.nowMs === undefined ? null : reply.nowMs - record.lastSuccessMs;
      return { ...reply, place };
    } catch (error) {
      place.leave();
      throw error;
    }
  }

  private async take({ page, nowMs, bytes, place }: PlacedReply): Promise<number> {
    const { record, schedule, tools } = this;
    if (page.collector !== record.name && !this.meet(page.collector)) return schedule.afterNothing();
    if (page.intervalMs !== record.intervalMs) schedule.intervalMs = page.intervalMs;
    record.intervalMs = page.intervalMs;
    const began =
      this.address.kind === 'collector' && (page.oldest === 0 ? record.cursor > 0 : page.oldest < this.lastOldest);
    this.lastOldest = page.oldest;
    const newest = page.intervals.at(-1);
    if (newest === undefined) return this.nothingNew(page, began);
    const startedMs = tools.timing.nowMs();
    this.tellGaps(page);
    await this.handOver(page.intervals, place);
    this.doubtful = false;
    this.lastNewsMs = tools.timing.nowMs();
    const full = page.intervals.length >= this.limit;
    this.limit = Math.max(
      1,
      Math.min(MOST_INTERVALS, Math.floor((PAGE_BYTES * page.intervals.length) / Math.max(1, bytes))),
    );
    const passedMs = this.lastNewsMs - startedMs;
    const waitMs = schedule.afterIntervals(newest.endMs, nowMs === undefined ? undefined : nowMs + passedMs);
    record.settleMs = schedule.settleMs;
    return full && this.address.kind === 'collector' ? 0 : waitMs;
  }

  /** All are handed over at once, so that writers can take them together; the position follows one by one, in order. */
  private async handOver(intervals: readonly CollectedInterval[], place: Place): Promise<void> {
    const { tools } = this;
    const handed = intervals.map((interval) => {
      place.until(tools.fetched(interval));
      const safe = tools.delivery.deliver(interval);
      // The first failure is told below; the others must not be unhandled meanwhile.
      place.until(safe);
      return { interval, safe };
    });
    for (const { interval, safe } of handed) {
      await safe;
      this.record.intervals += 1;
      this.record.rows += interval.rows.length;
      this.moveTo(interval.endMs);
    }
  }

  private moveTo(cursor: number): void {
    this.record.cursor = cursor;
    this.tools.positions.advance(this.address.url, cursor);
    this.tools.positions.advance(this.ownKey, cursor);
  }

  private get ownKey(): string {
    return `${this.address.url} ${this.record.name}`;
  }

  /**
   * Another name than before. False when the question was meant for the other one: then the answer is not to be used. Cursors of both are
   * kept, for an address that is shared by two (a load balancer) must not have everything fetched again each time.
   */
  private meet(name: string): boolean {
    const { record, tools, logger, address } = this;
    const before = record.name;
    const asked = record.cursor;
    record.name = name;
    record.cursor = tools.positions.get(this.ownKey) ?? 0;
    this.lastOldest = 0;
    this.health.forget();
    tools.named(address.url, name);
    const usable = asked === record.cursor;
    if (before === null && usable) return true;
    tools.positions.forget(address.url);
    tools.positions.advance(address.url, record.cursor);
    record.resets += 1;
    logger.warn(
      { before, name },
      'another collector answers at this address now; each must have an address of its own: if it was renamed, all is well',
    );
    return usable;
  }

  private tellGaps({ intervals, gap }: Page): void {
    const { record, logger, tools } = this;
    let lastEndMs = record.cursor;
    for (const [index, { startMs, endMs, intervalMs }] of intervals.entries()) {
      const notHeld = index === 0 && gap;
      const apart = lastEndMs > 0 && startMs - lastEndMs >= intervalMs / 2;
      if (notHeld || apart) {
        const reason = notHeld ? 'notHeld' : 'notMeasured';
        const { from, to } = record.gap(lastEndMs, startMs, reason, tools.timing.nowMs());
        const text = notHeld
          ? 'intervals are lost: the collector let them go before they were fetched; raise its collector.retention'
          : 'there are no intervals of this time: the collector did not measure, or was started again';
        logger.warn({ name: record.name, from, to }, text);
      }
      lastEndMs = endMs;
    }
  }

  /** An empty answer: the usual thing when it is asked too early, and the only sign of a cursor that lies ahead of all that will come. */
  private async nothingNew(page: Page, began: boolean): Promise<number> {
    const { record, schedule, logger, tools } = this;
    const { cursor } = record;
    if (began && !this.doubtful) logger.info({ name: record.name }, 'the collector was started again');
    if (began) this.doubtful = true;
    const staleMs = STALE_INTERVALS * schedule.intervalMs;
    if (tools.timing.nowMs() - this.lastNewsMs > staleMs) this.doubtful = true;
    if (cursor === 0) return schedule.afterNothing();
    if (page.newest !== undefined)
      return page.newest > 0 && page.newest < cursor ? this.startOver() : schedule.afterNothing();
    if (!this.doubtful || page.oldest === 0) return schedule.afterNothing();
    const { page: held, place } = await this.ask(cursor - 1, 1, false);
    place.leave();
    if (held.collector !== record.name) return schedule.afterNothing();
    const [last] = held.intervals;
    if (last === undefined) return this.startOver();
    this.doubtful = false;
    this.lastNewsMs = tools.timing.nowMs();
    return last.endMs > cursor ? 0 : schedule.afterNothing();
  }

  /** All that it holds ends before the cursor: its clock went back. What is fetched twice by this is the same points once more. */
  private startOver(): number {
    const { record, logger, tools, address } = this;
    record.resets += 1;
    logger.warn(
      { name: record.name, cursor: new Date(record.cursor).toISOString() },
      'all that the collector holds is older than what was fetched: its clock went back; fetching what it holds',
    );
    this.doubtful = false;
    record.cursor = 0;
    tools.positions.forget(address.url);
    tools.positions.forget(this.ownKey);
    return 0;
  }
}
