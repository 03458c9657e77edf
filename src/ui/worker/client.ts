/** The page's end of its worker: one, started with the page, so that it is there when the first answer is asked for. */

import type { Slowness } from '../../history/slowness.js';
import { headers, type Query, urlOf } from '../lib/api.js';
import { ApiError } from '../lib/http.js';
import type { Grid, GridOptions } from './grid.js';
import type { FromWorker, Job, Kept, Results, Slot, ToWorker } from './messages.js';
import type { Summary } from './summary.js';

interface Waiting {
  readonly resolve: (result: Results[Job['kind']]) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | undefined;
let lastId = 0;

function started(): Worker {
  if (worker !== undefined) return worker;
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if ('result' in data) one?.resolve(data.result);
    else one?.reject(new ApiError(data.failed.status, data.failed.code, data.failed.message, data.failed.problems));
  });
  // The worker's kept answers are lost: pending jobs are rejected, and the next job starts another worker.
  worker.addEventListener('error', ({ message }) => {
    worker?.terminate();
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new ApiError(0, 'PAGE', `the page's worker failed: ${message}`));
    waiting.clear();
  });
  return worker;
}

function post<Kind extends Job['kind']>(
  job: Extract<Job, { kind: Kind }>,
  signal?: AbortSignal,
): Promise<Results[Kind]> {
  lastId += 1;
  const id = lastId;
  const send = (message: ToWorker): void => started().postMessage(message);
  return new Promise((resolve, reject) => {
    // The worker answers each kind of job with its result.
    waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
    signal?.addEventListener('abort', () => {
      if (!waiting.delete(id)) return;
      send({ id, cancel: true });
      reject(new DOMException('given up', 'AbortError'));
    });
    send({ id, job });
  });
}

started();

const matrixGet = (query: Query) => ({ url: urlOf('/v1/matrix', query), headers: headers() });

/** Fetches a matrix, which stays in the worker. */
export const keepMatrix = (slot: Slot, query: Query, signal: AbortSignal): Promise<Kept> =>
  post({ kind: 'keep', slot, get: matrixGet(query) }, signal);

/** A grid of the kept answers. */
export const makeKeptGrid = (withNormal: boolean, options: GridOptions, signal: AbortSignal): Promise<Grid> =>
  post({ kind: 'grid', withNormal, options }, signal);

/** Lets the memory go. */
export const forgetMatrices = (): void => void post({ kind: 'forget' });

const timesGets = (query: Query) => ({
  p50: matrixGet({ ...query, metric: 'p50' }),
  mean: matrixGet({ ...query, metric: 'mean' }),
});

/** Which pairs are slower in `now` than in `before`, which ends at `beforeMs`. */
export const askSlowness = (
  now: Query,
  before: Query,
  beforeMs: number,
  most: number,
  signal: AbortSignal,
): Promise<Slowness> =>
  post({ kind: 'latency', now: timesGets(now), before: timesGets(before), beforeMs, most }, signal);

export const askSummary = (query: Query, most: number, signal: AbortSignal): Promise<Summary> =>
  post({ kind: 'summary', get: matrixGet(query), most }, signal);
