/**
 * What each packet format costs both ends together: prober, reflector, ring and aggregator in this process, echoes a second with a window of probes
 * under way, and CPU time for each of them.
 */

import { msToNs } from '../../../src/stats/units.js';
import { LLAMA_BYTES } from '../../../src/wire/llama.js';
import { STAMP_BYTES } from '../../../src/wire/stamp.js';
import { STAMP_AUTH_BYTES } from '../../../src/wire/stampAuth.js';
import { freeUdpPort } from '../../harness.js';
import { type LoadProbes, type LoadResult, underLoad } from '../load.js';

/** More than the machine can do, so that the window paces. */
const ASKED_PER_SECOND = 600_000;
const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

const FORMATS: Readonly<Record<string, Omit<LoadProbes, 'port'>>> = {
  stamp: { protocol: 'stamp', payloadBytes: STAMP_BYTES },
  stampAuth: { protocol: 'stamp', payloadBytes: STAMP_AUTH_BYTES, keys: [KEY] },
  llama: { protocol: 'llama', payloadBytes: LLAMA_BYTES },
};

/** Measures every format once, plain STAMP first. */
export async function measureBothEnds(
  durationMs: number,
  found: (name: string, result: LoadResult) => void,
): Promise<void> {
  for (const [name, probes] of Object.entries(FORMATS)) {
    const port = await freeUdpPort();
    const result = await underLoad({
      port,
      probes: [{ ...probes, port }],
      targets: 1000,
      sourcePorts: 16,
      probesPerSecond: ASKED_PER_SECOND,
      timeoutNs: msToNs(200),
      timestamps: 'receive',
      window: 2048,
      warmUpMs: 1_000,
      durationMs,
    });
    found(name, result);
  }
}
