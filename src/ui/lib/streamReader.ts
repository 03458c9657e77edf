/**
 * Follows `/v1/stream`: when an interval is finished, and whether the service answers. It uses fetch instead of
 * EventSource, which cannot send a token. Results are not in the events: each view requests its own data. It runs in
 * the shared worker, or in a page without one.
 */

import { ApiError } from './http.js';

/**
 * `away`: the service does not answer. `refused`: it answers, but gives no stream; views still ask from time to time.
 */
type Connection = 'connecting' | 'live' | 'refused' | 'away';

export interface StreamState {
  readonly connection: Connection;
  /** Counts up with every interval, and when the connection is back. */
  readonly tick: number;
  /** Cursor of the newest interval that was heard of; 0: none yet. */
  readonly endMs: number;
  /** Since when the service is away, epoch ms. */
  readonly awaySinceMs: number;
  /** Why, where the service says so. */
  readonly reason: string;
}

export const NOT_YET: StreamState = { connection: 'connecting', tick: 0, endMs: 0, awaySinceMs: 0, reason: '' };

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** The service sends at least a comment every 15 s. */
const SILENCE_MS = 40_000;

/** Pure: the ids of the whole events in `text`, and the rest of it. */
function eventIds(text: string): { readonly ids: readonly number[]; readonly rest: string } {
  const end = text.lastIndexOf('\n\n');
  if (end < 0) return { ids: [], rest: text };
  const ids = [...text.slice(0, end).matchAll(/^id: ?(\d+)$/gm)].map((match) => Number(match[1]));
  return { ids, rest: text.slice(end + 2) };
}

export class StreamReader {
  state = NOT_YET;
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly changed: (state: StreamState) => void;
  private readonly end = new AbortController();

  /** Reads until `stop`. */
  constructor(url: string, headers: Readonly<Record<string, string>>, changed: (state: StreamState) => void) {
    this.url = url;
    this.headers = headers;
    this.changed = changed;
    void this.run();
  }

  stop(): void {
    this.end.abort();
  }

  private set(change: Partial<StreamState>): void {
    if (this.end.signal.aborted) return;
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.end.signal.aborted) {
      const silence = new AbortController();
      let watch = setTimeout(() => silence.abort(), SILENCE_MS);
      const heard = (): void => {
        failures = 0;
        clearTimeout(watch);
        watch = setTimeout(() => silence.abort(), SILENCE_MS);
      };
      let refused: ApiError | undefined;
      try {
        await this.read(AbortSignal.any([silence.signal, this.end.signal]), heard);
      } catch (error) {
        if (error instanceof ApiError) refused = error;
      }
      clearTimeout(watch);
      const connection = refused === undefined ? 'away' : 'refused';
      if (this.state.connection !== connection)
        this.set({ connection, awaySinceMs: Date.now(), reason: refused?.message ?? '' });
      const ms = Math.min(FIRST_RETRY_MS * 2 ** failures++, LONGEST_RETRY_MS);
      await this.pause(ms * (0.5 + Math.random() / 2));
    }
  }

  private async read(signal: AbortSignal, heard: () => void): Promise<void> {
    const response = await fetch(this.url, { headers: this.headers, signal });
    if (!response.ok || response.body === null) {
      const problem = (await response.json().catch(() => ({}))) as { detail?: string; code?: string };
      throw new ApiError(response.status, problem.code ?? '', problem.detail ?? `status ${response.status}`);
    }
    this.set({ connection: 'live', tick: this.state.tick + 1, awaySinceMs: 0, reason: '' });
    const decoder = new TextDecoder();
    let text = '';
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      const { ids, rest } = eventIds(text + decoder.decode(value, { stream: true }));
      text = rest;
      const last = ids.at(-1);
      if (last !== undefined) this.set({ tick: this.state.tick + 1, endMs: last });
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.end.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
