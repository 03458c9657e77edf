/**
 * Starts a collector or a reflector again and again with few free descriptors, one more each time, as long as opening its own sockets and wake descriptors
 * fails. Behind that, its threads fail, and Node keeps some descriptors of threads that could not begin. Prints a JSON line an attempt.
 * A process of its own, because it lowers its limit of open files.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LlamaError } from '../../../src/base/errors.js';
import { Collector } from '../../../src/collector/collector.js';
import { Reflector } from '../../../src/reflector/reflector.js';
import { liveConfig, silent } from '../harness/live.js';
import { settings } from '../harness/reflector.js';

export interface Attempt {
  readonly free: number;
  /** Code of the error; null: none. */
  readonly error: string | null;
  /** Descriptors that are open though everything was closed. */
  readonly leaked: number;
}

const LIMIT = 600;
const MOST_FREE = 60;
const CLOSED_MS = 5_000;

/** Threads close theirs a moment after they have ended. */
async function leakedSince(before: number): Promise<number> {
  const deadline = performance.now() + CLOSED_MS;
  const count = (): number => readdirSync('/proc/self/fd').length - before;
  while (count() > 0 && performance.now() < deadline) await delay(20);
  return count();
}

async function attempt(start: () => Promise<{ close(): Promise<void> }>, free: number): Promise<Attempt> {
  const before = readdirSync('/proc/self/fd').length;
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // The limit.
  }
  for (const fd of taken.splice(0, free)) closeSync(fd);
  let error: string | null = null;
  try {
    await (await start()).close();
  } catch (cause) {
    error = cause instanceof LlamaError ? cause.code : String(cause);
  }
  for (const fd of taken) closeSync(fd);
  return { free, error, leaked: await leakedSince(before) };
}

const starts = {
  collector: async () => {
    const collector = await Collector.start(liveConfig({ workers: 2 }), { logger: silent });
    return { close: () => collector.close(0) };
  },
  reflector: () => Reflector.start(settings({ listen: ['127.0.0.1:0'], threads: 2 }), silent),
};

const start = starts[process.argv[2] as keyof typeof starts];
// Modules that are loaded at the first start, and what they open.
await (await start()).close();
execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${LIMIT}:`]);
for (let free = 0; free <= MOST_FREE; free++) {
  const made = await attempt(start, free);
  if (made.error !== 'LLAMA_NO_FILES') break;
  console.log(JSON.stringify(made));
}
process.exit(0);
