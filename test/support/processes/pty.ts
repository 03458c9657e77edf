/** The command line on a pseudo-terminal, as a user has it before them: keys in, screen out. Needs python3, whose library has pty. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../harness/wait.js';
import { CLI } from './process.js';

const SCRIPT = fileURLToPath(new URL('../../../../test/support/processes/terminal.py', import.meta.url));
const HOME = '\u001b[H';
const END = '\u001b[J';
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told begins with one
const SEQUENCE = /\u001b\[[0-9;?]*[A-Za-z]/g;
const SCREEN_MS = 10_000;

interface Event {
  readonly pid?: number;
  readonly stopped?: boolean;
  readonly exit?: number;
  readonly cooked?: boolean;
}

export class TerminalProgram {
  /** Everything that was written to the terminal. */
  raw = '';
  private readonly child: ChildProcess;
  private report = '';

  constructor(args: readonly string[], width: number, height: number, env: Readonly<Record<string, string>> = {}) {
    this.child = spawn('python3', [SCRIPT, String(width), String(height), process.execPath, CLI, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm-256color', ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.raw += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.report += text;
    });
  }

  get events(): readonly Event[] {
    return this.report
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event);
  }

  /** Of the program itself. */
  get pid(): number {
    return this.events.find(({ pid }) => pid !== undefined)?.pid ?? 0;
  }

  /** The last whole picture, without colours. */
  get screen(): string {
    const end = this.raw.lastIndexOf(END);
    const start = this.raw.lastIndexOf(HOME, end);
    return start === -1 ? '' : this.raw.slice(start, end).replaceAll(SEQUENCE, '').replaceAll('\r', '');
  }

  keys(keys: string): void {
    this.child.stdin?.write(`${JSON.stringify({ keys })}\n`);
  }

  resize(width: number, height: number): void {
    this.child.stdin?.write(`${JSON.stringify({ resize: [width, height] })}\n`);
  }

  /** Resolves with the screen once it is as expected. */
  async shows(expected: RegExp, timeoutMs = SCREEN_MS): Promise<string> {
    try {
      return await waitFor(`the screen has ${expected}`, () => expected.test(this.screen) && this.screen, timeoutMs);
    } catch (cause) {
      throw new Error(`expected ${expected} on the screen:\n${this.screen}\n${this.report}`, { cause });
    }
  }

  event(name: 'stopped' | 'exit'): Promise<Event> {
    return waitFor(`the program: ${name}`, () => this.events.find((event) => event[name] !== undefined), SCREEN_MS);
  }

  /** Whatever went wrong before, nothing stays. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null) return;
    if (this.pid > 0 && !this.events.some(({ exit }) => exit !== undefined)) process.kill(this.pid, 'SIGKILL');
    if (this.child.exitCode === null) await once(this.child, 'exit');
  }
}
