/**
 * A collector's own status, requested once an interval in addition to its results: skipped probes, dropped results,
 * stopped threads. It lets a reader of the whole matrix tell trouble of the tool from trouble of the network. It must
 * never delay the results, nor fail them.
 */

import type { HttpAnswer } from '../../base/http/httpClient.js';
import type { Timing } from '../../base/timing.js';

/**
 * A collector's warnings cover the last interval or two: requested less than once an interval, some would be missed.
 */
const LEAST_PAUSE_MS = 1_000;
/** The texts come from a collector, so their number is bounded. */
const MOST_TROUBLES = 10;
const MOST_CHARACTERS = 300;
/** A collector with a hundred threads reports a tenth of this. */
export const MOST_STATUS_BYTES = 2 ** 20;

export class CollectorHealth {
  /** Empty when the collector is healthy; null while unknown. */
  troubles: readonly string[] | null = null;
  private readonly get: (signal: AbortSignal) => Promise<HttpAnswer>;
  private readonly timing: Timing;
  private askedMs = Number.NEGATIVE_INFINITY;
  private asking: Promise<void> = Promise.resolve();
  private busy = false;

  /** `get` asks for the status, and gives up one of more than `MOST_STATUS_BYTES`. */
  constructor(get: (signal: AbortSignal) => Promise<HttpAnswer>, timing: Timing) {
    this.get = get;
    this.timing = timing;
  }

  /** Asks when it is time to; returns at once. */
  askWhenDue(signal: AbortSignal): void {
    const nowMs = this.timing.nowMs();
    if (this.busy || nowMs - this.askedMs < LEAST_PAUSE_MS) return;
    this.askedMs = nowMs;
    this.busy = true;
    this.asking = this.ask(signal).finally(() => {
      this.busy = false;
    });
  }

  /** Another collector answers: request its status again. */
  forget(): void {
    this.troubles = null;
    this.askedMs = Number.NEGATIVE_INFINITY;
  }

  /** Resolves when no request is under way. */
  async idle(): Promise<void> {
    await this.asking;
  }

  private async ask(signal: AbortSignal): Promise<void> {
    try {
      const { content } = await this.get(signal);
      this.troubles = troublesOf(JSON.parse(content.toString()));
    } catch {
      // The poller of its results sees, counts and logs that it does not answer.
      this.troubles = null;
    }
  }
}

/**
 * Troubles in a status as `llama collector` writes it: threads that do not run, then its warnings; null when it is no
 * such status.
 */
function troublesOf(status: unknown): readonly string[] | null {
  if (!isRecord(status) || !Array.isArray(status.warnings) || !Array.isArray(status.workers)) return null;
  const threads = [...status.workers, status.aggregator].filter(isRecord);
  const dead = threads
    .filter(({ state }) => state !== 'running')
    .map(({ thread, state, lastError }) => `thread ${thread} is ${state}${lastError ? `: ${lastError}` : ''}`);
  const warnings = status.warnings.filter((warning): warning is string => typeof warning === 'string');
  return [...dead, ...warnings].slice(0, MOST_TROUBLES).map((text) => text.slice(0, MOST_CHARACTERS));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
