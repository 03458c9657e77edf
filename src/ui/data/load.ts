/** Answers that are asked for again with every interval, while the tab is looked at. */

import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../lib/http.js';
import type { Newest } from '../lib/types.js';
import { nextTick, showing, showingNothing, whenVisible } from './live.js';

export interface Loaded<Body> {
  /** The newest answer; it stays while a newer one is asked for, or cannot be had. */
  readonly body: Body | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  /** When `body` came, epoch ms; 0 without one. */
  readonly atMs: number;
}

const NOTHING = { body: undefined, error: undefined, loading: true, atMs: 0 } as const;
/** No more often than this, and no more than a quarter of the time is spent asking. */
const LEAST_PAUSE_MS = 900;
const PAUSE_FACTOR = 3;
/** Asked again after this time even without a new interval: the user must see that the data become old. */
const LONGEST_PAUSE_MS = 5_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface LoadOptions<Body> {
  /** For answers that change slowly. */
  readonly leastMs?: number;
  /** For answers that do not change: of the past. */
  readonly once?: boolean;
  /** The view's main answer: how old its data are. */
  readonly newest?: (body: Body) => Newest;
}

/**
 * `key` identifies the request: when it changes, the old answer is dropped. A request that takes longer than an
 * interval is not cancelled for the next one.
 */
export function useLoaded<Body>(
  key: string,
  ask: (signal: AbortSignal) => Promise<Body>,
  { leastMs = LEAST_PAUSE_MS, once = false, newest }: LoadOptions<Body> = {},
): Loaded<Body> {
  const [state, setState] = useState<Loaded<Body> & { readonly key: string }>({ key, ...NOTHING });
  useEffect(() => {
    const abort = new AbortController();
    if (newest !== undefined) showingNothing();
    const keepAsking = async (): Promise<void> => {
      while (!abort.signal.aborted) {
        await whenVisible(abort.signal);
        if (abort.signal.aborted) return;
        const began = performance.now();
        try {
          const body = await ask(abort.signal);
          if (abort.signal.aborted) return;
          setState({ key, body, error: undefined, loading: false, atMs: Date.now() });
          if (newest !== undefined && !once) showing(newest(body));
          if (once) return;
        } catch (error) {
          if (abort.signal.aborted) return;
          const shown = error instanceof ApiError ? error : new ApiError(0, 'PAGE', String(error));
          setState((before) => ({
            ...(before.key === key ? before : NOTHING),
            key,
            error: shown,
            loading: false,
          }));
        }
        await pause(Math.max(leastMs, (performance.now() - began) * PAUSE_FACTOR));
        await Promise.race([nextTick(began), pause(Math.max(leastMs, LONGEST_PAUSE_MS))]);
      }
    };
    void keepAsking();
    return () => abort.abort();
  }, [key, once]);
  return state.key === key ? state : NOTHING;
}
