import { expect } from 'chai';
import { StampFormat } from '../../../src/prober/formats/stamp.js';
import { ProbeRun } from '../../../src/prober/run.js';
import { PLAIN_STAMP } from '../../support/fakes/formats.js';
import { seededRandom } from '../../support/harness/random.js';

const order = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);

/** The next `count` probes: place and time. */
function take(run: ProbeRun, count: number): { place: number; dueNs: number }[] {
  return Array.from({ length: count }, () => {
    const { place, dueNs } = run;
    run.next();
    return { place, dueNs };
  });
}

const FORMAT = new StampFormat(PLAIN_STAMP, 44);

describe('ProbeRun', () => {
  it('schedules each path exactly once a period, spread evenly over it', () => {
    const random = seededRandom(21);
    for (let round = 0; round < 200; round++) {
      const ports = 1 + random.below(16);
      const streams = 1 + random.below(40);
      const periodNs = 1e6 * (1 + random.below(1000));
      const run = new ProbeRun(1, periodNs, 1e9, FORMAT, 0);
      const nowNs = random.below(1e9);
      run.reorder(order(streams), ports, nowNs, random.next);
      const spacingNs = periodNs / (streams * ports);
      expect(run.dueNs).to.be.within(nowNs, nowNs + Math.min(spacingNs, 200e6));
      const probes = take(run, streams * ports * 3);
      const last = new Map<number, number>();
      let worstNs = 0;
      for (const [i, { place, dueNs }] of probes.entries()) {
        if (i > 0) worstNs = Math.max(worstNs, Math.abs(dueNs - probes[i - 1].dueNs - spacingNs));
        const before = last.get(place);
        if (before !== undefined) worstNs = Math.max(worstNs, Math.abs(dueNs - before - periodNs));
        last.set(place, dueNs);
      }
      expect(worstNs).to.be.at.most(1);
      expect(last.size).to.equal(streams * ports);
    }
  });

  it('stays exact over a million periods', () => {
    const run = new ProbeRun(1, 1e6 + 1, 1e9, FORMAT, 0);
    run.reorder(order(1), 1, 0, () => 0);
    const startNs = run.dueNs;
    run.advance(1_000_000);
    expect(run.dueNs - startNs).to.equal(1_000_000 * (1e6 + 1));
  });

  it('continues at the same place and time after an order of the same length', () => {
    for (let places = 1; places <= 300; places++) {
      const run = new ProbeRun(1, 1e9, 1e9, FORMAT, 0);
      run.reorder(order(places), 1, 0, () => 0);
      for (let place = 0; place < places; place++) {
        const { dueNs } = run;
        run.reorder(order(places), 1, dueNs - 1, () => 0.9);
        expect([run.place, run.dueNs]).to.deep.equal([place, dueNs]);
        run.next();
      }
    }
  });

  it('continues at the same share of the cycle, within its spacing, after an order of another length', () => {
    const run = new ProbeRun(1, 1e9, 1e9, FORMAT, 0);
    run.reorder(order(10), 1, 0, () => 0);
    run.advance(5);
    run.reorder(order(100), 1, 450e6, () => 0);
    expect(run.place).to.equal(50);
    expect(run.dueNs).to.be.within(450e6, 460e6);
    run.reorder(order(4), 1, 455e6, () => 0);
    expect(run.place).to.equal(2);
    expect(new Set(take(run, 4).map(({ place }) => place)).size).to.equal(4);
  });

  it('returns to skipped places one period later', () => {
    const run = new ProbeRun(1, 100e6, 1e9, FORMAT, 0);
    run.reorder(order(10), 1, 0, () => 0);
    run.advance(57);
    expect([run.place, run.dueNs]).to.deep.equal([7, 570e6]);
  });

  it('ends after its count, also when it gets a new order', () => {
    const run = new ProbeRun(1, 10e6, 1e9, FORMAT, 3);
    run.reorder(order(2), 1, 0, () => 0);
    take(run, 3);
    expect(run.dueNs).to.equal(Number.POSITIVE_INFINITY);
    run.reorder(order(5), 1, 100e6, () => 0);
    expect(run.dueNs).to.equal(Number.POSITIVE_INFINITY);
  });

  it('has nothing due with an empty order, and starts again with the next one', () => {
    const run = new ProbeRun(1, 10e6, 1e9, FORMAT, 0);
    run.reorder(order(2), 1, 0, () => 0);
    run.reorder(order(0), 1, 5e6, () => 0);
    expect([run.dueNs, run.places]).to.deep.equal([Number.POSITIVE_INFINITY, 0]);
    run.reorder(order(3), 2, 7e6, () => 0);
    expect(run.dueNs).to.equal(7e6);
  });

  it('separates the parts of an order by whole parts of the period, also after a change of parts or ports', () => {
    const run = new ProbeRun(1, 60e6, 1e6, FORMAT, 0);
    for (const { parts, ports } of [
      { parts: 1, ports: 4 },
      { parts: 2, ports: 4 },
      { parts: 3, ports: 1 },
      { parts: 2, ports: 3 },
      { parts: 1, ports: 4 },
    ]) {
      const targets = 5;
      run.reorder(order(parts * targets), ports, 0, () => 0, parts);
      const lastOf = new Map<string, number>();
      const seen = new Set<string>();
      for (let i = 0; i < 3 * run.places; i++) {
        seen.add(`${run.port} ${run.stream}`);
        const connection = `${run.port} ${run.stream % targets}`;
        const before = lastOf.get(connection);
        if (before !== undefined) expect(run.dueNs - before).to.be.closeTo(60e6 / parts, 1);
        lastOf.set(connection, run.dueNs);
        run.next();
      }
      expect(seen.size).to.equal(parts * ports * targets);
      expect(lastOf.size).to.equal(ports * targets);
    }
  });

  it('keeps waiting probes in order while their queue grows and wraps around', () => {
    const random = seededRandom(22);
    const run = new ProbeRun(1, 100e6, 1e6, FORMAT, 0);
    const expected: [slot: number, sentNs: number][] = [];
    let slot = 0;
    for (let i = 0; i < 20_000; i++) {
      const what = random.below(100);
      if (what === 0) run.reorder(order(1 + random.below(500)), 2, i, random.next);
      else if (what < 55 && !run.full) {
        expected.push([slot, i]);
        run.push(slot++, i);
      } else if (run.waiting > 0) {
        expect([run.oldest, run.oldestSentNs]).to.deep.equal(expected.shift());
        run.shift();
      }
      expect(run.waiting).to.equal(expected.length);
    }
  });

  it('is full early enough for a whole batch in preparation', () => {
    const run = new ProbeRun(1, 100e6, 1e6, FORMAT, 0);
    run.reorder(order(1), 1, 0, () => 0);
    let pushed = 0;
    while (!run.full) run.push(pushed++, 0);
    for (let i = 0; i < 31; i++) run.push(pushed++, 0);
    for (let slot = 0; slot < pushed; slot++) {
      expect(run.oldest).to.equal(slot);
      run.shift();
    }
  });
});
