import { expect } from 'chai';
import { Expiry } from '../../../src/prober/expiry.js';
import { Changes, WORK_A_TURN } from '../../../src/prober/planChanges.js';
import { ProberState } from '../../../src/prober/state.js';
import { ProberSources } from '../../../src/prober/tables/sources.js';
import { ControlBlock, PROBER_COUNTERS } from '../../../src/ring/control.js';
import { createRing, RingProducer } from '../../../src/ring/ring.js';
import type { RunMessage } from '../../../src/threads/messages.js';
import { ManualClock } from '../../support/fakes/clocks.js';
import { PLAIN_STAMP } from '../../support/fakes/formats.js';
import { ProberBench, type StreamSpec, table } from '../../support/harness/proberBench.js';

const PORTS = 16;
const DECIDED_NS = 10;
const AT_NS = 20;
const times = { decidedNs: DECIDED_NS, atNs: AT_NS };

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const specs = (ids: readonly number[], port = 9): StreamSpec[] => ids.map((id) => ({ id, port }));

/** Streams and changes to them, without sockets. */
class ChangesBench {
  readonly state: ProberState;
  readonly changes: Changes;
  swaps = 0;

  constructor() {
    const control = new ControlBlock(PROBER_COUNTERS);
    const sockets = Array.from({ length: PORTS }, (_, i) => ({
      fd: -1,
      set: 0,
      device: undefined,
      family: 4 as const,
      sourceIndex: i,
      port: 40_000 + i,
      transport: 'udp' as const,
      skipsIpHeader: false,
    }));
    const ring = new RingProducer(createRing(1024));
    const indexes = sockets.map(({ sourceIndex }) => sourceIndex);
    const sources = new ProberSources(indexes, sockets, () => 0);
    this.state = new ProberState(new ManualClock(), ring, control, PORTS, sources);
    this.changes = new Changes(this.state, new Expiry(this.state, () => 0));
  }

  get known(): number {
    return this.state.streams.family.reduce((sum, family) => sum + (family === 0 ? 0 : 1), 0);
  }

  message(added: readonly number[], removed: readonly number[], periodNs = 1e9): RunMessage {
    return {
      type: 'run',
      revision: 1,
      run: 1,
      periodNs,
      timeoutNs: 1e9,
      payloadBytes: 44,
      format: PLAIN_STAMP,
      set: 0,
      neverFragment: false,
      parts: 1,
      order: Uint32Array.from(added),
      added: table(specs(added)),
      removed: Uint32Array.from(removed),
      sourcePorts: PORTS,
      count: 0,
    };
  }

  /** Turns until `work` is done, and by how much the number of known streams changed in each. */
  turns(work: () => boolean): number[] {
    const steps: number[] = [];
    for (let done = false; !done; ) {
      if (steps.length > 10_000) throw new Error('it never ends');
      const before = this.known;
      this.changes.beginTurn();
      done = work();
      steps.push(this.known - before);
    }
    return steps;
  }

  carryOut(message: RunMessage): number[] {
    return this.turns(() =>
      this.changes.carryOut(message, () => {
        this.swaps++;
        return times;
      }),
    );
  }
}

describe('a change of many streams', () => {
  const MANY = 10_000;

  it('adds a few streams an iteration, and takes effect when all are added', () => {
    const b = new ChangesBench();
    const message = b.message(range(0, MANY), []);
    const seen: number[] = [];
    const steps = b.turns(() =>
      b.changes.carryOut(message, () => {
        seen.push(b.known);
        return times;
      }),
    );
    expect(Math.max(...steps)).to.be.within(1, WORK_A_TURN);
    expect(steps.length).to.be.at.least(MANY / WORK_A_TURN);
    expect(seen).to.deep.equal([MANY]);
  });

  it('retires streams at once, and forgets a few an iteration after their time', () => {
    const b = new ChangesBench();
    b.carryOut(b.message(range(0, MANY), []));
    const turns = b.carryOut(b.message([], range(0, MANY)));
    expect([turns.length >= MANY / WORK_A_TURN, b.swaps]).to.deep.equal([true, 2]);
    for (const [nowNs, watermarkNs] of [
      [AT_NS - 1, AT_NS],
      [AT_NS, DECIDED_NS - 1],
    ]) {
      b.changes.beginTurn();
      expect(b.changes.forget(nowNs, watermarkNs)).to.equal(false);
    }
    expect(b.known).to.equal(MANY);
    const steps = b.turns(() => b.changes.forget(AT_NS, DECIDED_NS));
    expect(-Math.min(...steps)).to.be.within(1, WORK_A_TURN);
    expect([b.known, b.changes.hasRetired, b.changes.behind]).to.deep.equal([0, false, false]);
  });

  it('forgets fewer streams an iteration when they have many slots', () => {
    const b = new ChangesBench();
    // 1024 probes wait on each path at most, on 16 source ports.
    b.carryOut(b.message(range(0, 100), [], 1e6));
    b.carryOut(b.message([], range(0, 100), 1e6));
    const steps = b.turns(() => b.changes.forget(AT_NS, DECIDED_NS));
    expect(-Math.min(...steps)).to.be.within(1, WORK_A_TURN / 8);
    expect(b.known).to.equal(0);
  });

  it('keeps a stream number that is reused before its old stream is forgotten', () => {
    const b = new ChangesBench();
    b.carryOut(b.message(range(0, MANY), []));
    b.carryOut(b.message([], range(0, MANY)));
    b.changes.beginTurn();
    b.changes.forget(AT_NS, DECIDED_NS);
    expect(b.changes.behind).to.equal(true);
    b.carryOut(b.message([0, MANY - 1], []));
    b.turns(() => b.changes.forget(AT_NS, DECIDED_NS));
    expect([b.known, b.state.streams.has(0), b.state.streams.has(MANY - 1)]).to.deep.equal([2, true, true]);
  });

  it('ignores streams that this incarnation of the thread never knew', () => {
    const b = new ChangesBench();
    b.carryOut(b.message([], range(500, 3)));
    b.turns(() => b.changes.forget(AT_NS, DECIDED_NS));
    expect([b.known, b.swaps]).to.deep.equal([0, 1]);
  });
});

describe('a prober during a change of many streams', () => {
  const MANY = 3_000;
  let b: ProberBench;
  beforeEach(() => {
    b = new ProberBench({ random: () => 0 });
  });
  afterEach(() => b.close());

  it('continues with other groups, and reports the end of the change', () => {
    b.run(specs([0]), { run: 1, periodMs: 0.01, timeoutMs: 1 });
    b.until('probes', () => b.count('sent') > 0);
    b.run(specs(range(1, MANY)), { run: 2, periodMs: 100_000 });
    const before = b.control.applied;
    let turns = 0;
    let silent = 0;
    while (b.control.applied === before) {
      const offered = b.count('sent') + b.count('scheduleSlips') + b.count('sendErrors');
      b.turn();
      if (b.count('sent') + b.count('scheduleSlips') + b.count('sendErrors') === offered) silent++;
      turns++;
    }
    // A turn is longer than the 10 us from one probe to the next.
    expect(turns).to.be.at.least(MANY / WORK_A_TURN);
    expect(silent).to.be.lessThan(turns / 2);
  });

  it('carries out later messages afterwards, in order', () => {
    b.run(specs(range(0, MANY)), { run: 1, periodMs: 100_000 });
    b.run([], { run: 1, periodMs: 100_000 });
    b.run(specs([MANY]), { run: 2, periodMs: 100_000 });
    b.turn();
    expect(b.control.applied).to.equal(0);
    let turns = 1;
    for (; b.control.applied !== 3; turns++) b.turn();
    expect(turns).to.be.at.least((2 * MANY) / WORK_A_TURN);
    expect(b.count('sent')).to.equal(1);
  });
});
