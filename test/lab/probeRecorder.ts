/**
 * Probes as the collector does, with its own prober threads and source ports, and keeps every single round trip, which
 * the collector never does. A process of its own, for a namespace: `node probeRecorder.js SECONDS FILE PORT TARGET…`.
 *
 * Sends 10,000 probes a second, dealt out over 16 source ports, two classes and all targets. Writes the columns of the
 * received probes to `FILE` and prints `{ count, totals }`. Exits 1 when a thread died.
 *
 * | bytes of `FILE` | column, one entry a row |
 * | --- | --- |
 * | 8 | f64 RTT, ns, residence subtracted |
 * | 4 | u32 sequence number |
 * | 2 | u16 source port |
 * | 2 | u16 STAMP session identifier |
 */

import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { msToNs, NS_PER_S } from '../../src/base/units.js';
import { StreamNumbers } from '../../src/collector/plan/knownStreams.js';
import { planGroup } from '../../src/collector/plan/plan.js';
import { SourcePorts } from '../../src/collector/sourcePorts/sourcePorts.js';
import { ProberThreads } from '../../src/collector/threads/proberThreads.js';
import type { Group } from '../../src/config/types.js';
import { SystemClock } from '../../src/net/clock.js';
import { Outcome, RecordFlag, RingConsumer } from '../../src/ring/ring.js';
import { A_ADDRESS } from './network.js';

const PROBES_PER_SECOND = 10_000;
const SOURCE_PORTS = 16;
const CLASSES = [
  { name: 'cs0', dscp: 0 },
  { name: 'ef', dscp: 46 },
];
const TIMEOUT_MS = 500;
/** The ring holds 26 s at this rate, so reading it may be slow, and hardly takes the prober's time. */
const READ_EVERY_MS = 250;
/** More than can be sent, should the schedule be off. */
const ROOM = 1.2;

const [seconds, file, port, ...targets] = process.argv.slice(2);
const group: Group = {
  name: 'recorded',
  protocol: 'stamp',
  port: Number(port),
  periodNs: (SOURCE_PORTS * CLASSES.length * targets.length * NS_PER_S) / PROBES_PER_SECOND,
  timeoutNs: msToNs(TIMEOUT_MS),
  classes: CLASSES,
  payloadBytes: 44,
  targets: targets.map((address) => ({ address, family: 4, port: Number(port), tags: {} })),
};

const rows = Math.ceil(PROBES_PER_SECOND * Number(seconds) * ROOM);
const rttNs = new Float64Array(rows);
const sequence = new Uint32Array(rows);
const senderPort = new Uint16Array(rows);
const ssid = new Uint16Array(rows);
let count = 0;

const sources = new SourcePorts({
  source: { address: '0.0.0.0', address6: '::', interface: null, ports: SOURCE_PORTS, basePort: 0 },
  timestamps: 'full',
  threads: 1,
});
const ports = sources.ports(4);
const threads = new ProberThreads({
  sources,
  threads: 1,
  timeBase: new SystemClock().timeBase,
  window: 0,
  count: 0,
  logger: pino({ level: 'warn' }, pino.destination(2)),
  died: () => {
    console.error('the prober thread died');
    process.exit(1);
  },
});
await threads.started();
const ring = new RingConsumer(threads.memories()[0].ring);

const { plan, added } = await planGroup(undefined, group, {
  numbers: new StreamNumbers(),
  nextRun: () => 1,
  sourceOf: () => A_ADDRESS,
  pause: async () => {},
});
await threads.setRun(plan, added);
const deadline = performance.now() + Number(seconds) * 1000;
while (performance.now() < deadline) {
  await sleep(READ_EVERY_MS);
  readRing();
}
await threads.endRun(plan);
await threads.close(2 * TIMEOUT_MS);
readRing();
const { totals } = threads.status(() => 0)[0];
sources.close();

const columns = [rttNs, sequence, senderPort, ssid].map((column) => column.subarray(0, count));
await writeFile(
  file,
  columns.map(({ buffer, byteLength }) => new Uint8Array(buffer, 0, byteLength)),
);
console.log(JSON.stringify({ count, totals }));

function readRing(): void {
  const records = ring.begin();
  let finals = 0;
  for (let i = 0; i < records; i++) {
    ring.select(i);
    if (ring.outcome !== Outcome.received) continue;
    finals++;
    if ((ring.flags & RecordFlag.noRtt) !== 0) continue;
    const stream = Math.floor(ring.path / SOURCE_PORTS);
    senderPort[count] = ports[ring.path - stream * SOURCE_PORTS];
    ssid[count] = stream + 1;
    sequence[count] = ring.sequence;
    rttNs[count] = ring.receivedNs - ring.sentNs - ring.residenceNs;
    count++;
  }
  ring.release(records, finals);
}
