/** When to try again: exponential with full jitter, so that many that failed together do not come back together. */

export interface BackoffOptions {
  /** Upper end of the first wait, ms; each failure doubles it. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** 0 to 1, without 1. */
  readonly random: () => number;
}

/** What a sink asks for with `Retry-After` is heeded up to this, lest a wrong header stop the writing for a day. */
const MAX_RETRY_AFTER_MS = 300_000;

export class Backoff {
  private readonly options: BackoffOptions;
  private failures = 0;

  constructor(options: BackoffOptions) {
    this.options = options;
  }

  succeeded(): void {
    this.failures = 0;
  }

  /** How long to wait after one more failure, ms: never less than the sink asked for. */
  failed(retryAfterMs: number): number {
    const { baseMs, maxMs, random } = this.options;
    const upper = Math.min(maxMs, baseMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + random() * upper;
  }
}
