/**
 * Reads lists of targets: short ones at once, long ones in a thread of its own. Five thousand targets in YAML take some hundred milliseconds,
 * in which the main thread would answer nobody. The thread is started when it is needed, and ends when it is not for a while.
 */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { THREAD_EXEC_ARGV } from '../threads/execArgv.js';
import type { Answer } from './source.js';
import { parseTargetJson, parseTargetText } from './targetGroups.js';

/** Longer text is read in the thread: this much YAML takes about 20 ms. */
export const LONG_TEXT = 8 * 1024;
/** A thread that has nothing to read for so long ends. */
const IDLE_MS = 10_000;

/** `json`: JSON only, as http_sd wants it; else YAML where it is not JSON, as file_sd. */
export interface TargetText {
  readonly text: string;
  readonly form: 'json' | 'yaml';
}

/** Rejects with an error that names the place in the text. */
export type ParseTargets = (text: TargetText) => Promise<Answer>;

/** Throws as `ParseTargets` rejects. */
export function parseTargets({ text, form }: TargetText): Answer {
  return form === 'json' ? parseTargetJson(text) : parseTargetText(text);
}

export class TargetParser {
  private pool: Piscina<TargetText, Answer> | undefined;
  private closed = false;

  readonly parse: ParseTargets = async (text) => {
    if (text.text.length <= LONG_TEXT) return parseTargets(text);
    if (this.closed) throw new Error('no more lists of targets are read');
    this.pool ??= new Piscina<TargetText, Answer>({
      filename: fileURLToPath(new URL('../../workers/targets.js', import.meta.url)),
      execArgv: [...THREAD_EXEC_ARGV],
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: IDLE_MS,
    });
    return this.pool.run(text);
  };

  /** Ends the thread; what it was reading is rejected. */
  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.destroy();
  }
}
