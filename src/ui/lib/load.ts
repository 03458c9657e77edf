/** Answers that are asked for again with every interval, as long as somebody looks. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.js';
import { useLive } from './live.js';

export interface Loaded<Body> {
  /** The newest answer; it stays while a newer one is asked for, or cannot be had. */
  readonly body: Body | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
}

/** No more often than this, and no more than a quarter of the time is spent asking. */
const LEAST_PAUSE_MS = 900;
const PAUSE_FACTOR = 3;

/** `key` says what is asked for: when it changes the old answer is of something else, and goes. */
export function useLoaded<Body>(key: string, ask: (signal: AbortSignal) => Promise<Body>): Loaded<Body> {
  const { tick } = useLive();
  const [state, setState] = useState<Loaded<Body> & { readonly key: string }>({ key, body: undefined, error: undefined, loading: true });
  const notBefore = useRef(0);
  useEffect(() => {
    const abort = new AbortController();
    const isNew = state.key !== key || state.body === undefined;
    const wait = isNew ? 0 : Math.max(0, notBefore.current - performance.now());
    if (state.key !== key) setState({ key, body: undefined, error: undefined, loading: true });
    const timer = setTimeout(async () => {
      const began = performance.now();
      try {
        const body = await ask(abort.signal);
        setState({ key, body, error: undefined, loading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        const shown = error instanceof ApiError ? error : new ApiError(0, 'PAGE', String(error));
        setState((before) => ({ key, body: before.key === key ? before.body : undefined, error: shown, loading: false }));
      }
      const took = performance.now() - began;
      notBefore.current = performance.now() + Math.max(LEAST_PAUSE_MS, took * PAUSE_FACTOR);
    }, wait);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, tick]);
  return state.key === key ? state : { body: undefined, error: undefined, loading: true };
}
