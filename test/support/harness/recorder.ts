/** Follows a collector over its REST interface and keeps every finished interval: streams from `/v1/results`, paths from `/v1/paths`. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { PathRow, PathsAnswer, ResultInterval, ResultRow, ResultsAnswer } from './contract.js';
import { waitFor } from './wait.js';

const POLL_MS = 100;
const MOST_PATHS = 1_000_000;

export type Get = <T>(path: string) => Promise<T>;

export interface RecordedInterval extends ResultInterval {
  readonly startMs: number;
}

export class Recorder {
  readonly intervals: RecordedInterval[] = [];
  private readonly get: Get;
  private readonly pathsByStart = new Map<string, readonly PathRow[]>();
  private readonly loop: Promise<void>;
  private stopping = false;
  private failure: unknown;
  private cursor = 0;
  private gap = false;

  constructor(get: Get) {
    this.get = get;
    this.loop = this.follow();
  }

  /** Resolves when an interval that starts at or after `startMs` is finished and recorded; with the first such. */
  async interval(startMs: number, timeoutMs: number): Promise<RecordedInterval> {
    return waitFor(
      `an interval from ${new Date(startMs).toISOString()} on is finished`,
      () => {
        this.check();
        return this.intervals.find((interval) => interval.startMs >= startMs);
      },
      timeoutMs,
    );
  }

  /** Paths of one interval. */
  paths(interval: ResultInterval): readonly PathRow[] {
    const rows = this.pathsByStart.get(interval.start);
    if (rows === undefined) throw new Error(`/v1/paths was not read for the interval from ${interval.start}`);
    return rows;
  }

  /** Streams of all intervals, one row per stream and interval. */
  rows(): ResultRow[] {
    return this.intervals.flatMap(({ results }) => results);
  }

  /** Paths of all intervals, one row per path and interval. */
  allPaths(): PathRow[] {
    return this.intervals.flatMap((interval) => this.paths(interval));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.loop;
    this.check();
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.gap) throw new Error('/v1/results says that intervals were dropped before they were read');
  }

  private async follow(): Promise<void> {
    try {
      for (;;) {
        const last = this.stopping;
        await this.readResults();
        if (last) return;
        await sleep(POLL_MS);
      }
    } catch (error) {
      this.failure = error;
    }
  }

  private async readPaths(interval: ResultInterval): Promise<void> {
    const { start, paths } = await this.get<PathsAnswer>(`/v1/paths?after=${interval.endMs - 1}&limit=${MOST_PATHS}`);
    if (start !== interval.start) throw new Error(`/v1/paths answers with ${start} instead of ${interval.start}`);
    this.pathsByStart.set(start, paths);
  }

  private async readResults(): Promise<void> {
    for (;;) {
      const answer = await this.get<ResultsAnswer>(`/v1/results?after=${this.cursor}`);
      this.gap ||= answer.gap;
      for (const interval of answer.intervals) {
        await this.readPaths(interval);
        this.intervals.push({ ...interval, startMs: Date.parse(interval.start) });
      }
      if (answer.next === this.cursor) return;
      this.cursor = answer.next;
    }
  }
}
