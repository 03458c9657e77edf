/**
 * Follows one source for one group: asks it periodically, applies good answers, and keeps the last good one through all
 * errors. Its clock is passed in. It never empties a group because of an error.
 */

import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Timing } from '../base/timing.js';
import type { Answer, Entry, Source } from './source.js';

/** After the first failure it is asked again after at most this long, then twice that, and so on. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/**
 * Greatest random delay of a request, as a share of the interval, so that the hosts of a mesh do not all ask at once.
 */
const JITTER = 0.1;
/** Most warnings that are shown; thousands of entries may have the same error. */
const MAX_WARNINGS = 10;

export interface FollowerOptions {
  readonly source: Source;
  readonly timing: Timing;
  readonly logger: Logger;
  /** Pause between two successful requests; null: the answer sets it. */
  readonly refreshMs: number | null;
  readonly allowEmpty: boolean;
  /** The kind of the entries, for messages; default `targets`. */
  readonly subject?: 'targets' | 'collectors';
  /** In force until the first good answer. */
  readonly entries: readonly Entry[];
  /**
   * Applies entries, and sets `entries`; resolves with the entries that are left out. Rejects on failure, and changes
   * nothing.
   */
  readonly apply: (entries: readonly Entry[]) => Promise<readonly string[]>;
}

export class Follower {
  /** In force; set by `apply`. */
  entries: readonly Entry[];
  /** The source has given a good answer, which is in force; set as `entries` is. */
  answered = false;
  /** When the source last gave a good answer, be it in an earlier run; null before the first. */
  updatedAtMs: number | null = null;
  /** The entries in force come from an earlier run. */
  restored = false;
  /** Why the latest answer is not in force; null when it is. */
  error: string | null = null;
  warnings: readonly string[] = [];
  nextAtMs: number | null = null;
  private readonly options: FollowerOptions;
  private failures = 0;
  private asking: AbortController | undefined;
  private again = false;
  private closed = false;
  private cancelTimer: (() => void) | undefined;
  private endWatch: (() => void) | undefined;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.entries = options.entries;
  }

  start(): void {
    this.endWatch = this.options.source.watch?.(() => this.askNow());
    this.askNow();
  }

  /** The entries of an earlier run are in force again. */
  restore(entries: readonly Entry[], updatedAtMs: number): void {
    this.entries = entries;
    this.updatedAtMs = updatedAtMs;
    this.restored = true;
  }

  /** Asks now, or once more when a question is under way: its answer may be older than the reason to ask. */
  askNow(): void {
    if (this.closed) return;
    if (this.asking !== undefined) {
      this.again = true;
      return;
    }
    this.cancelTimer?.();
    this.nextAtMs = null;
    void this.round();
  }

  close(): void {
    this.closed = true;
    this.cancelTimer?.();
    this.endWatch?.();
    this.asking?.abort(new Error('the group is followed no more'));
  }

  /** Never rejects. */
  private async round(): Promise<void> {
    const { source, timing, refreshMs } = this.options;
    const asking = new AbortController();
    this.asking = asking;
    let waitMs: number;
    try {
      const answer = await source.ask(asking.signal);
      if (this.closed) return;
      await this.take(answer);
      waitMs = (refreshMs ?? answer.ttlMs ?? LONGEST_RETRY_MS) * (1 + JITTER * timing.random());
    } catch (error) {
      if (this.closed) return;
      this.fail(messageOf(error));
      waitMs = this.retryMs();
    } finally {
      this.asking = undefined;
    }
    if (this.closed) return;
    if (this.again) {
      this.again = false;
      this.askNow();
      return;
    }
    this.nextAtMs = timing.nowMs() + waitMs;
    this.cancelTimer = timing.after(waitMs, () => this.askNow());
  }

  private get subject(): 'targets' | 'collectors' {
    return this.options.subject ?? 'targets';
  }

  private async take(answer: Answer): Promise<void> {
    const { allowEmpty, apply, timing, logger } = this.options;
    if (answer.entries.length === 0 && !allowEmpty) throw new Error(emptyAnswer(answer.empty, this.subject));
    const leftOut = await apply(answer.entries);
    if (this.closed) return;
    this.updatedAtMs = timing.nowMs();
    this.restored = false;
    this.failures = 0;
    if (this.error !== null) logger.info(`${this.subject} are found again`);
    this.error = null;
    const warnings = shortened([...answer.warnings, ...leftOut]);
    if (warnings.length > 0 && warnings.join() !== this.warnings.join())
      logger.warn({ warnings }, `some ${this.subject} are left out`);
    this.warnings = warnings;
  }

  private fail(message: string): void {
    this.failures++;
    if (message !== this.error)
      this.options.logger.warn(
        { error: message, [this.subject]: this.entries.length },
        `no new ${this.subject}; the last ones stay`,
      );
    this.error = message;
  }

  private retryMs(): number {
    const { refreshMs, timing } = this.options;
    const most = Math.min(refreshMs ?? LONGEST_RETRY_MS, LONGEST_RETRY_MS);
    const least = Math.min(most, FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 16));
    return least * (1 - 0.5 * timing.random());
  }
}

function emptyAnswer(why: string | undefined, subject: 'targets' | 'collectors'): string {
  const found = why === undefined ? `found an answer without any ${subject.slice(0, -1)}` : why;
  const remove = subject === 'targets' ? 'remove the group, or ' : '';
  return `${found}, expected at least one; the last ${subject} stay: ${remove}set allowEmpty: true where none are meant`;
}

function shortened(warnings: readonly string[]): string[] {
  if (warnings.length <= MAX_WARNINGS) return [...warnings];
  return [...warnings.slice(0, MAX_WARNINGS), `… and ${warnings.length - MAX_WARNINGS} more`];
}
