/** The compiled command line in a process of its own, as a user would start it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../harness/wait.js';

export const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const running = new Set<Command>();

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself. */
  readonly node?: readonly string[];
}

/** The options of whoever runs the tests are not those of the test. */
function withoutLlama(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LLAMA_')));
}

export class Command {
  readonly process: ChildProcess;
  out = '';
  err = '';
  private readonly ended: Promise<number | null>;

  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.process = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...withoutLlama(process.env), ...env },
    });
    this.process.stdout?.on('data', (text) => {
      this.out += text;
    });
    this.process.stderr?.on('data', (text) => {
      this.err += text;
    });
    this.ended = once(this.process, 'close').then(([code]) => code as number | null);
    running.add(this);
    void this.ended.then(() => running.delete(this));
  }

  /** The exit code; null when a signal ended it. */
  exit(): Promise<number | null> {
    return this.ended;
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** Lines of the log so far. */
  log(): Record<string, unknown>[] {
    return this.err
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The first line of the log with this `msg`, when it is there; rejects when the process ends before. */
  async logged(msg: string, nth = 1): Promise<Record<string, unknown>> {
    const find = (): Record<string, unknown> | undefined => this.log().filter((line) => line.msg === msg)[nth - 1];
    await waitFor(`the log line "${msg}" in:\n${this.err}`, () => {
      if (find() === undefined && this.process.exitCode !== null)
        throw new Error(`ended with ${this.process.exitCode} before it logged "${msg}":\n${this.err}`);
      return find() !== undefined;
    });
    return find() ?? {};
  }
}

export function llama(args: readonly string[], { env = {}, node = [] }: CommandOptions = {}): Command {
  return new Command(process.execPath, [...node, MAIN, ...args], env);
}

/** Runs to the end. */
export async function llamaEnds(args: readonly string[], options?: CommandOptions) {
  const command = llama(args, options);
  const code = await command.exit();
  return { code, out: command.out, err: command.err };
}

/** For `afterEach`: ends what a failed test left running. */
export async function endCommands(): Promise<void> {
  for (const command of running) command.signal('SIGKILL');
  await Promise.all([...running].map((command) => command.exit()));
}

/** A reflector on 127.0.0.1, and its port. */
export async function startReflector(): Promise<{ readonly reflector: Command; readonly port: number }> {
  const reflector = llama(['reflector', '--listen', '127.0.0.1:0', '--threads', '1']);
  const { listen } = await reflector.logged('answering probes');
  return { reflector, port: Number(String(listen).split(':').at(-1)) };
}

/** A TCP port of 127.0.0.1 that is held until `release`. */
export async function holdTcpPort(): Promise<{ readonly port: number; readonly release: () => Promise<void> }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    release: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
