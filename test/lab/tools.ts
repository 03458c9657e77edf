/** The small programs that run inside namespaces. */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HostName, Network } from './network.js';

const RESPOND = fileURLToPath(new URL('./respond.js', import.meta.url));
const SENDER = fileURLToPath(new URL('./sender.js', import.meta.url));

export interface RespondOptions {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly delayMs?: number;
}

/** Starts a plain STAMP responder; resolves when it listens. The network's end is its end. */
export async function respond(network: Network, host: HostName, options: RespondOptions): Promise<void> {
  const args = [RESPOND, options.port, options.delayMs ?? 0, ...options.addresses].map(String);
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
