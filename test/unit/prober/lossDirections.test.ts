/** Directions of losses where classes of a target share a source port: a simulated responder numbers each class on its own, or all of them in one. */

import { expect } from 'chai';
import { msToNs } from '../../../src/base/units.js';
import { LossDirections } from '../../../src/prober/lossDirections.js';
import { ProbeRun } from '../../../src/prober/run.js';
import { ProberState } from '../../../src/prober/state.js';
import { F64, SlotState, U8, U32 } from '../../../src/prober/tables/slots.js';
import { ProberSources } from '../../../src/prober/tables/sources.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../../../src/ring/control.js';
import { createRing, Outcome, RingConsumer, RingProducer } from '../../../src/ring/ring.js';
import { SteppedClock } from '../../support/fakes/clocks.js';
import { PLAIN_STAMP } from '../../support/fakes/formats.js';
import { table } from '../../support/harness/proberBench.js';
import { type Random, seededRandom } from '../../support/harness/random.js';

const PERIOD_NS = msToNs(20);
const TIMEOUT_NS = msToNs(200);

interface Simulation {
  readonly classes: number;
  readonly rounds: number;
  readonly shared: boolean;
  /** Share of probes of a class lost in a round, on the way out and back. */
  readonly loss: (stream: number, round: number) => readonly [number, number];
  /** Rounds after which the source port changes again, for which the responder counts from the start. */
  readonly renewedAfter?: number;
}

interface Found {
  readonly lost: number;
  readonly forward: number;
  readonly reverse: number;
  /** Statements that are not true. */
  readonly wrong: number;
}

/** One probe of each class a round, each decided when its timeout is over. */
function simulate(
  { classes, rounds, shared, loss, renewedAfter = Number.POSITIVE_INFINITY }: Simulation,
  random: Random,
): Found {
  const ring = createRing(2 ** 18);
  const control = new ControlBlock<ProberCounter>(PROBER_COUNTERS);
  const sources = new ProberSources([0], [], () => 0);
  const state = new ProberState(new SteppedClock(), new RingProducer(ring), control, 1, sources);
  const format = state.formats.numberOf(PLAIN_STAMP, 44);
  const run = new ProbeRun(1, PERIOD_NS, TIMEOUT_NS, state.formats.list[format], 0);
  const directions = new LossDirections(state);
  const streams = Array.from({ length: classes }, (_, id) => ({ id, port: 7, dscp: id }));
  state.streams.add(table(streams), run.slotsPerPath, format, TIMEOUT_NS);
  directions.reserve();
  for (let stream = 0; stream < classes; stream++) directions.forget(stream);

  const numbers = new Uint32Array(classes);
  /** By the time of sending: losses of the same class without a reply between them. Which of these has which direction does not matter. */
  const losses = new Map<number, { forward: number; reverse: number }>();
  const open: ({ forward: number; reverse: number } | undefined)[] = [];
  const waiting: number[] = [];
  const { slots } = state;
  const spacingNs = PERIOD_NS / classes;
  for (let i = 0; i < rounds * classes; i++) {
    const nowNs = 1e9 + i * spacingNs;
    const stream = i % classes;
    const sequence = state.streams.nextSequence[stream]++;
    const slot = state.streams.slot(stream, 0, sequence);
    if (i > 0 && i % (renewedAfter * classes) === 0) {
      numbers.fill(0);
      // As where the timeout is below the period: no reply to the old port comes later.
      for (const decided of waiting.splice(0)) directions.decided(run, decided, nowNs);
      directions.forgetAll();
    }
    const [forward, reverse] = loss(stream, Math.floor(i / classes));
    const arrived = random.next() >= forward;
    const number = arrived ? numbers[shared ? 0 : stream]++ : 0;
    const received = arrived && random.next() >= reverse;
    slots.path[slot * U32] = stream;
    slots.sequence[slot * U32] = sequence;
    slots.sentNs[slot * F64] = nowNs;
    slots.number[slot * U32] = number;
    slots.state[slot * U8] = received ? SlotState.received : SlotState.expired;
    if (received) open[stream] = undefined;
    else {
      open[stream] ??= { forward: 0, reverse: 0 };
      open[stream][arrived ? 'reverse' : 'forward']++;
      losses.set(nowNs, open[stream]);
    }
    waiting.push(slot);
    while (slots.sentNs[waiting[0] * F64] <= nowNs - TIMEOUT_NS)
      directions.decided(run, waiting.shift() as number, nowNs);
    state.watermarkNs = Math.min(slots.sentNs[waiting[0] * F64], directions.waitingSince(run, nowNs));
  }

  const consumer = new RingConsumer(ring);
  let wrong = 0;
  publish(state);
  for (let i = 0, count = consumer.begin(); i < count; i++) {
    consumer.select(i);
    const among = losses.get(consumer.sentNs);
    const direction = consumer.outcome === Outcome.lostForward ? 'forward' : 'reverse';
    if (among === undefined || --among[direction] < 0) wrong++;
  }
  return { lost: losses.size, forward: control.read('lostForward'), reverse: control.read('lostReverse'), wrong };
}

function publish(state: ProberState): void {
  (Reflect.get(state, 'ring') as RingProducer).publish();
}

describe('LossDirections with several classes', () => {
  const random = seededRandom(2);
  const both = [0.3, 0] as const;

  for (const [what, loss] of [
    ['the way out', () => [0.3, 0]],
    ['the way back', () => [0, 0.3]],
    ['both ways', () => [0.1, 0.1]],
    ['the way out, of one class all', (stream) => (stream === 1 ? [1, 0] : [0.3, 0])],
    [
      'the way out, of one class for a while all',
      (stream, round) => (stream === 1 && round % 2000 < 1500 ? [1, 0] : both),
    ],
    ['the way out, now and then', (_, round) => (round % 500 < 400 ? [0, 0] : both)],
  ] as const satisfies readonly (readonly [string, Simulation['loss']])[])
    for (const classes of [2, 3])
      it(`states no direction where ${classes} classes share numbers and probes are lost on ${what}`, () => {
        const { lost, ...found } = simulate({ classes, rounds: 20_000, shared: true, loss }, random);
        expect(lost).to.be.above(1000);
        expect(found).to.deep.equal({ forward: 0, reverse: 0, wrong: 0 });
      });

  it('states no direction where classes share numbers and the source ports are renewed', () => {
    // One class gets through whenever the other one does not, as where a queue prefers it: to the first one that looks like loss on the way back.
    const loss = (stream: number, round: number) =>
      (round % 40 === 39) === (stream === 1) ? ([0, 0] as const) : ([1, 0] as const);
    const { lost, ...found } = simulate(
      { classes: 2, rounds: 20_000, shared: true, loss, renewedAfter: 3_000 },
      random,
    );
    expect(lost).to.equal(20_000);
    expect(found).to.deep.equal({ forward: 0, reverse: 0, wrong: 0 });
  });

  for (const classes of [1, 2, 3])
    it(`states the right directions where ${classes} classes have separate numbers`, () => {
      const loss = (_: number, round: number) => (round < 1000 ? ([0, 0] as const) : ([0.05, 0.05] as const));
      const { lost, forward, reverse, wrong } = simulate({ classes, rounds: 20_000, shared: false, loss }, random);
      expect(wrong).to.equal(0);
      expect((forward + reverse) / lost).to.be.above(0.95);
    });

  it('states no wrong direction when a reflector with shared numbers replaces one with separate numbers', () => {
    let shared = false;
    const { wrong } = simulate(
      {
        classes: 2,
        rounds: 40_000,
        get shared() {
          return shared;
        },
        loss: (_, round) => {
          shared = round > 20_000;
          return round < 1000 ? [0, 0] : [0.2, 0];
        },
      },
      random,
    );
    expect(wrong).to.equal(0);
  });
});
