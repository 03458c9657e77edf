/**
 * Parses lists of targets: short ones at once, long ones in a separate thread. Five thousand targets in YAML take some
 * hundred milliseconds, during which the main thread could not answer requests. The thread is started on demand, and
 * ends after a while without work.
 */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { THREAD_EXEC_ARGV } from '../threads/execArgv.js';
import type { Answer } from './source.js';
import { parseTargetJson, parseTargetText } from './targetGroups.js';

/** Longer text is parsed in the thread: this much YAML takes about 20 ms. */
export const LONG_TEXT = 8 * 1024;
/** The thread ends after this time without work. */
const IDLE_MS = 10_000;

/** `json`: JSON only, as http_sd wants it; else YAML where it is not JSON, as file_sd. */
interface TargetText {
  readonly text: string;
  readonly form: 'json' | 'yaml';
}

/** Rejects with an error that names the position in the text. */
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

  /** Ends the thread; a text in progress is rejected. */
  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.destroy();
  }
}
