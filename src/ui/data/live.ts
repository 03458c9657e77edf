/**
 * How current this tab is: whether the service answers, when an interval is finished, and the age of the shown data.
 * One stream serves all tabs (`worker/sharedStream.ts`); a hidden tab does not use it. "Live" depends on the age of the
 * data only: an open stream proves nothing about the data on the screen.
 */

import { useEffect, useState } from 'preact/hooks';
import { headers, urlOf } from '../lib/api.js';
import { NOT_YET, StreamReader, type StreamState } from '../lib/streamReader.js';
import type { Newest } from '../lib/types.js';
import { type FromStream, SAYS_AGAIN_MS, type ToStream } from '../worker/streamMessages.js';

interface Live extends StreamState {
  /** This tab shows data. */
  readonly hasData: boolean;
  /** The data in this tab are stale, or the service does not answer: no shown data are current. */
  readonly old: boolean;
}

/** When the age that is shown is looked at again. */
const AGE_EVERY_MS = 1_000;

let stream = NOT_YET;
/** The state of the stream that listeners know. */
let heardOf = NOT_YET;
/** Age of the shown answer when it came, and the time it came at, by `performance.now()`. */
let shown: { readonly ageMs: number; readonly staleAfterMs: number; readonly atMs: number } | undefined;
let live: Live = { ...NOT_YET, hasData: false, old: false };
const listeners = new Set<(live: Live) => void>();
/** `performance.now()` of the last tick. */
let tickedAt = 0;
let ticks = 0;

/** Age of the newest data in this tab, ms; undefined before the first. */
function ageMs(): number | undefined {
  return shown === undefined ? undefined : shown.ageMs + performance.now() - shown.atMs;
}

function update(): void {
  const stale = shown !== undefined && (ageMs() ?? 0) > shown.staleAfterMs;
  const old = stale || stream.connection === 'away';
  const hasData = shown !== undefined;
  if (old === live.old && hasData === live.hasData && stream === heardOf) return;
  heardOf = stream;
  live = { ...stream, hasData, old };
  for (const listener of listeners) listener(live);
}

function heard(state: StreamState): void {
  if (state.tick !== stream.tick) {
    ticks += 1;
    tickedAt = performance.now();
  }
  stream = state;
  update();
}

/** How old the data are that an answer has, as it comes. */
export function showing(newest: Newest): void {
  const { ageMs: age, staleAfterMs } = newest;
  shown = age === null || staleAfterMs === null ? undefined : { ageMs: age, staleAfterMs, atMs: performance.now() };
  update();
}

/** Another answer is awaited: the age of the one before does not apply to it. */
export function showingNothing(): void {
  shown = undefined;
  update();
}

const joining = (): Extract<ToStream, { kind: 'join' }> => ({
  kind: 'join',
  url: urlOf('/v1/stream', { results: '0' }),
  headers: headers(),
});

interface Source {
  readonly join: () => void;
  readonly leave: () => void;
}

/** undefined: this browser has no shared workers. */
function sharedSource(failed: () => void): Source | undefined {
  if (typeof SharedWorker === 'undefined') return undefined;
  const worker = new SharedWorker(new URL('../worker/sharedStream.ts', import.meta.url), { type: 'module' });
  const send = (message: ToStream): void => worker.port.postMessage(message);
  worker.port.addEventListener('message', ({ data }: MessageEvent<FromStream>) => heard(data));
  worker.addEventListener('error', failed);
  worker.port.start();
  let again: ReturnType<typeof setInterval> | undefined;
  const leave = (): void => {
    clearInterval(again);
    send({ kind: 'leave' });
  };
  const join = (): void => {
    clearInterval(again);
    send(joining());
    again = setInterval(() => send(joining()), SAYS_AGAIN_MS);
  };
  return { join, leave };
}

/** A stream of this tab's own, while it is looked at. */
function ownSource(): Source {
  let reader: StreamReader | undefined;
  const leave = (): void => reader?.stop();
  const join = (): void => {
    leave();
    const { url, headers: sent } = joining();
    reader = new StreamReader(url, sent, heard);
  };
  return { join, leave };
}

let source: Source | undefined;

function begin(): void {
  const own = (): void => {
    source = ownSource();
    if (!document.hidden) source.join();
  };
  source = sharedSource(own) ?? ownSource();
  if (!document.hidden) source.join();
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source?.leave();
    else source?.join();
  });
  addEventListener('pagehide', () => source?.leave());
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) source?.join();
  });
  setInterval(update, AGE_EVERY_MS);
}

/** Resolves when the tab is looked at; at once when it is. */
export function whenVisible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const seen = (): void => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', seen);
      resolve();
    };
    document.addEventListener('visibilitychange', seen);
    signal.addEventListener('abort', seen);
  });
}

/** Resolves when there was a tick after `since`, a `performance.now()`; at once when there was one already. */
export function nextTick(since: number): Promise<void> {
  if (tickedAt > since) return Promise.resolve();
  return new Promise((resolve) => {
    const before = ticks;
    const listener = (): void => {
      if (ticks === before) return;
      listeners.delete(listener);
      resolve();
    };
    listeners.add(listener);
  });
}

/** Tries at once: there is another token. */
export function reconnect(): void {
  source?.leave();
  source?.join();
}

export function useLive(): Live {
  const [state, setState] = useState(live);
  useEffect(() => {
    listeners.add(setState);
    setState(live);
    if (source === undefined) begin();
    return () => {
      listeners.delete(setState);
    };
  }, []);
  return state;
}

/** As it grows, once a second. */
export function useAgeMs(): number | undefined {
  const [age, setAge] = useState(ageMs());
  useEffect(() => {
    const listener = (): void => setAge(ageMs());
    const timer = setInterval(listener, AGE_EVERY_MS);
    listeners.add(listener);
    return () => {
      clearInterval(timer);
      listeners.delete(listener);
    };
  }, []);
  return age;
}
