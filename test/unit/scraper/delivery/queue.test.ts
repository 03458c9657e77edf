import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type QueueOptions, WriterQueue } from '../../../../src/scraper/delivery/queue.js';
import type { CollectedInterval, Writer, Written } from '../../../../src/scraper/results/types.js';
import { Spool } from '../../../../src/scraper/spool/spool.js';
import { WriteLater } from '../../../../src/scraper/writers/retryableError.js';
import { readableLog, sampleInterval } from '../../../support/fakes/intervals.js';
import { needs } from '../../../support/harness/needs.js';
import { waitFor } from '../../../support/harness/wait.js';

const MIB = 1024 * 1024;
const OPTIONS: QueueOptions = {
  queueMaxRows: 1000,
  fullAfterMs: 0,
  crowdedAfterMs: 60_000,
  spoolAfterMs: 60_000,
  batchRows: 30,
  spoolRetryMs: 20,
  baseMs: 5,
  maxMs: 20,
  random: () => 0.5,
};

/** A sink that a test makes fail, hang or refuse. */
class FakeWriter implements Writer {
  readonly name = 'fake';
  /** How often each interval was acknowledged. */
  readonly got = new Map<string, number>();
  readonly attempts: { atMs: number; intervals: number }[] = [];
  failure: Error | undefined;
  hang: Promise<void> | undefined;

  async write(intervals: readonly CollectedInterval[], signal: AbortSignal): Promise<Written> {
    this.attempts.push({ atMs: performance.now(), intervals: intervals.length });
    if (this.hang !== undefined) {
      await Promise.race([
        this.hang,
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new WriteLater('ends')))),
      ]);
    }
    if (this.failure !== undefined) throw this.failure;
    for (const interval of intervals) this.got.set(keyOf(interval), (this.got.get(keyOf(interval)) ?? 0) + 1);
    return { points: intervals.reduce((sum, { rows }) => sum + rows.length, 0), rejected: 0, reasons: [] };
  }

  async close(): Promise<void> {}
}

const keyOf = ({ collector, endMs }: CollectedInterval): string => `${collector} ${endMs}`;

describe("a writer's queue", () => {
  let dir: string;
  let writer: FakeWriter;
  let spool: Spool;
  let queue: WriterQueue | undefined;
  let log: ReturnType<typeof readableLog>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-queue-'));
    writer = new FakeWriter();
    log = readableLog();
  });
  afterEach(async () => {
    await queue?.close(0);
    queue = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  async function open(changes: Partial<QueueOptions> = {}, at = join(dir, 'spool')): Promise<WriterQueue> {
    spool = await Spool.open(at, MIB, log.logger);
    queue = new WriterQueue(writer, spool, { ...OPTIONS, ...changes }, log.logger);
    return queue;
  }

  /** Pushes, and tells whether it is safe. */
  function push(
    into: WriterQueue,
    interval: CollectedInterval,
  ): { safe: boolean; failed: boolean; done: Promise<void> } {
    const state = { safe: false, failed: false, done: Promise.resolve() };
    state.done = into.push(interval).then(
      () => {
        state.safe = true;
      },
      () => {
        state.failed = true;
      },
    );
    return state;
  }
  const some = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => sampleInterval('a', from + index));
  const once = (intervals: readonly CollectedInterval[]) => new Map(intervals.map((interval) => [keyOf(interval), 1]));

  it('is safe with an interval once the writer has acknowledged it, and not before', async () => {
    let answer: () => void = () => undefined;
    writer.hang = new Promise((resolve) => {
      answer = resolve;
    });
    const pushed = push(await open(), sampleInterval('a', 1));
    await waitFor('the writer was asked', () => writer.attempts.length === 1);
    expect(pushed.safe).to.equal(false);
    answer();
    await pushed.done;
    expect(pushed.safe).to.equal(true);
    expect(spool.intervals).to.equal(0);
  });

  it('writes waiting intervals in batches', async () => {
    let answer: () => void = () => undefined;
    writer.hang = new Promise((resolve) => {
      answer = resolve;
    });
    const into = await open();
    const pushed = some(0, 21).map((interval) => push(into, interval));
    answer();
    await Promise.all(pushed.map(({ done }) => done));
    expect(writer.attempts.map(({ intervals }) => intervals)).to.have.members([1, 10, 10]);
  });

  it('spools overdue intervals while the writer fails, and writes all of them and the new ones once it is back', async () => {
    writer.failure = new WriteLater('away');
    const into = await open({ spoolAfterMs: 30 });
    const first = some(0, 40);
    await Promise.all(first.map((interval) => into.push(interval)));
    expect(spool.intervals).to.equal(40);
    expect(into.counters.up).to.equal(false);
    expect(into.counters.lastError).to.equal('away');
    writer.failure = undefined;
    const second = some(40, 60);
    await Promise.all(second.map((interval) => into.push(interval)));
    await waitFor('the spool is empty', () => spool.intervals === 0);
    expect(writer.got).to.deep.equal(once([...first, ...second]));
    expect(into.counters.up).to.equal(true);
    expect(into.counters.intervals).to.equal(60);
    expect(log.logged.map(({ msg }) => msg)).to.include.members([
      'writer unavailable; points are spooled and retried',
      'the writer is back',
    ]);
  });

  it('says one and the same failure once, not with every attempt', async () => {
    writer.failure = new WriteLater('away');
    const into = await open();
    void into.push(sampleInterval('a', 1)).catch(() => undefined);
    await waitFor('five attempts', () => writer.attempts.length >= 5);
    expect(log.logged.filter(({ msg }) => msg.startsWith('writer unavailable'))).to.have.length(1);
    expect(into.counters.retries).to.be.at.least(4);
  });

  it('spools the excess over the memory bound at once', async () => {
    writer.failure = new WriteLater('away');
    const into = await open({ queueMaxRows: 12 });
    const pushed = some(0, 10).map((interval) => push(into, interval));
    await waitFor('six are safe', () => pushed.filter(({ safe }) => safe).length === 6);
    expect(into.queued).to.deep.equal({ queued: 4, queuedRows: 12 });
    expect(spool.intervals).to.equal(6);
  });

  it('spools the backlog of a slow writer that makes progress, and loses none of it', async () => {
    const slowly = writer.write.bind(writer);
    writer.write = async (intervals, signal) => {
      await sleep(20);
      return slowly(intervals, signal);
    };
    // Three rows an interval, one interval a batch: some 50 a second are taken, and 100 come at once.
    const into = await open({ queueMaxRows: 12, fullAfterMs: 60_000, crowdedAfterMs: 100, batchRows: 3 });
    const pushed = some(0, 100).map((interval) => push(into, interval));
    await waitFor('what is too much is spooled', () => spool.intervals > 0);
    await Promise.all(pushed.map(({ done }) => done));
    expect(into.counters.up).to.equal(true);
    await waitFor('all are written', () => writer.got.size === 100 && spool.intervals === 0);
    expect(writer.got).to.deep.equal(once(some(0, 100)));
  });

  it('waits as long as the sink asks for', async () => {
    writer.failure = new WriteLater('later', { retryAfterMs: 300 });
    const into = await open();
    const pushed = push(into, sampleInterval('a', 1));
    await waitFor('the first attempt', () => writer.attempts.length === 1);
    writer.failure = undefined;
    await pushed.done;
    const [first, second] = writer.attempts;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).to.be.at.least(295);
  });

  it('is safe with a batch that takes too long, and does not write it again when the writer accepts it late', async () => {
    let answer: () => void = () => undefined;
    writer.hang = new Promise((resolve) => {
      answer = resolve;
    });
    const into = await open({ spoolAfterMs: 30 });
    await into.push(sampleInterval('a', 1));
    expect(spool.intervals).to.equal(1);
    answer();
    await waitFor('it is settled', () => spool.intervals === 0);
    await into.push(sampleInterval('a', 2));
    expect(writer.got).to.deep.equal(once(some(1, 3)));
  });

  it('writes a batch that took too long again when it failed', async () => {
    let fail: (error: Error) => void = () => undefined;
    writer.hang = new Promise((_, reject) => {
      fail = reject;
    });
    const into = await open({ spoolAfterMs: 30 });
    await into.push(sampleInterval('a', 1));
    writer.hang.catch(() => undefined);
    const { hang } = writer;
    writer.hang = undefined;
    fail(new WriteLater('no answer'));
    await hang?.catch(() => undefined);
    await waitFor('it is written', () => spool.intervals === 0);
    expect(writer.got).to.deep.equal(once(some(1, 2)));
  });

  it('spools the remaining intervals when it ends, for the next start', async () => {
    writer.failure = new WriteLater('away');
    const into = await open();
    const pushed = some(0, 25).map((interval) => push(into, interval));
    await waitFor('an attempt failed', () => !into.counters.up);
    await into.close(1000);
    await Promise.all(pushed.map(({ done }) => done));
    expect(pushed.every(({ safe }) => safe)).to.equal(true);
    writer.failure = undefined;
    await open();
    await waitFor('all are written', () => writer.got.size === 25);
    expect(writer.got).to.deep.equal(once(some(0, 25)));
  });

  it('spools at once after a start with a spool that waits, until the writer takes something', async () => {
    writer.failure = new WriteLater('away');
    const before = await open({ spoolAfterMs: 10 });
    await before.push(some(0, 1)[0]);
    await before.close(0);
    const into = await open({ spoolAfterMs: 60_000 });
    await into.push(some(1, 2)[0]);
    expect(spool.intervals).to.equal(2);
    writer.failure = undefined;
    await waitFor('the spool is empty', () => spool.intervals === 0);
    writer.failure = new WriteLater('away again');
    let safe = false;
    const late = into.push(some(2, 3)[0]).then(() => {
      safe = true;
    });
    await waitFor('it was tried', () => !into.counters.up);
    expect([safe, spool.intervals]).to.deep.equal([false, 0]);
    writer.failure = undefined;
    await late;
    expect(writer.got).to.deep.equal(once(some(0, 3)));
  });

  it('finishes writing when it ends and the writer answers', async () => {
    let answer: () => void = () => undefined;
    writer.hang = new Promise((resolve) => {
      answer = resolve;
    });
    const into = await open();
    const pushed = some(0, 25).map((interval) => push(into, interval));
    const closed = into.close(5000);
    answer();
    await closed;
    expect(pushed.every(({ safe }) => safe)).to.equal(true);
    expect(writer.got.size).to.equal(25);
    expect(await into.push(sampleInterval('a', 99)).catch(({ message }: Error) => message)).to.equal(
      'the scraper ends',
    );
  });

  it('counts the points that the sink refused, and keeps the last reasons', async () => {
    const into = await open();
    writer.write = async () => ({ points: 2, rejected: 1, reasons: ['field type conflict'] });
    await into.push(sampleInterval('a', 1));
    expect(into.counters.points).to.equal(2);
    expect(into.counters.rejected).to.equal(1);
    expect(into.counters.rejectedReasons).to.deep.equal(['field type conflict']);
    expect(log.logged.at(-1)).to.deep.include({ rejected: 1, reasons: ['field type conflict'] });
  });

  describe('on a disk that', () => {
    let mounted: string | undefined;
    before(function () {
      needs(this, 'root');
    });
    afterEach(async () => {
      await queue?.close(0);
      queue = undefined;
      if (mounted !== undefined) spawnSync('umount', [mounted]);
      mounted = undefined;
    });
    function mount(...args: string[]): void {
      const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
    }

    it('is full keeps intervals in memory, says so once, and is safe with them when there is room', async () => {
      mount('-t', 'tmpfs', '-o', 'size=256k', 'llama-test', dir);
      mounted = dir;
      writer.failure = new WriteLater('away');
      const into = await open({ spoolAfterMs: 10 });
      await into.push(sampleInterval('a', 0));
      const filler = join(dir, 'filler');
      await writeFile(filler, Buffer.alloc(300_000)).catch(() => undefined);
      const pushed = some(1, 400).map((interval) => push(into, interval));
      await waitFor('the disk refused', () => spool.report.errors >= 3);
      expect(pushed.some(({ safe }) => !safe)).to.equal(true);
      expect(into.queued.queued).to.be.greaterThan(0);
      expect(log.logged.filter(({ msg }) => msg.startsWith('the spool does not take intervals'))).to.have.length(1);
      await rm(filler);
      await Promise.all(pushed.map(({ done }) => done));
      expect(pushed.every(({ safe }) => safe)).to.equal(true);
      expect(into.queued.queued).to.equal(0);
      writer.failure = undefined;
      await waitFor('all are written', () => writer.got.size === 400);
      expect(spool.report.lostIntervals + spool.report.damagedRecords).to.equal(0);
    });

    it('became read-only is no obstacle while the writer answers, and nothing is lost while it does not', async () => {
      // Everything is for the spool at once, before the writer is asked.
      const into = await open({ spoolAfterMs: 10, queueMaxRows: 2 });
      mount('--bind', dir, dir);
      mounted = dir;
      mount('-o', 'remount,bind,ro', dir);
      await into.push(sampleInterval('a', 1));
      writer.failure = new WriteLater('away');
      const pushed = push(into, sampleInterval('a', 2));
      await waitFor('the disk refused', () => spool.report.errors >= 2);
      expect(pushed.safe).to.equal(false);
      writer.failure = undefined;
      await pushed.done;
      expect(writer.got).to.deep.equal(once(some(1, 3)));
    });
  });
});
