/** The page's worker: fetches matrices, keeps them, and makes of them what is drawn. See `messages.ts`. */

import { ApiError, ask } from '../lib/http.js';
import { type PackedAnswer, packAnswer } from '../lib/packed.js';
import type { MatrixAnswer } from '../lib/types.js';
import { makeGrid } from '../matrix/grid.js';
import { summaryOf } from '../overview/summary.js';
import type { FromWorker, Job, Results, Slot, ToWorker } from './messages.js';

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

async function done(job: Job, signal: AbortSignal): Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'keep': {
      const answer = await fetched(job.get, signal);
      kept.set(job.slot, answer);
      return { window: answer.window, cells: answer.cells.value.length };
    }
    case 'grid': {
      const now = kept.get('now');
      if (now === undefined) throw new Error('a grid was asked for before its answer came');
      return makeGrid(now, job.withNormal ? kept.get('normal') : undefined, job.options);
    }
    case 'summary':
      return summaryOf(await fetched(job.get, signal), job.most);
    case 'forget':
      kept.clear();
      return undefined;
  }
}

/** The arrays of a grid go to the page; those of the answers stay here, for the next grid. */
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
    // Nobody waits for what was given up.
    if (!abort.signal.aborted) tell({ id, failed: { status, code, problems, message } });
  } finally {
    running.delete(id);
  }
}

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if ('cancel' in data) running.get(data.id)?.abort();
  else void answer(data.id, data.job);
});
