/**
 * Network namespaces and the processes in them: made under names of their own, and gone afterwards, whatever happens.
 *
 * It ends only processes that it started, by their ids. Names hold the process's id and random digits, so runs side by
 * side (and leftovers of a run that was killed with SIGKILL) do not meet.
 */

import { type ChildProcess, execFile, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

/** How long a process may take to end after SIGTERM before it gets SIGKILL. */
const GRACE_MS = 3_000;

const EXIT_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const live = new Set<Namespaces>();

/** Runs a command to its end; resolves with its stdout, rejects with its stderr in the message. */
export function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || stdout.trim()}`, { cause: error }));
    });
    // A command that ends without reading its input is no error of its own; its exit code tells.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Sends SIGTERM (and SIGCONT, should it be stopped), later SIGKILL; resolves when the process is gone. */
export async function end(child: ChildProcess, graceMs = GRACE_MS): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  child.kill('SIGCONT');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

export class Namespaces {
  private readonly prefix = `llama-${process.pid}-${randomBytes(2).toString('hex')}-`;
  private readonly made = new Set<string>();
  private readonly children = new Set<ChildProcess>();

  /** Full name of a namespace, as `ip netns` shows it. */
  name(short: string): string {
    return this.prefix + short;
  }

  /** Full names of those that exist. */
  get names(): readonly string[] {
    return [...this.made];
  }

  async add(shorts: readonly string[]): Promise<void> {
    if (live.size === 0) watchForExit();
    live.add(this);
    for (const short of shorts) {
      this.made.add(this.name(short));
      await run('ip', ['netns', 'add', this.name(short)]);
    }
  }

  exec(short: string, command: string, args: readonly string[], input = ''): Promise<string> {
    return run('ip', this.inside(short, command, args), input);
  }

  /** The child's id is the command's own: `ip netns exec` becomes the command. */
  spawn(short: string, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', this.inside(short, command, args), options);
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Ends the processes, then removes the namespaces and all that is in them. May be called twice. */
  async destroy(): Promise<void> {
    await Promise.all([...this.children].map((child) => end(child)));
    for (const name of this.made) {
      await run('ip', ['netns', 'delete', name]);
      this.made.delete(name);
    }
    live.delete(this);
    if (live.size === 0) unwatch();
  }

  /** The same without waiting for anything, for a process that is about to end. */
  destroyNow(): void {
    for (const child of this.children) child.kill('SIGKILL');
    for (const name of this.made) spawnSync('ip', ['netns', 'delete', name]);
    this.made.clear();
    live.delete(this);
  }

  private inside(short: string, command: string, args: readonly string[]): string[] {
    return ['netns', 'exec', this.name(short), command, ...args];
  }
}

function destroyAllNow(): void {
  for (const namespaces of live) namespaces.destroyNow();
}

function onSignal(signal: NodeJS.Signals): void {
  destroyAllNow();
  unwatch();
  process.kill(process.pid, signal);
}

function watchForExit(): void {
  process.on('exit', destroyAllNow);
  for (const signal of EXIT_SIGNALS) process.on(signal, onSignal);
}

function unwatch(): void {
  process.off('exit', destroyAllNow);
  for (const signal of EXIT_SIGNALS) process.off(signal, onSignal);
}
