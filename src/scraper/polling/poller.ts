/**
 * Polls one collector: requests an interval when it is ready, delivers it, and advances the cursor only when the
 * interval is safe. Each poller has its own schedule, errors and memory, so that collectors do not affect each other.
 * It must never skip an interval silently, nor stop because a cursor has become meaningless. No step of a clock, the
 * collector's or this host's, may move or hide a result.
 */

import type { Logger } from 'pino';
import { messageOf } from '../../base/errors.js';
import type { HttpAnswer, HttpClient } from '../../base/http/httpClient.js';
import type { Timing } from '../../base/timing.js';
import type { CollectorAddress } from '../../config/scraper/types.js';
import type { CollectorState } from '../../contract/scraperStatus.js';
import type { Page } from '../results/answer.js';
import type { CollectorEpochs } from '../results/collectorEpochs.js';
import type { CollectedInterval, Delivery } from '../results/types.js';
import type { Place, Room } from './answerMemory.js';
import { Asker, RefusedError, type Reply } from './collectorClient.js';
import { CollectorClock } from './collectorClock.js';
import { CollectorRecord } from './collectorStatus.js';
import { CollectorHealth, MOST_STATUS_BYTES } from './health.js';
import type { Gate } from './requestLimiter.js';
import { Schedule } from './schedule.js';

/**
 * Positions of collectors, kept over restarts: the cursor of the last interval that is safe with every writer. Stored
 * by URL for the collector that answered there last, and by URL and name for each that ever did.
 */
export interface Positions {
  get(key: string): number | undefined;
  /** A cursor smaller than the stored one changes nothing. */
  advance(key: string, cursor: number): void;
  forget(key: string): void;
  /** Kept with the cursors, by URL and name. */
  readonly epochs: CollectorEpochs;
}

export interface PollerTools {
  readonly http: HttpClient;
  readonly gate: Gate;
  readonly delivery: Delivery;
  readonly positions: Positions;
  /** Its clock is without steps: `SteadyClock.nowMs`. */
  readonly timing: Timing;
  /** `SteadyClock.aheadMs` of the same clock; 0 when not given. */
  readonly clockAheadMs?: () => number;
  readonly logger: Logger;
  /** Whether somebody wants histograms now. */
  readonly histograms: () => boolean;
  readonly room: Room;
  /** Called with every interval before it is delivered; the result settles when the rows are no longer needed there. */
  readonly fetched: (interval: CollectedInterval) => Promise<unknown>;
  /** Called when the collector's name becomes known, and when it changes. */
  readonly named: (url: string, name: string) => void;
}

/** A page is about this large, or one interval: the memory used for a collector that is far behind. */
const PAGE_BYTES = 4 * 2 ** 20;
const FIRST_LIMIT = 4;
/** Assumed size of a first answer. */
const FIRST_BYTES = 2 ** 20;
const MOST_INTERVALS = 100;
/**
 * Dropbox's LLAMA sums up at the end of an interval, by a timer that may be a little late: too early means the interval
 * before.
 */
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
  /** From the last answer with intervals: the next one is about as large. */
  private usualBytes = FIRST_BYTES;
  /** The clock of the collector named `record.name`. */
  private clock = new CollectorClock();
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
    this.startAt(tools.positions.get(address.url) ?? 0);
    this.ended = this.run();
  }

  state(): CollectorState {
    const { timing, clockAheadMs = () => 0 } = this.tools;
    return this.record.state(timing.nowMs(), clockAheadMs(), this.health.troubles);
  }

  /** Another request to the collector, on behalf of a reader. Rejects with an error whose message is for people. */
  async get(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    return this.asker.get(path, AbortSignal.any([signal, this.ending.signal]));
  }

  /**
   * Sends no more requests. Resolves when none is under way; an interval in delivery is then safe, or the cursor was
   * not moved past it.
   */
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

  /** One request and its consequences; resolves with the time until the next one. Never rejects. */
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

  /** The caller releases the lease of the answer. */
  private async ask(after: number, limit: number, histograms: boolean): Promise<PlacedReply> {
    const { record, tools } = this;
    const { signal } = this.ending;
    const place = await tools.room.enter(this.usualBytes, signal);
    try {
      record.polls += 1;
      let askedMs = 0;
      const reply = await tools.gate.run(() => {
        place.asked();
        askedMs = tools.timing.nowMs();
        return this.asker.ask({ after, limit, histograms }, signal, place);
      }, signal);
      signal.throwIfAborted();
      const answeredMs = tools.timing.nowMs();
      record.lastSuccessMs = answeredMs;
      record.aheadMs = reply.nowMs === undefined ? null : reply.nowMs - answeredMs;
      if (reply.nowMs !== undefined) this.clock.see(reply.nowMs, askedMs, answeredMs);
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
    const [oldest] = page.intervals;
    const newest = page.intervals.at(-1);
    if (oldest === undefined || newest === undefined) return this.nothingNew(page);
    const isAnother = page.gap && this.isOfAnother(oldest);
    if (isAnother) this.startedAgain(oldest);
    const startedMs = tools.timing.nowMs();
    const intervals = page.intervals.map((interval) => this.placed(interval));
    this.tellGaps(intervals, page.gap && !isAnother);
    await this.handOver(intervals, place);
    const full = page.intervals.length >= this.limit;
    this.limit = Math.max(
      1,
      Math.min(MOST_INTERVALS, Math.floor((PAGE_BYTES * page.intervals.length) / Math.max(1, bytes))),
    );
    const passedMs = tools.timing.nowMs() - startedMs;
    // By the current clock: a step since then must not look like a late interval.
    const endMs = newest.endMs - (newest.clockAheadMs ?? 0);
    const waitMs = schedule.afterIntervals(endMs, nowMs === undefined ? undefined : nowMs + passedMs);
    record.settleMs = schedule.settleMs;
    return full && this.address.kind === 'collector' ? 0 : waitMs;
  }

  /** The interval with its name and times as used here. */
  private placed(interval: CollectedInterval): CollectedInterval {
    const { clockAheadMs = 0 } = interval;
    const clockEpoch = this.tools.positions.epochs.of(interval.collector, interval);
    return { ...interval, clockEpoch, aheadMs: clockAheadMs + this.clock.offsetMs };
  }

  /** All are delivered at once, so that writers can batch them; the position follows one by one, in order. */
  private async handOver(intervals: readonly CollectedInterval[], place: Place): Promise<void> {
    const { tools } = this;
    const handed = intervals.map((interval) => {
      place.until(tools.fetched(interval));
      const safe = tools.delivery.deliver(interval);
      // The first failure is handled below; the others must not be unhandled meanwhile.
      place.until(safe);
      return { interval, safe };
    });
    for (const { interval, safe } of handed) {
      await safe;
      this.record.intervals += 1;
      this.record.rows += interval.rows.length;
      this.moveTo(interval);
    }
  }

  private moveTo(interval: CollectedInterval): void {
    const { endMs, cursor = endMs, aheadMs = 0 } = interval;
    const { positions } = this.tools;
    this.record.moved(cursor, endMs, aheadMs);
    positions.epochs.moved(this.ownKey, interval);
    positions.advance(this.address.url, cursor);
    positions.advance(this.ownKey, cursor);
  }

  /** Begins behind a cursor of an earlier process. */
  private startAt(cursor: number): void {
    const last = this.tools.positions.epochs.last(this.ownKey);
    if (last === undefined) this.record.moved(cursor, 0, 0);
    else this.record.moved(cursor, last.endMs, last.aheadMs);
  }

  private get ownKey(): string {
    return `${this.address.url} ${this.record.name}`;
  }

  /**
   * The collector's name has changed. False when the request was meant for the other one: the answer is then not used.
   * Cursors of both are kept, because an address shared by two (a load balancer) must not cause everything to be
   * fetched again each time.
   */
  private meet(name: string): boolean {
    const { record, tools, logger, address } = this;
    const before = record.name;
    const asked = record.cursor;
    record.name = name;
    this.startAt(tools.positions.get(this.ownKey) ?? 0);
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

  private tellGaps(intervals: readonly CollectedInterval[], gap: boolean): void {
    const { record, logger, tools } = this;
    let last: Pick<CollectorRecord, 'cursor' | 'endMs' | 'endAheadMs'> = record;
    for (const [index, interval] of intervals.entries()) {
      const { startMs, endMs, intervalMs, aheadMs = 0, cursor = endMs, follows = 0 } = interval;
      const notHeld = index === 0 && gap;
      // Consecutive intervals may have a gap in clock time, but nothing was left out. Otherwise both are compared by
      // one clock.
      const apartMs = follows !== 0 && follows === last.cursor ? 0 : startMs - aheadMs - (last.endMs - last.endAheadMs);
      if (notHeld || (last.endMs > 0 && apartMs >= intervalMs / 2)) {
        const reason = notHeld ? 'notHeld' : 'notMeasured';
        const fromMs = Math.min(last.endMs, startMs);
        const { from, to } = record.gap(fromMs, startMs, reason, tools.timing.nowMs());
        const text = notHeld
          ? 'intervals are lost: the collector let them go before they were fetched; raise its collector.retention'
          : 'there are no intervals of this time: the collector did not measure, or was started again';
        logger.warn({ name: record.name, from, to }, text);
      }
      last = { cursor, endMs, endAheadMs: aheadMs };
    }
  }

  /**
   * An empty answer: normal when requested too early. Dropbox's collector has one interval only: an end before the
   * cursor means that its clock was set back.
   */
  private nothingNew({ newest = 0 }: Page): number {
    const { cursor } = this.record;
    if (cursor === 0 || newest === 0 || newest >= cursor) return this.schedule.afterNothing();
    this.startOver();
    return 0;
  }

  /**
   * True when the first interval in the answer does not continue from the fetched ones: the collector does not know the
   * cursor.
   */
  private isOfAnother({ endMs, cursor = endMs, follows = 0, incarnation }: CollectedInterval): boolean {
    const { record } = this;
    const last = this.tools.positions.epochs.last(this.ownKey);
    // A process that was killed before its first interval leaves fetched intervals to the next one, under new cursors.
    const isRenamed = follows === 0 && endMs <= record.endMs;
    return cursor <= record.cursor || isRenamed || (last !== undefined && last.incarnation !== incarnation);
  }

  /** The last end is kept: it shows how long the collector did not measure. */
  private startedAgain({ collector, endMs, incarnation }: CollectedInterval): void {
    const { record, logger } = this;
    const isSetBack = endMs <= record.endMs;
    logger.warn(
      { name: record.name, cursor: record.cursor },
      `the collector was started again, without memory of what was fetched${isSetBack ? ', and its clock was set back' : ''}; fetching what it holds`,
    );
    if (isSetBack) record.resets += 1;
    if (isSetBack && incarnation === undefined) this.tools.positions.epochs.startOver(collector);
    this.forgetPositions();
    record.cursor = 0;
  }

  /**
   * For a collector without cursors: its clock was set back, and its intervals were measured later than all that was
   * fetched.
   */
  private startOver(): void {
    const { record, logger, tools } = this;
    record.resets += 1;
    logger.warn(
      { name: record.name, cursor: record.cursor },
      'the clock of the collector was set back; fetching what it holds',
    );
    if (record.name !== null) tools.positions.epochs.startOver(record.name);
    this.forgetPositions();
    record.moved(0, 0, 0);
  }

  private forgetPositions(): void {
    const { positions } = this.tools;
    positions.forget(this.address.url);
    positions.forget(this.ownKey);
  }
}
