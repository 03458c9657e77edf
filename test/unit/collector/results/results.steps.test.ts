/**
 * Intervals, cursor and epoch over random steps of the wall clock and restarts, against a naive list of what was
 * closed.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { IntervalGrid } from '../../../../src/aggregator/intervals.js';
import { seal } from '../../../../src/base/files/sealedFile.js';
import { nsToMs, sToNs } from '../../../../src/base/units.js';
import { aheadOf, type IntervalPlace, ResultsStore } from '../../../../src/collector/results/results.js';
import { KEPT_PLACE, KeptPlace } from '../../../../src/collector/state/keptPlace.js';
import { makeReport } from '../../../support/fakes/fakeCollector.js';
import { silent } from '../../../support/harness/live.js';
import { randomInteger, seededRandom } from '../../../support/harness/random.js';

const EPOCH_S = 1_763_700_003;
const LENGTH_MS = 10_000;
const RETENTION = 20;

/** A process: its time line starts at a wall clock, which is stepped while it runs. */
class Life {
  readonly store = new ResultsStore(RETENTION);
  stepNs = 0;
  private readonly grid: IntervalGrid<never>;

  constructor(startS: number) {
    this.grid = new IntervalGrid<never>(LENGTH_MS, startS);
    this.grid.start(0, 0);
  }

  get clock() {
    return { aheadMs: () => nsToMs(this.stepNs) };
  }

  /** Closes the oldest interval; true line time of its end, ms since the start. */
  close(): number {
    const closed = this.grid.closeOldest(this.stepNs);
    if (closed === undefined) throw new Error('no interval is open');
    const { startMs, endMs, endNs, clockStepNs } = closed;
    const report = { ...makeReport(endMs, []), startMs, clockStepMs: Math.round(nsToMs(clockStepNs)) };
    this.store.add({ report, infos: [] });
    return nsToMs(endNs);
  }
}

interface Reader {
  cursor: number;
  next: number;
}

describe('results over steps of the wall clock', () => {
  it('reach every reader once and in the order in which they were closed, and say how wrong their times are', () => {
    const random = seededRandom(29).next;
    let twice = 0;
    for (let run = 0; run < 60; run++) {
      const life = new Life(EPOCH_S + randomInteger(random, 0, 1e6));
      /** What was closed, in order: the naive reference. */
      const closed: { readonly endMs: number; readonly epoch: number; readonly lineMs: number }[] = [];
      const readers: Reader[] = Array.from({ length: 5 }, () => ({ cursor: 0, next: 0 }));
      for (let i = 0; i < 150; i++) {
        if (random() < 0.15) life.stepNs += Math.round(sToNs((random() - 0.5) * 10 ** randomInteger(random, 0, 8)));
        const lineMs = life.close();
        const newest = life.store.latest;
        if (newest === undefined) throw new Error('nothing was stored');
        closed.push({ endMs: newest.report.endMs, epoch: newest.clockEpoch, lineMs });
        for (const reader of readers) {
          if (random() < 0.7) continue;
          const { intervals, next, gap } = life.store.after(reader.cursor, randomInteger(random, 1, RETENTION));
          const oldest = Math.max(0, closed.length - RETENTION);
          expect(gap).to.equal(reader.cursor > 0 && reader.next < oldest);
          reader.next = Math.max(reader.next, oldest);
          for (const { report, clockEpoch } of intervals) {
            expect({ endMs: report.endMs, epoch: clockEpoch }).to.include({
              endMs: closed[reader.next].endMs,
              epoch: closed[reader.next].epoch,
            });
            reader.next += 1;
          }
          const first = life.store.firstAfter(reader.cursor);
          expect(first.interval?.cursor).to.equal(intervals[0]?.cursor);
          reader.cursor = next;
        }
        // The end on the time line, and what the wall clock is now, say how wrong each label is.
        for (const [k, held] of life.store.all().entries()) {
          const { endMs, lineMs: endLineMs } = closed[closed.length - life.store.all().length + k];
          const first = closed[0];
          const rightMs = first.endMs - first.lineMs + endLineMs + nsToMs(life.stepNs);
          const wrongMs = endMs - rightMs;
          expect(Math.abs(aheadOf(held, life.clock) - wrongMs)).to.be.lessThan(11);
        }
      }
      expect(new Set(closed.map(({ endMs, epoch }) => `${epoch} ${endMs}`)).size).to.equal(closed.length);
      twice += closed.length - new Set(closed.map(({ endMs }) => endMs)).size;
    }
    expect(twice).to.be.greaterThan(100);
  });

  it('go on behind the last cursor after a clean end, and in another incarnation after a kill, whatever the clock says then', async () => {
    const random = seededRandom(31).next;
    const folder = mkdtempSync(join(tmpdir(), 'llama-place-'));
    try {
      const names = new Set<string>();
      const cursors = new Set<number>();
      let before: { readonly place: IntervalPlace; readonly clean: boolean } | undefined;
      for (let life = 0; life < 60; life++) {
        const failed = new KeptPlace(folder, silent);
        await failed.take();
        await failed.giveBack();
        const kept = new KeptPlace(folder, silent);
        const process = new Life(EPOCH_S + randomInteger(random, -1e7, 1e7));
        process.store.restore(await kept.take(), undefined, 0);
        for (let i = 0; i < 5; i++) {
          if (random() < 0.3) process.stepNs -= sToNs(randomInteger(random, 20, 4_000));
          process.close();
          const { incarnation, cursor, clockEpoch, endMs } = process.store.newest;
          if (i === 0 && before !== undefined) {
            const goesOn = incarnation === before.place.incarnation && cursor === before.place.cursor + 1;
            expect(goesOn).to.equal(before.clean);
            expect(process.store.after(before.place.cursor, 10).gap).to.equal(!before.clean);
          }
          expect(cursors.has(cursor)).to.equal(false);
          expect(names.has(`${incarnation} ${clockEpoch} ${endMs}`)).to.equal(false);
          cursors.add(cursor);
          names.add(`${incarnation} ${clockEpoch} ${endMs}`);
        }
        const clean = random() < 0.5;
        before = { place: process.store.newest, clean };
        if (clean) await kept.save(process.store.newest);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('start a new incarnation where the kept cursor is damaged, or can be read but not be removed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-place-'));
    try {
      for (const text of [
        ...['', '{', '[]', seal('llama-place', '{"cursor":1,"endMs":1,"clockEpoch":0}')],
        seal('llama-place', '{"incarnation":1,"cursor":-1,"endMs":1,"clockEpoch":0}'),
        seal('llama-place', '{"incarnation":1,"cursor":1,"endMs":1,"clockEpoch":0}').replace(
          '"cursor":1',
          '"cursor":2',
        ),
      ]) {
        writeFileSync(join(folder, KEPT_PLACE), text);
        expect(await new KeptPlace(folder, silent).take(), text).to.equal(undefined);
      }
      await new KeptPlace(folder, silent).save(new Life(EPOCH_S).store.newest);
      const path = join(folder, KEPT_PLACE);
      execFileSync('chattr', ['+i', path]);
      try {
        expect(await new KeptPlace(folder, silent).take()).to.equal(undefined);
      } finally {
        execFileSync('chattr', ['-i', path]);
      }
      expect(await new KeptPlace(folder, silent).take()).to.include({ endMs: 0 });
      expect(await new KeptPlace(folder, silent).take()).to.equal(undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
