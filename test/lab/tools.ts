/** The small programs that run inside namespaces. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Mode } from '../support/fakes/responder.js';
import type { HostName, Network } from './network.js';
import type { ProbeColumns } from './witness.js';

const RESPOND = fileURLToPath(new URL('./respond.js', import.meta.url));
const RECORDER = fileURLToPath(new URL('./probeRecorder.js', import.meta.url));
const SENDER = fileURLToPath(new URL('./sender.js', import.meta.url));

export interface RespondOptions {
  readonly port: number;
  readonly addresses: readonly string[];
  /** Default: normal. */
  readonly mode?: Mode;
}

/** Starts a plain STAMP responder; resolves when it listens. The network's end is its end. */
export async function respond(network: Network, host: HostName, options: RespondOptions): Promise<void> {
  const { port, mode = { kind: 'normal' }, addresses } = options;
  const args = [RESPOND, String(port), JSON.stringify(mode), ...addresses];
  const child = network.spawn(host, process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null) await once(child.stdout, 'data');
}

export interface SendOptions {
  readonly target: string;
  readonly port: number;
  /** Source ports. */
  readonly flows: number;
  readonly perFlow: number;
  /** 0: the system chooses. */
  readonly firstSourcePort?: number;
}

/** Sends plain STAMP requests from A, one of each flow a millisecond; resolves with how many replies came. */
export async function send(network: Network, options: SendOptions): Promise<number> {
  const { target, port, flows, perFlow, firstSourcePort = 0 } = options;
  const args = [SENDER, target, port, flows, perFlow, 1, firstSourcePort].map(String);
  return (JSON.parse(await network.exec('A', process.execPath, args)) as { received: number }).received;
}

export interface RecordOptions {
  readonly seconds: number;
  /** Where the columns go; overwritten. */
  readonly file: string;
  readonly port: number;
  /** IPv4. */
  readonly targets: readonly string[];
}

/** Every received probe with an RTT, and the prober thread's counters. */
export interface Recording extends ProbeColumns {
  readonly totals: Readonly<Record<string, number>>;
}

/**
 * Probes from A with the collector's own prober thread for so long, and keeps every round trip. See `probeRecorder.ts`.
 */
export async function recordProbes(network: Network, options: RecordOptions): Promise<Recording> {
  const { seconds, file, port, targets } = options;
  const args = [RECORDER, seconds, file, port, ...targets].map(String);
  const stdout = await network.exec('A', process.execPath, args);
  const { count, totals } = JSON.parse(stdout) as { count: number; totals: Record<string, number> };
  const { buffer } = Uint8Array.from(await readFile(file));
  const rttNs = new Float64Array(buffer, 0, count);
  const sequence = new Uint32Array(buffer, rttNs.byteLength, count);
  const senderPort = new Uint16Array(buffer, rttNs.byteLength + sequence.byteLength, count);
  const ssid = new Uint16Array(buffer, senderPort.byteOffset + senderPort.byteLength, count);
  return { count, rttNs, sequence, senderPort, ssid, totals };
}
