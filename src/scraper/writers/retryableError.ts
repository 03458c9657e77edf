/**
 * A sink that is unavailable, asks to retry later or rejects the credentials: the write is retried, and no point is
 * dropped.
 */

export class WriteLater extends Error {
  override readonly name = 'WriteLater';
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** Value of `Retry-After`; 0 when absent. */
  readonly retryAfterMs: number;

  constructor(message: string, options: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** Milliseconds of a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date; 0 when absent or invalid. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - nowMs);
}
