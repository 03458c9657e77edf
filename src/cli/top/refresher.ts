/**
 * Keeps a snapshot up to date: fetches one after every finished interval that the stream reports, and on a user's
 * request. When the service is away it reports since when and why, and retries with growing waits. The last snapshot
 * stays, marked as old.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from '../../base/backoff.js';
import { LlamaError, messageOf } from '../../base/errors.js';
import type { ServiceClient } from './client.js';
import type { Looker } from './snapshot.js';
import { follow } from './sse.js';
import type { Asked, Connection, Picture } from './types.js';

const BACKOFF = { baseMs: 1_000, maxMs: 15_000 };
/** A full jitter may be close to 0. */
const LEAST_WAIT_MS = 250;
/**
 * Pause between two fetches: at least this, and at least this multiple of the last one's duration: a large matrix must
 * not keep its service busy.
 */
const LEAST_MS = 300;
const TIMES = 4;
/** Looks when there is no news: a scraper's collectors may be away, and ages and troubles change all the same. */
const QUIET_MS = 10_000;
const QUIET_INTERVALS = 1.5;

export class Feed {
  picture: Picture;
  /** By `performance.now`. */
  takenMs = performance.now();
  private readonly client: ServiceClient;
  private readonly looker: Looker;
  private readonly changed: () => void;
  private readonly end = new AbortController();
  private asked: Asked;
  private awayMs: number | undefined;
  private retryAtMs = 0;
  private reason = '';
  /** Lets the loop look again. */
  private wake: () => void = () => {};
  private due = false;

  constructor(client: ServiceClient, looker: Looker, first: Picture, asked: Asked, changed: () => void) {
    this.client = client;
    this.looker = looker;
    this.picture = first;
    this.asked = asked;
    this.changed = changed;
  }

  get connection(): Connection {
    if (this.awayMs === undefined) return { state: 'live' };
    const now = performance.now();
    return {
      state: 'away',
      awayMs: now - this.awayMs,
      retryMs: Math.max(0, this.retryAtMs - now),
      reason: this.reason,
    };
  }

  /** Looks as soon as may be. */
  ask(asked: Asked): void {
    this.asked = asked;
    this.lookSoon();
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const stream = this.followStream();
    try {
      while (!this.end.signal.aborted) {
        await this.news();
        if (this.end.signal.aborted) return;
        this.due = false;
        const startedMs = performance.now();
        await this.look();
        const tookMs = performance.now() - startedMs;
        await this.sleep(Math.max(LEAST_MS, tookMs * TIMES));
      }
    } finally {
      this.stop();
      await stream;
    }
  }

  stop(): void {
    this.end.abort();
    this.wake();
  }

  private lookSoon(): void {
    this.due = true;
    this.wake();
  }

  /** Resolves when there is a reason to look. */
  private async news(): Promise<void> {
    if (this.due) return;
    const { intervalMs } = this.picture.tool;
    const quietMs = Math.min(QUIET_MS, (intervalMs ?? QUIET_MS) * QUIET_INTERVALS);
    const quiet = setTimeout(() => this.wake(), quietMs);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    clearTimeout(quiet);
  }

  private async look(): Promise<void> {
    try {
      const { asked } = this;
      this.picture = await this.looker.look(asked, this.end.signal);
      this.takenMs = performance.now();
      this.back();
    } catch (error) {
      if (this.end.signal.aborted) return;
      this.away(reasonOf(error));
    }
    this.changed();
  }

  private away(reason: string): void {
    this.awayMs ??= performance.now();
    this.reason = reason;
    this.looker.forget();
    this.changed();
  }

  private back(): void {
    this.awayMs = undefined;
    this.retryAtMs = 0;
  }

  private async followStream(): Promise<void> {
    const backoff = new Backoff({ ...BACKOFF, random: Math.random });
    while (!this.end.signal.aborted) {
      const news = {
        opened: () => {
          backoff.succeeded();
          this.lookSoon();
        },
        finished: () => this.lookSoon(),
      };
      try {
        await follow(this.client, news, this.end.signal);
      } catch (error) {
        if (this.end.signal.aborted) return;
        const waitMs = LEAST_WAIT_MS + backoff.failed(0);
        this.retryAtMs = performance.now() + waitMs;
        // Only a fetch can show that the service is away: the stream may fail because it has too many.
        this.reason = reasonOf(error);
        this.lookSoon();
        await this.sleep(waitMs);
      }
    }
  }

  /** Shorter when it all ends. */
  private async sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.end.signal }).catch(() => {});
  }
}

/** Without the URL, which stands above. */
function reasonOf(error: unknown): string {
  if (error instanceof LlamaError) return error.message.replace(/^https?:\S+: /, '');
  return messageOf(error);
}
