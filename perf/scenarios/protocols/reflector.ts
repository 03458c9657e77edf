/**
 * What each packet format costs a reflector: echoes a second that one thread gives, and CPU time for each. The sender is the bare loop of
 * system calls, so that it is quicker than the reflector.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { PacketSigner } from '../../../src/wire/hmac.js';
import { LLAMA_BYTES, LLAMA_SIGNATURE, writeLlamaFrame, writeLlamaRequest } from '../../../src/wire/llama.js';
import { LLAMA_LEGACY_BYTES, LLAMA_LEGACY_SENT, writeLegacyFrame } from '../../../src/wire/llamaLegacy.js';
import { STAMP_BYTES, STAMP_SEQUENCE, writeStampRequest } from '../../../src/wire/stamp.js';
import { STAMP_AUTH_BYTES, signStampAuth, writeStampAuthRequest } from '../../../src/wire/stampAuth.js';
import { freeTcpPort, freeUdpPort, Product } from '../../harness.js';
import type { FloorTask } from '../../workers/floor.js';

const FLOOR_FILE = fileURLToPath(new URL('../../workers/floor.js', import.meta.url));
const KEY = '000102030405060708090a0b0c0d0e0f';
const T1_S = 1_700_000_000;

export interface ReflectorCost {
  /** Echoes a second. */
  readonly rate: number;
  /** CPU time that the reflector's process took for each. */
  readonly cpuUs: number;
}

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

async function measure({ packet, options }: Case, durationMs: number): Promise<ReflectorCost> {
  const port = await freeUdpPort();
  const status = `127.0.0.1:${await freeTcpPort()}`;
  const listen = ['--listen', `0.0.0.0:${port}`, '--threads', '1', '--status', status];
  const reflector = new Product(['reflector', ...listen, ...options]);
  const pool = new Piscina<FloorTask, { rate: number }>({ filename: FLOOR_FILE, maxThreads: 1 });
  const flags = new SharedArrayBuffer(8);
  new Int32Array(flags)[0] = 1;
  const task: FloorTask = {
    role: 'send',
    port,
    sockets: 16,
    targets: 1000,
    window: 1024,
    flags,
    packet,
    // As long as compiling takes on a busy machine: the reflector's thread goes before the compiler's.
    warmUpMs: 800,
    durationMs,
  };
  try {
    await reflector.ready(`http://${status}/v1/status`);
    const soFar = async (): Promise<{ cpuS: number; reflected: number }> => {
      const answer = (await (await fetch(`http://${status}/v1/status`)).json()) as { totals: { reflected: number } };
      return { cpuS: reflector.cpuSeconds(), reflected: answer.totals.reflected };
    };
    const running = pool.run(task);
    await delay(task.warmUpMs);
    const before = await soFar();
    const { rate } = await running;
    const after = await soFar();
    return { rate, cpuUs: ((after.cpuS - before.cpuS) * 1e6) / (after.reflected - before.reflected) };
  } finally {
    await pool.destroy();
    await reflector.stop();
  }
}

/** Measures every format once, plain STAMP first. */
export async function measureReflector(
  durationMs: number,
  found: (name: string, cost: ReflectorCost) => void,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  const keyFile = join(dir, 'keys');
  writeFileSync(keyFile, KEY, { mode: 0o600 });
  try {
    for (const one of cases(keyFile)) found(one.name, await measure(one, durationMs));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
