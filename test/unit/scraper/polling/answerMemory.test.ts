import { expect } from 'chai';
import { SYSTEM_TIMING, type Timing } from '../../../../src/base/timing.js';
import { collectAfter } from '../../../../src/scraper/memoryTuning.js';
import { type Place, Room } from '../../../../src/scraper/polling/answerMemory.js';
import { BufferPool } from '../../../../src/scraper/polling/bufferPool.js';
import { readResults } from '../../../../src/scraper/results/answer.js';
import { row } from '../../../support/fakes/scraped.js';
import { seededRandom } from '../../../support/harness/random.js';

const KIB = 2 ** 10;
const never = new AbortController().signal;

describe('the memory for answers', () => {
  let timers: (() => void)[] = [];
  const timing: Timing = {
    ...SYSTEM_TIMING,
    after: (_ms, run) => {
      timers.push(run);
      return () => {
        timers = timers.filter((other) => other !== run);
      };
    },
  };
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };

  beforeEach(() => {
    timers = [];
  });

  /** Notes who is let in, in order. */
  function enterAll(room: Room, sizes: readonly number[], signal = never): { name: number; place: Place }[] {
    const inside: { name: number; place: Place }[] = [];
    for (const [name, bytes] of sizes.entries())
      room.enter(bytes, signal).then(
        (place) => inside.push({ name, place }),
        () => {},
      );
    return inside;
  }

  it('admits answers that fit, first come, first served, and the next ones when others have left', async () => {
    const room = new Room(1024 * KIB, timing);
    const inside = enterAll(room, [512 * KIB, 512 * KIB, 600 * KIB, 64 * KIB]);
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1]);
    inside[0].place.leave();
    await turns();
    // The fourth would fit, but it came after the third.
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1]);
    inside[1].place.leave();
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1, 2, 3]);
    expect(room.bytes).to.equal(664 * KIB);
  });

  it('gives its whole capacity to a larger answer, and counts the real size of an answer', async () => {
    const room = new Room(1024 * KIB, timing);
    const inside = enterAll(room, [128 * KIB, 4096 * KIB, 64 * KIB]);
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0]);
    inside[0].place.memoryFor(200 * KIB);
    expect(room.bytes).to.equal(256 * KIB);
    inside[0].place.leave();
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1]);
    inside[1].place.leave();
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1, 2]);
  });

  it('keeps no place for a question without an answer for longer than a moment, and counts the answer when it comes', async () => {
    const room = new Room(1024 * KIB, timing);
    const inside = enterAll(room, [1024 * KIB, 1024 * KIB]);
    await turns();
    inside[0].place.asked();
    expect(timers).to.have.length(1);
    timers[0]();
    await turns();
    expect(inside.map(({ name }) => name)).to.deep.equal([0, 1]);
    inside[0].place.memoryFor(64 * KIB);
    expect(room.bytes).to.equal(1088 * KIB);
    for (const { place } of inside) place.leave();
    expect(room.bytes).to.equal(0);
  });

  it('forgets who gives up while waiting', async () => {
    const room = new Room(1024 * KIB, timing);
    const gone = new AbortController();
    const first = enterAll(room, [1024 * KIB]);
    const second = enterAll(room, [1024 * KIB], gone.signal);
    const third = enterAll(room, [64 * KIB]);
    await turns();
    gone.abort();
    first[0].place.leave();
    await turns();
    expect([second.length, third.length]).to.deep.equal([0, 1]);
  });

  it('is taken until the last who holds the rows lets go; then they cannot be read, whatever is in their memory', async () => {
    const passed: number[] = [];
    const room = new Room(1024 * KIB, timing, (bytes) => passed.push(bytes));
    const place = await room.enter(64 * KIB, never);
    const interval = { start: new Date(0).toISOString(), endMs: 1000, results: [row('10.2.0.2'), row('10.2.0.3')] };
    const text = JSON.stringify({ collector: 'a', intervalMs: 1000, oldest: 1000, gap: false, intervals: [interval] });
    const memory = place.memoryFor(text.length);
    const { rows } = readResults(memory.subarray(0, memory.write(text)), 0, place).intervals[0];
    const release = rows.hold?.();
    let settle = (): void => {};
    place.until(new Promise<void>((resolve) => (settle = resolve)));
    place.leave();
    place.leave();
    settle();
    await turns();
    expect([...rows]).to.deep.equal(interval.results);
    const reading = rows[Symbol.iterator]();
    reading.next();
    expect(room.bytes).to.equal(64 * KIB);
    release?.();
    release?.();
    expect([room.bytes, passed]).to.deep.equal([0, [64 * KIB]]);
    expect(() => reading.next()).to.throw('let go');
    expect(() => [...rows]).to.throw('let go');
    const next = await room.enter(64 * KIB, never);
    expect(next.memoryFor(10)).to.equal(memory);
  });

  it('keeps memory for later within its bound, and gives out none that somebody has', () => {
    const pool = new BufferPool(1024 * KIB);
    const random = seededRandom(3);
    const lent = new Set<Buffer>();
    const kept = new Set<Buffer>();
    let again = 0;
    for (let i = 0; i < 5_000; i++) {
      const [oldest] = lent;
      if (oldest !== undefined && random.below(2) === 0) {
        lent.delete(oldest);
        kept.add(oldest);
        pool.give(oldest);
      } else {
        const bytes = random.below(512 * KIB);
        const buffer = pool.take(bytes);
        expect(buffer.length).to.be.at.least(bytes);
        expect(lent.has(buffer)).to.equal(false);
        if (kept.delete(buffer)) again += 1;
        lent.add(buffer);
      }
      expect(pool.bytes).to.be.at.most(1024 * KIB);
    }
    expect(again).to.be.greaterThan(500);
  });

  it('collects garbage after a number of bytes of answers, for real', () => {
    let collections = 0;
    const passed = collectAfter(100, () => {
      collections += 1;
    });
    for (const bytes of [60, 30, 10, 99, 1, 5]) passed(bytes);
    expect(collections).to.equal(2);
    let left: WeakRef<object> | undefined;
    (() => {
      left = new WeakRef(new Uint8Array(2 ** 20));
    })();
    expect(left?.deref()).not.to.equal(undefined);
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      collectAfter(1)(1);
      expect(left?.deref()).to.equal(undefined);
    });
  });
});
