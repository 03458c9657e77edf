/**
 * Measures how many ring records a second one aggregator reduces on one core, alternating with the histogram library
 * alone: 1000 streams on 16 source ports, 4 rings.
 *
 * It must never time its own preparation: the rings are filled from tables made beforehand while the clock stands
 * still, and only the aggregator's iterations are timed, with the closing of the intervals that fall into them. Every
 * sample is checked against the reports: each record must have been counted.
 */

import * as hdr from 'hdr-histogram-js';
import { Aggregator } from '../../src/aggregator/aggregator.js';
import { msToNs, NS_PER_S, nsToS, usToNs } from '../../src/base/units.js';
import type { Clock } from '../../src/net/clock.js';
import { ControlBlock, PROBER_COUNTERS } from '../../src/ring/control.js';
import { createRing, Outcome, RecordFlag, RingProducer } from '../../src/ring/ring.js';
import { AGGREGATOR_COUNTERS } from '../../src/threads/messages.js';
import { median, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { measurePairs } from '../pairs.js';

const STREAMS = 1000;
const SOURCE_PORTS = 16;
const PATHS = STREAMS * SOURCE_PORTS;
const RINGS = 4;
const RING_RECORDS = 2 ** 17;
const INTERVAL_MS = 10_000;
/** Probes a second on the simulated time line. */
const PROBES_PER_S = 200_000;
const TABLE = 2 ** 16;
const LIBRARY_VALUES = 1_000_000;
const TIMEOUT_NS = msToNs(1000);

/** Fixed, so that every run does the same work. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * A data centre's round trips: tens of microseconds that differ by stream, with a tail of queueing; 0.5 % are not
 * answered.
 */
function probeTables(): { rttNs: Float64Array; residenceNs: Uint32Array; outcomes: Uint8Array; flags: Uint8Array } {
  const random = randomSource(20_25);
  const rttNs = new Float64Array(TABLE);
  const residenceNs = new Uint32Array(TABLE);
  const outcomes = new Uint8Array(TABLE);
  const flags = new Uint8Array(TABLE);
  for (let i = 0; i < TABLE; i++) {
    const tail = random() < 0.01 ? usToNs(2000) * random() : 0;
    rttNs[i] = Math.round(usToNs(60) - usToNs(12) * Math.log(1 - random()) + tail);
    residenceNs[i] = Math.round(usToNs(3) + usToNs(4) * random());
    outcomes[i] = random() < 0.005 ? Outcome.lost : Outcome.received;
    flags[i] = random() < 0.001 ? RecordFlag.reordered : 0;
  }
  return { rttNs, residenceNs, outcomes, flags };
}

/** One sample: records a second, over `rounds` fills of all rings. */
function sample(rounds: number, tables: ReturnType<typeof probeTables>): number {
  const timeBase = { epochS: 1_763_700_000, monotonicBaseNs: 0 };
  let nowNs = 0;
  const clock: Clock = { timeBase, nowNs: () => nowNs, wallOffsetNs: () => 0, wallOffsetErrorNs: 0 };
  const probers = Array.from({ length: RINGS }, () => ({
    ring: createRing(RING_RECORDS),
    control: new ControlBlock(PROBER_COUNTERS).memory,
  }));
  const producers = probers.map((prober) => new RingProducer(prober.ring));
  const control = new ControlBlock(AGGREGATOR_COUNTERS);
  let reported = 0;
  const aggregator = new Aggregator(
    {
      timeBase,
      intervalMs: INTERVAL_MS,
      sourcePorts: SOURCE_PORTS,
      control: control.memory,
      probers,
      resumeAfterMs: 0,
    },
    clock,
    (message) => {
      if (message.type === 'interval') reported += message.report.sent;
    },
  );
  const rows = Array.from({ length: STREAMS }, (_, id) => ({ id, prefix: `{"group":"west","target":"10.2.${id}",` }));
  aggregator.handle({ type: 'streams', rows });

  const sequences = new Uint32Array(PATHS);
  const stepNs = NS_PER_S / PROBES_PER_S;
  let pushed = 0;
  let elapsedNs = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < RINGS * (RING_RECORDS - 1); i++) {
      const path = (pushed * 7919) % PATHS;
      const entry = (pushed * 31) % TABLE;
      const rttNs = tables.rttNs[entry] + (path % STREAMS) * 100;
      const residenceNs = tables.residenceNs[entry];
      const received = tables.outcomes[entry] === Outcome.received;
      const receivedNs = received ? nowNs + rttNs + residenceNs : 0;
      // A path belongs to one source port, and a source port to one thread.
      const producer = producers[path % RINGS];
      if (
        producer.push(
          path,
          tables.outcomes[entry],
          tables.flags[entry],
          0,
          64,
          nowNs,
          receivedNs,
          residenceNs,
          sequences[path],
        )
      ) {
        sequences[path]++;
        pushed++;
      }
      nowNs += stepNs;
    }
    for (const producer of producers) {
      producer.push(0, Outcome.watermark, 0, 0, 0, nowNs - TIMEOUT_NS, 0, 0, 0);
      producer.publish();
    }
    const started = process.hrtime.bigint();
    while (aggregator.turn(() => {})) {}
    elapsedNs += Number(process.hrtime.bigint() - started);
  }
  const consumed = control.read('consumed');
  aggregator.handle({ type: 'flush' });
  if (consumed !== pushed || reported !== pushed || control.read('orphans') !== 0) {
    throw new Error(`of ${pushed} records ${consumed} were read and ${reported} reported`);
  }
  return pushed / nsToS(elapsedNs);
}

async function run({ quick }: ScenarioOptions): Promise<ScenarioResult> {
  const tables = probeTables();
  const rounds = quick ? 1 : 4;
  sample(2, tables);
  libraryRate(tables);
  const { baselines, values, ratios, medianRatio } = await measurePairs(
    quick ? 7 : 21,
    async () => libraryRate(tables),
    async () => sample(rounds, tables),
  );
  return {
    fields: { recordsPerSecond: median(values), libraryPerSecond: median(baselines), ratio: medianRatio },
    samples: { recordsPerSecond: values, libraryPerSecond: baselines, ratio: ratios },
  };
}

/** The baseline: values a second that the histogram library alone takes, on this core at this moment. */
function libraryRate({ rttNs }: ReturnType<typeof probeTables>): number {
  const histogram = hdr.build({ bitBucketSize: 32, numberOfSignificantValueDigits: 3, autoResize: true });
  const started = process.hrtime.bigint();
  for (let i = 0; i < LIBRARY_VALUES; i++) histogram.recordValue(rttNs[i % TABLE]);
  const elapsedNs = Number(process.hrtime.bigint() - started);
  if (histogram.totalCount !== LIBRARY_VALUES) throw new Error(`the library counted ${histogram.totalCount} values`);
  return LIBRARY_VALUES / nsToS(elapsedNs);
}

export const aggregateScenario: Scenario = {
  name: 'aggregate',
  about: `ring records a second that one aggregator reduces on one core, ${STREAMS} streams x ${SOURCE_PORTS} source ports`,
  goals: [
    { field: 'recordsPerSecond', atLeast: 3_000_000, floor: 1_000_000 },
    // Against a baseline that only counts one value of one histogram.
    { field: 'ratio', atLeast: 0.8, floor: 0.5 },
  ],
  run,
};
