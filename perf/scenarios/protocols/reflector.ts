/**
 * The cost of each packet format for a reflector: echoes a second from one thread, and CPU time for each. The sender is
 * the bare loop of system calls, so that it is faster than the reflector.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LLAMA_BYTES, LLAMA_SIGNATURE, writeLlamaFrame, writeLlamaRequest } from '../../../src/wire/dropbox.js';
import { LLAMA_LEGACY_BYTES, LLAMA_LEGACY_SENT, writeLegacyFrame } from '../../../src/wire/dropboxLegacy.js';
import { PacketSigner } from '../../../src/wire/hmac.js';
import { STAMP_BYTES, STAMP_SEQUENCE, writeStampRequest } from '../../../src/wire/stamp.js';
import { STAMP_AUTH_BYTES, signStampAuth, writeStampAuthRequest } from '../../../src/wire/stampAuth.js';
import { freeTcpPort, freeUdpPort, Product } from '../../harness.js';
import type { FloorTask } from '../../workers/floor.js';
import { Floor } from '../floor.js';
import { type Cost, type Found, inTurns, REST_MS, SETTLE_MS, WARM_UP_MS } from './inTurns.js';

const KEY = '000102030405060708090a0b0c0d0e0f';
const T1_S = 1_700_000_000;

interface Case {
  readonly name: string;
  readonly packet: NonNullable<FloorTask['packet']>;
  readonly options: readonly string[];
}

function cases(keyFile: string): Case[] {
  const make = (length: number, write: (view: DataView) => void): Uint8Array => {
    const bytes = new Uint8Array(length);
    write(new DataView(bytes.buffer));
    return bytes;
  };
  const stamp = make(STAMP_BYTES, (view) => writeStampRequest(view, 0, 1, T1_S, 0, 1));
  const signer = new PacketSigner([Buffer.from(KEY, 'hex')]);
  const stampAuth = make(STAMP_AUTH_BYTES, (view) => {
    writeStampAuthRequest(view, 0, 1, T1_S, 0, 1);
    signStampAuth(signer, view, 0);
  });
  const llama = make(LLAMA_BYTES, (view) => {
    writeLlamaFrame(view, 0);
    writeLlamaRequest(view, 0, 1, T1_S, 0, 1, 184);
  });
  const llamaLegacy = make(LLAMA_LEGACY_BYTES, (view) => writeLegacyFrame(view, 0));
  return [
    { name: 'stamp', packet: { bytes: stamp, numberAt: STAMP_SEQUENCE }, options: [] },
    { name: 'stampStateless', packet: { bytes: stamp, numberAt: STAMP_SEQUENCE }, options: ['--stateless'] },
    // Always the same packet: a signature for each would be the sender's work.
    { name: 'stampAuth', packet: { bytes: stampAuth, numberAt: -1 }, options: ['--key-file', keyFile] },
    { name: 'llama', packet: { bytes: llama, numberAt: LLAMA_SIGNATURE }, options: [] },
    { name: 'llamaLegacy', packet: { bytes: llamaLegacy, numberAt: LLAMA_LEGACY_SENT }, options: [] },
  ];
}

/** A reflector's process and its sender; both are paused until they are measured. */
class Running {
  readonly name: string;
  private readonly reflector: Product;
  private readonly floor: Floor;
  private readonly status: string;

  private constructor(name: string, reflector: Product, floor: Floor, status: string) {
    this.name = name;
    this.reflector = reflector;
    this.floor = floor;
    this.status = status;
  }

  static async start({ name, packet, options }: Case): Promise<Running> {
    const port = await freeUdpPort();
    const status = `127.0.0.1:${await freeTcpPort()}`;
    const listen = ['--listen', `0.0.0.0:${port}`, '--threads', '1', '--status', status];
    const reflector = new Product(['reflector', ...listen, ...options]);
    const floor = new Floor({ port, sockets: 16, targets: 1000, window: 1024, packet, echo: false });
    const running = new Running(name, reflector, floor, status);
    try {
      await reflector.ready(`http://${status}/v1/status`);
    } catch (error) {
      await running.end();
      throw error;
    }
    return running;
  }

  async measure(durationMs: number): Promise<Cost> {
    this.floor.resume();
    await delay(SETTLE_MS);
    const before = await this.soFar();
    const rate = await this.floor.measure(durationMs);
    const after = await this.soFar();
    this.floor.hold();
    await delay(REST_MS);
    return { rate, cpuUs: ((after.cpuS - before.cpuS) * 1e6) / (after.reflected - before.reflected) };
  }

  async end(): Promise<void> {
    await this.floor.end().finally(() => this.reflector.stop());
  }

  private async soFar(): Promise<{ cpuS: number; reflected: number }> {
    const answer = (await (await fetch(`http://${this.status}/v1/status`)).json()) as { totals: { reflected: number } };
    return { cpuS: this.reflector.cpuSeconds(), reflected: answer.totals.reflected };
  }
}

/** Measures every format in turns with plain STAMP, `rounds` times. */
export async function measureReflector(rounds: number, durationMs: number, found: Found): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  const keyFile = join(dir, 'keys');
  writeFileSync(keyFile, KEY, { mode: 0o600 });
  const running: Running[] = [];
  try {
    for (const one of cases(keyFile)) running.push(await Running.start(one));
    // As long as compilation takes on a busy machine: the reflector's thread has precedence over the compiler's.
    for (const one of running) await one.measure(WARM_UP_MS);
    const [plain, ...others] = running.map((one) => ({ name: one.name, measure: () => one.measure(durationMs) }));
    await inTurns(rounds, plain, others, found);
  } finally {
    await Promise.all(running.map((one) => one.end()));
    rmSync(dir, { recursive: true });
  }
}
