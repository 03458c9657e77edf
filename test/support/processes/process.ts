/** The product as its users run it: `node dist/src/cli/main.js …` as a process, on this host or in a namespace of the lab. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../harness/wait.js';

export const CLI = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

/** DESIGN: SIGTERM ends every command within two seconds. Some more for a loaded machine. */
const STOP_MS = 4_000;

/** Starts a process somewhere: `spawn` itself, or a host of the lab. */
export type Spawner = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Running {
  readonly child: ChildProcess;
  /** Resolves when the process has ended and its output is read to the end. */
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  private exit: Exit | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    // Whoever awaits it gets the error; nobody has to.
    this.exited.catch(() => {});
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process was not started');
    return this.child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Like `waitFor`, but fails at once, with what the process wrote, when it ends meanwhile. */
  async until<T>(
    what: string,
    condition: () => T | undefined | false | Promise<T | undefined | false>,
    timeoutMs: number,
  ): Promise<T> {
    const done = await waitFor(
      what,
      async () => {
        if (this.exit !== undefined) return { ended: this.exit };
        const answer = await condition();
        return answer !== undefined && answer !== false && { answer };
      },
      timeoutMs,
    );
    if ('answer' in done) return done.answer;
    throw new Error(`ended with ${JSON.stringify(done.ended)} before ${what}:\n${this.stdout}${this.stderr}`);
  }

  /**
   * Sends the signal and resolves with how the process ended. Rejects when it does not end in time, after killing it, so that a suite
   * that fails leaves nothing running.
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = STOP_MS): Promise<Exit> {
    this.kill(signal);
    try {
      return await waitFor(`process ${this.pid} ends after ${signal}`, () => this.exit, timeoutMs);
    } catch (error) {
      this.kill('SIGKILL');
      await this.exited;
      throw error;
    }
  }
}

/** Starts the CLI, or another program that takes its arguments. `at` says where; the default is this host. */
export function startLlama(args: readonly string[], at: Spawner = spawn, program = CLI): Running {
  return new Running(at(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Runs the CLI to its end. */
export async function runLlama(
  args: readonly string[],
  at: Spawner = spawn,
): Promise<Exit & { stdout: string; stderr: string }> {
  const running = startLlama(args, at);
  const exit = await running.exited;
  return { ...exit, stdout: running.stdout, stderr: running.stderr };
}
