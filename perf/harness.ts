/**
 * Shared by the scenarios: samples and their spread, processes of the product, figures of a process from /proc, the
 * table.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, release, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ScenarioOptions {
  /** The short form, for CI. */
  readonly quick: boolean;
  /** Prints progress on the terminal. */
  readonly progress: (text: string) => void;
}

/** A bound that a field should meet, with the floor that it must not fall through. */
export interface Goal {
  readonly field: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /**
   * The worst value that passes: less than this (with `atLeast`), or more (with `atMost`), fails the run. Without it
   * the goal itself is the floor. The floor of a ratio lies just outside the observed spread. The floor of an absolute
   * figure lies far outside: the speed of a virtual machine drifts threefold within minutes. Infinity: the figure is
   * reported, and never fails the run.
   */
  readonly floor?: number;
}

export interface ScenarioResult {
  /** The figures: medians where there are samples. */
  readonly fields: Readonly<Record<string, number>>;
  /** Every sample of the fields that were measured several times, in the order of measuring. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly goals: readonly Goal[];
  readonly run: (options: ScenarioOptions) => Promise<ScenarioResult>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function machine(): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString(),
  };
}

export const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

export interface ProductOptions {
  /** Options of Node itself. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A running command of the product. */
export class Product {
  readonly child: ChildProcess;
  private stderr = '';

  constructor(args: readonly string[], { node = [], env = {} }: ProductOptions = {}) {
    this.child = spawn(process.execPath, [...node, MAIN, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LLAMA_LOG_LEVEL: 'warn', ...env },
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-10_000);
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start');
    return this.child.pid;
  }

  /** Waits until `url` answers 200. */
  async ready(url: string): Promise<void> {
    const deadline = Date.now() + 15_000;
    for (;;) {
      if (this.child.exitCode !== null)
        throw new Error(`the process ended with ${this.child.exitCode}: ${this.stderr}`);
      const answer = await fetch(url).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok) return;
      if (Date.now() > deadline) throw new Error(`${url} does not answer: ${this.stderr}`);
      await delay(20);
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }

  /** Seconds of CPU that the process has used so far, all threads. */
  cpuSeconds(): number {
    // Fields 14 and 15 of /proc/PID/stat, counted behind the name in brackets, in clock ticks of 10 ms.
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Most resident memory so far, MiB. */
  peakRssMb(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }
}

/** A UDP port that is free on all addresses. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '0.0.0.0');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** A TCP port that is free on loopback. */
export async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

/** Digits that mean something. */
export function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
