/** The page's worker: fetches matrices, keeps them, and prepares them for drawing. See `messages.ts`. */

import { slownessOf, type Times } from '../../history/slowness.js';
import { ApiError, ask } from '../lib/http.js';
import { type PackedAnswer, packAnswer } from '../lib/packed.js';
import type { MatrixAnswer } from '../lib/types.js';
import { makeGrid } from './grid.js';
import type { FromWorker, Job, Results, Slot, ToWorker } from './messages.js';
import { summaryOf } from './summary.js';

const kept = new Map<Slot, PackedAnswer>();
const running = new Map<number, AbortController>();

async function fetched(
  { url, headers }: { url: string; headers: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<PackedAnswer> {
  const { body } = await ask<MatrixAnswer>(url, { headers, signal });
  signal.throwIfAborted();
  return packAnswer(body);
}

type TimesGets = Extract<Job, { kind: 'latency' }>['now'];

async function timesOf({ p50, mean }: TimesGets, signal: AbortSignal): Promise<Times> {
  const [median, average] = await Promise.all([fetched(p50, signal), fetched(mean, signal)]);
  return { p50: median, mean: average };
}

/** The normal values change slowly. */
const NORMAL_FOR_MS = 60_000;
let normal: { readonly endMs: number; readonly times: Times | undefined } | undefined;

async function normalOf(gets: TimesGets, endMs: number, signal: AbortSignal): Promise<Times | undefined> {
  if (normal !== undefined && Math.abs(endMs - normal.endMs) < NORMAL_FOR_MS) return normal.times;
  const times = await timesOf(gets, signal).catch((error: unknown) => {
    // There are no data of the time before the window.
    if (error instanceof ApiError && error.status === 400) return undefined;
    throw error;
  });
  // A service that has just started soon has more.
  if (times !== undefined) normal = { endMs, times };
  return times;
}

async function done(job: Job, signal: AbortSignal): Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'keep': {
      const answer = await fetched(job.get, signal);
      kept.set(job.slot, answer);
      return { window: answer.window, newest: answer.newest, cells: answer.cells.value.length };
    }
    case 'grid': {
      const now = kept.get('now');
      if (now === undefined) throw new Error('a grid was asked for before its answer came');
      return makeGrid(now, job.withNormal ? kept.get('normal') : undefined, job.options);
    }
    case 'summary':
      return summaryOf(await fetched(job.get, signal), job.most);
    case 'latency': {
      const [now, before] = await Promise.all([timesOf(job.now, signal), normalOf(job.before, job.beforeMs, signal)]);
      return slownessOf(now, before, job.most);
    }
    case 'forget':
      kept.clear();
      return undefined;
  }
}

/** The arrays of a grid are transferred to the page; the arrays of the answers stay here, for the next grid. */
function handedOver(result: Results[Job['kind']]): Transferable[] {
  if (result === undefined || !('code' in result)) return [];
  return [result.code.buffer, result.value.buffer, result.normal.buffer, result.cell.buffer];
}

async function answer(id: number, job: Job): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  const tell = (said: FromWorker, transfer: Transferable[] = []): void => self.postMessage(said, { transfer });
  try {
    const result = await done(job, abort.signal);
    tell({ id, result }, handedOver(result));
  } catch (error) {
    const { status, code, problems, message } =
      error instanceof ApiError ? error : new ApiError(0, 'PAGE', String(error));
    // A cancelled job needs no answer.
    if (!abort.signal.aborted) tell({ id, failed: { status, code, problems, message } });
  } finally {
    running.delete(id);
  }
}

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if ('cancel' in data) running.get(data.id)?.abort();
  else void answer(data.id, data.job);
});
