/** Exponential back-off with full jitter, so that clients that failed together do not retry together. */

export interface BackoffOptions {
  /** Upper end of the first wait, ms; each failure doubles it. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** Upper bound of a sink's `Retry-After`, so that a wrong header does not stop the writing for a day. */
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

  /** Wait after one more failure, ms: at least the sink's `Retry-After`, within its bound. */
  failed(retryAfterMs: number): number {
    const { baseMs, maxMs, random } = this.options;
    const upper = Math.min(maxMs, baseMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + random() * upper;
  }
}
