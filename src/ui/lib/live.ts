/**
 * Knows when a new interval is there, by `/v1/stream`, and whether the service still answers. It reads the stream by fetch and not by EventSource,
 * which can't show a token. What an event holds is not used: each view asks for what it shows.
 */

import { useEffect, useState } from 'preact/hooks';
import { headers, urlOf } from './api.js';
import { ApiError } from './http.js';

export type Connection = 'connecting' | 'live' | 'away';
export interface Live {
  readonly connection: Connection;
  /** Counts up with every interval, and when the connection is back. */
  readonly tick: number;
  /** End of the newest interval that was heard of, epoch ms; 0: none yet. */
  readonly endMs: number;
  /** Since when the service is away, epoch ms. */
  readonly awaySinceMs: number;
  /** Why, where the service says so. */
  readonly reason: string;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** The service sends at least a comment every 15 s. */
const SILENCE_MS = 40_000;

let live: Live = { connection: 'connecting', tick: 0, endMs: 0, awaySinceMs: 0, reason: '' };
const listeners = new Set<(live: Live) => void>();
/** `performance.now()` of the last tick. */
let tickedAt = 0;
let begun = false;
let restart = (): void => undefined;

function set(change: Partial<Live>): void {
  if (change.tick !== undefined) tickedAt = performance.now();
  live = { ...live, ...change };
  for (const listener of listeners) listener(live);
}

/** Pure: the ids of the whole events in `text`, and what is left of it. */
export function eventIds(text: string): { readonly ids: readonly number[]; readonly rest: string } {
  const end = text.lastIndexOf('\n\n');
  if (end < 0) return { ids: [], rest: text };
  const ids = [...text.slice(0, end).matchAll(/^id: ?(\d+)$/gm)].map((match) => Number(match[1]));
  return { ids, rest: text.slice(end + 2) };
}

async function read(signal: AbortSignal, heard: () => void): Promise<void> {
  const response = await fetch(urlOf('/v1/stream', { results: '0' }), { headers: headers(), signal });
  if (!response.ok || response.body === null) {
    const problem = (await response.json().catch(() => ({}))) as { detail?: string; code?: string };
    throw new ApiError(response.status, problem.code ?? '', problem.detail ?? `status ${response.status}`);
  }
  set({ connection: 'live', tick: live.tick + 1, awaySinceMs: 0, reason: '' });
  const decoder = new TextDecoder();
  let text = '';
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const { ids, rest } = eventIds(text + decoder.decode(value, { stream: true }));
    text = rest;
    const last = ids.at(-1);
    if (last !== undefined) set({ tick: live.tick + 1, endMs: last });
  }
}

async function run(): Promise<void> {
  let failures = 0;
  for (;;) {
    const abort = new AbortController();
    let watch = setTimeout(() => abort.abort(), SILENCE_MS);
    let wake = (): void => undefined;
    restart = () => {
      abort.abort();
      wake();
    };
    try {
      await read(abort.signal, () => {
        failures = 0;
        clearTimeout(watch);
        watch = setTimeout(() => abort.abort(), SILENCE_MS);
      });
    } catch (error) {
      if (error instanceof ApiError) set({ reason: error.message });
    }
    clearTimeout(watch);
    if (live.connection !== 'away') set({ connection: 'away', awaySinceMs: Date.now() });
    const ms = Math.min(FIRST_RETRY_MS * 2 ** failures++, LONGEST_RETRY_MS);
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, ms * (0.5 + Math.random() / 2));
    });
  }
}

/** Resolves when there was a tick after `since`, a `performance.now()`; at once when there was one already. */
export function nextTick(since: number): Promise<void> {
  if (tickedAt > since) return Promise.resolve();
  return new Promise((resolve) => {
    const listener = ({ tick }: Live): void => {
      if (tick === before) return;
      listeners.delete(listener);
      resolve();
    };
    const before = live.tick;
    listeners.add(listener);
  });
}

/** Tries at once: there is another token. */
export const reconnect = (): void => restart();

export function useLive(): Live {
  const [state, setState] = useState(live);
  useEffect(() => {
    listeners.add(setState);
    setState(live);
    if (!begun) {
      begun = true;
      void run();
    }
    return () => {
      listeners.delete(setState);
    };
  }, []);
  return state;
}
