import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type QueueOptions, WriterQueue } from '../../../../src/scraper/delivery/queue.js';
import { SameEnds } from '../../../../src/scraper/delivery/sameEnds.js';
import type { CollectedInterval, Writer, Written } from '../../../../src/scraper/results/types.js';
import { Spool } from '../../../../src/scraper/spool/spool.js';
import { WriteLater } from '../../../../src/scraper/writers/retryableError.js';
import { readableLog } from '../../../support/fakes/intervals.js';
import { row } from '../../../support/fakes/scraped.js';
import { randomInteger, seededRandom } from '../../../support/harness/random.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;
const LENGTH_MS = 10_000;

const interval = (endMs: number, clockEpoch: number): CollectedInterval => ({
  ...{ collector: 'a', intervalMs: LENGTH_MS, startMs: endMs - LENGTH_MS, endMs, clockEpoch },
  rows: [row('10.2.0.2', { sent: clockEpoch })],
});

/** Intervals of a clock that is set back now and then, in the order in which they were closed. */
function steppedBack(random: () => number, count: number): CollectedInterval[] {
  let [step, epoch] = [0, 0];
  return Array.from({ length: count }, () => {
    if (random() < 0.1) {
      step -= randomInteger(random, 1, 12);
      epoch += 1;
    }
    step += 1;
    return interval(T + step * LENGTH_MS, epoch);
  });
}

describe('intervals of a collector that end at the same time', () => {
  it('are noticed, each once, however often they are fetched, also over restarts, as a naive list of all finds them', () => {
    const random = seededRandom(17).next;
    for (let run = 0; run < 50; run++) {
      let ends = new SameEnds();
      const seen: CollectedInterval[] = [];
      for (const one of steppedBack(random, 100)) {
        // As over a restart.
        if (random() < 0.1) {
          const kept = JSON.stringify(ends);
          ends = new SameEnds();
          expect(ends.restore(JSON.parse(kept))).to.equal(true);
        }
        const again = random() < 0.3 ? seen.at(-1) : undefined;
        if (again !== undefined) expect(ends.note(again)).to.equal(false);
        expect(ends.note(one)).to.equal(seen.some(({ endMs }) => endMs === one.endMs));
        seen.push(one);
        const asked = seen[randomInteger(random, 0, seen.length - 1)];
        const later = seen.some(
          (other) => other.endMs === asked.endMs && (other.clockEpoch ?? 0) > (asked.clockEpoch ?? 0),
        );
        expect(ends.superseded(asked)).to.equal(later);
      }
    }
  });

  it('leave the one that was closed last in a database that fails at random, with the spool in between', async () => {
    const random = seededRandom(23).next;
    const dir = await mkdtemp(join(tmpdir(), 'llama-ends-'));
    /** As a database does it: what is written last is what is there. */
    const stored = new Map<number, number>();
    const writer: Writer = {
      name: 'fake',
      async write(intervals): Promise<Written> {
        if (random() < 0.5) throw new WriteLater('away');
        for (const { endMs, rows } of intervals) for (const { sent } of rows) stored.set(endMs, sent);
        return { points: intervals.length, rejected: 0, reasons: [] };
      },
      close: async () => {},
    };
    const ends = new SameEnds();
    const options: QueueOptions = {
      ...{ queueMaxRows: 3, fullAfterMs: 0, crowdedAfterMs: 1, spoolAfterMs: 5, batchRows: 2, spoolRetryMs: 5 },
      ...{ baseMs: 1, maxMs: 4, random, superseded: (one: CollectedInterval) => ends.superseded(one) },
    };
    const { logger } = readableLog();
    const spool = await Spool.open(join(dir, 'spool'), 2 ** 20, logger);
    const queue = new WriterQueue(writer, spool, options, logger);
    const all = steppedBack(random, 200);
    for (const one of all) {
      ends.note(one);
      const safe = queue.push(one);
      if (random() < 0.3) await safe;
    }
    await waitFor('all is written', () => queue.queued.queued === 0 && spool.intervals === 0, 20_000);
    await queue.close(0);
    await rm(dir, { recursive: true });
    const last = new Map(all.map(({ endMs, clockEpoch = 0 }) => [endMs, clockEpoch]));
    expect([...stored].sort()).to.deep.equal([...last].sort());
    expect(all.length - last.size).to.be.greaterThan(10);
  });
});
