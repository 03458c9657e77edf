/**
 * The cost of each packet format for both ends together: prober, reflector, ring and aggregator in this process; echoes
 * a second with a window of outstanding probes, and CPU time for each echo.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { msToNs } from '../../../src/base/units.js';
import { LLAMA_BYTES } from '../../../src/wire/dropbox.js';
import { STAMP_BYTES } from '../../../src/wire/stamp.js';
import { STAMP_AUTH_BYTES } from '../../../src/wire/stampAuth.js';
import { freeUdpPort } from '../../harness.js';
import { type LoadProbes, lossesOf, type RunningLoad, startLoad } from '../load.js';
import { type Cost, type Found, inTurns, REST_MS, SETTLE_MS, WARM_UP_MS } from './inTurns.js';

/** More than the machine can do, so that the window paces. */
const ASKED_PER_SECOND = 600_000;
const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

const FORMATS: Readonly<Record<string, Omit<LoadProbes, 'port'>>> = {
  stamp: { protocol: 'stamp', payloadBytes: STAMP_BYTES },
  stampAuth: { protocol: 'stamp', payloadBytes: STAMP_AUTH_BYTES, keys: [KEY] },
  llama: { protocol: 'llama', payloadBytes: LLAMA_BYTES },
};

/** Measures every format alternating with plain STAMP, `rounds` times; resolves with the total loss. */
export async function measureBothEnds(
  rounds: number,
  durationMs: number,
  found: Found,
  progress: (text: string) => void,
): Promise<number> {
  const loads: { name: string; load: RunningLoad }[] = [];
  try {
    for (const [name, probes] of Object.entries(FORMATS)) {
      const port = await freeUdpPort();
      const load = await startLoad({
        port,
        probes: [{ ...probes, port }],
        targets: 1000,
        sourcePorts: 16,
        probesPerSecond: ASKED_PER_SECOND,
        // A longer one takes more slots: with a second's worth, each slice begins with 64 MB of memory outside all
        // caches.
        timeoutNs: msToNs(200),
        timestamps: 'receive',
        window: 2048,
      });
      loads.push({ name, load });
    }
    const measure = async (load: RunningLoad, ms: number): Promise<Cost> => {
      await load.resume();
      await delay(SETTLE_MS);
      const { echoesPerSecond, cpuUs } = await load.measure(ms);
      await load.hold();
      await delay(REST_MS);
      return { rate: echoesPerSecond, cpuUs };
    };
    for (const { load } of loads) await measure(load, WARM_UP_MS);
    const [plain, ...others] = loads.map(({ name, load }) => ({
      name: `${name}BothEnds`,
      measure: () => measure(load, durationMs),
    }));
    await inTurns(rounds, plain, others, found);
    let lost = 0;
    for (const { load } of loads) lost += lossesOf(await load.end(), progress);
    return lost;
  } finally {
    for (const { load } of loads) await load.close();
  }
}
