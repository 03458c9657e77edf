/**
 * What a collector says of itself, asked once an interval beside its results: whether it skipped probes, dropped results or lost a thread. So whoever looks at
 * the whole matrix can tell the tool's troubles from the network's. It must never hold up the fetching of results, nor fail it.
 */

import type { HttpAnswer } from '../../base/http/httpClient.js';
import type { Timing } from '../../targets/source.js';

/** Its warnings are of the last interval or two: asked more seldom than once in an interval, some would never be seen. */
const LEAST_PAUSE_MS = 1_000;
/** The words are a collector's: only so many of them are kept. */
const MOST_TROUBLES = 10;
const MOST_CHARACTERS = 300;
/** A collector with a hundred threads says a tenth of this. */
export const MOST_STATUS_BYTES = 2 ** 20;

export class CollectorHealth {
  /** Empty when all is well; null while it is not known. */
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

  /** Another collector answers: it is asked anew. */
  forget(): void {
    this.troubles = null;
    this.askedMs = Number.NEGATIVE_INFINITY;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.asking;
  }

  private async ask(signal: AbortSignal): Promise<void> {
    try {
      const { content } = await this.get(signal);
      this.troubles = troublesOf(JSON.parse(content.toString()));
    } catch {
      // That it does not answer is seen, counted and told by who fetches its results.
      this.troubles = null;
    }
  }
}

/** Of a status as `llama collector` writes it; null when it is none. Threads that do not run, then its warnings. */
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
