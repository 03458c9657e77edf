import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CollectedInterval } from '../../../../src/scraper/results/types.js';
import { Spool } from '../../../../src/scraper/spool/spool.js';
import { decodeRecord, encodeRecord } from '../../../../src/scraper/spool/spoolRecord.js';
import type { SpoolEntry } from '../../../../src/scraper/spool/spoolRun.js';
import { readableLog, sampleInterval, sampleRow } from '../../../support/fakes/intervals.js';
import { seededRandom } from '../../../support/harness/random.js';

const MIB = 1024 * 1024;

/** As the spool gives it back. */
function kept(interval: CollectedInterval): CollectedInterval {
  return { ...interval, rows: [...interval.rows].map(({ hdr: _hdr, ...row }) => row) };
}
const keyOf = ({ collector, endMs }: CollectedInterval): string => `${collector} ${endMs}`;

describe('spool', () => {
  let dir: string;
  let spool: Spool | undefined;
  let log: ReturnType<typeof readableLog>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-spool-'));
    log = readableLog();
  });
  afterEach(async () => {
    await spool?.close();
    spool = undefined;
    await rm(dir, { recursive: true });
  });

  async function open(maxBytes = MIB): Promise<Spool> {
    await spool?.close();
    spool = await Spool.open(dir, maxBytes, log.logger);
    return spool;
  }

  async function append(into: Spool, interval: CollectedInterval): Promise<SpoolEntry | 'lost'> {
    const entry = await into.append(interval);
    if (entry !== 'lost') into.release([entry]);
    return entry;
  }

  async function drain(from: Spool, maxRows = 10): Promise<CollectedInterval[]> {
    const intervals: CollectedInterval[] = [];
    for (;;) {
      const taken = await from.take(maxRows);
      if (taken.length === 0) return intervals;
      intervals.push(...taken.map(({ interval }) => interval));
      await from.settle(taken.map(({ entry }) => entry));
    }
  }

  const segments = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.endsWith('.spool'));

  it('gives intervals back as they were, without histograms, oldest first, and removes its files', async () => {
    const intervals = Array.from({ length: 30 }, (_, index) => sampleInterval(`host é ${index % 3}`, index, index * 3));
    await open();
    for (const interval of intervals) await append(await Promise.resolve(spool as Spool), interval);
    expect(spool?.intervals).to.equal(30);
    expect(spool?.bytes).to.be.greaterThan(0);
    expect(await drain(spool as Spool)).to.deep.equal(intervals.map(kept));
    expect(spool?.intervals).to.equal(0);
    expect(spool?.bytes).to.equal(0);
    expect(await segments()).to.deep.equal([]);
  });

  it('has its intervals after a restart, including those that were read and not settled', async () => {
    const intervals = Array.from({ length: 20 }, (_, index) => sampleInterval('a', index));
    await open();
    await Promise.all(intervals.map((interval) => append(spool as Spool, interval)));
    await spool?.take(10);
    await open();
    expect(spool?.intervals).to.equal(20);
    const again = await drain(spool as Spool);
    expect(new Set(again.map(keyOf))).to.deep.equal(new Set(intervals.map(keyOf)));
  });

  it('does not begin at the front after a restart, unless its checkpoint cannot be trusted', async () => {
    const intervals = Array.from({ length: 20 }, (_, index) => sampleInterval('a', index));
    await open();
    await Promise.all(intervals.map((interval) => append(spool as Spool, interval)));
    const taken = (await spool?.take(30)) ?? [];
    await spool?.settle(taken.map(({ entry }) => entry));
    await open();
    expect(spool?.intervals).to.equal(20 - taken.length);
    const [segment = ''] = await segments();
    for (const text of ['', '5 1\n', '99999999 3697085440\n']) {
      await writeFile(join(dir, `${segment}.settled`), text);
      await open();
      expect(spool?.intervals, text).to.equal(20);
    }
    expect(await drain(spool as Spool)).to.have.length(20);
    expect((await readdir(dir)).filter((name) => name !== 'lock')).to.deep.equal([]);
  });

  it('does not return an interval that is being written until it is released', async () => {
    await open();
    const held = await (spool as Spool).append(sampleInterval('a', 1));
    await append(spool as Spool, sampleInterval('a', 2));
    expect((await drain(spool as Spool)).map(keyOf)).to.deep.equal([keyOf(sampleInterval('a', 2))]);
    if (held !== 'lost') spool?.release([held]);
    expect((await drain(spool as Spool)).map(keyOf)).to.deep.equal([keyOf(sampleInterval('a', 1))]);
    expect(await segments()).to.deep.equal([]);
  });

  it('takes at least one interval, and not many more rows than it is asked for', async () => {
    await open();
    for (let index = 0; index < 6; index++) await append(spool as Spool, sampleInterval('a', index, 40));
    expect(await spool?.take(10)).to.have.length(1);
    expect(await spool?.take(100)).to.have.length(2);
  });

  it('stays within its bound: the oldest intervals go, whole, each named in the log and counted', async () => {
    const bound = 40_000;
    await open(bound);
    const intervals = Array.from({ length: 400 }, (_, index) => sampleInterval('a', index, 5));
    for (const interval of intervals) {
      await append(spool as Spool, interval);
      expect(spool?.bytes).to.be.at.most(bound);
    }
    const left = await drain(spool as Spool, 50);
    expect(left.length).to.be.within(20, 399);
    expect(left).to.deep.equal(intervals.slice(-left.length).map(kept));
    const lost = intervals.slice(0, -left.length);
    expect(spool?.report.lostIntervals).to.equal(lost.length);
    const named = log.logged.flatMap(({ intervals: names }) => (names as string[] | undefined) ?? []);
    expect(named).to.deep.equal(
      lost.map(({ startMs, endMs }) => `a ${new Date(startMs).toISOString()}–${new Date(endMs).toISOString()}`),
    );
  });

  it('names an interval as lost that had to make room while it was being written in vain, and not one that was written', async () => {
    await open(4000);
    await append(spool as Spool, sampleInterval('a', 0));
    await append(spool as Spool, sampleInterval('a', 1));
    const taken = (await spool?.take(1000)) ?? [];
    expect(taken).to.have.length.of.at.least(1);
    while ((spool as Spool).intervals < 2 || taken.some(({ entry }) => !entry.segment.dropped))
      await append(spool as Spool, sampleInterval('b', 1));
    const before = (spool as Spool).report.lostIntervals;
    const [first, ...others] = taken.map(({ entry }) => entry);
    if (first !== undefined) await spool?.settle([first]);
    spool?.release(others);
    expect((spool as Spool).report.lostIntervals - before).to.equal(others.length);
  });

  it('gives up an interval that is larger than the whole spool, by name', async () => {
    await open(1000);
    expect(await append(spool as Spool, sampleInterval('a', 1, 500))).to.equal('lost');
    expect(spool?.report.lostIntervals).to.equal(1);
  });

  it('is one process at a time', async () => {
    await open();
    expect(await Spool.open(dir, MIB, log.logger).catch((error: unknown) => error)).to.have.property(
      'code',
      'LLAMA_STATE_IN_USE',
    );
  });

  it('keeps large intervals, and lets others have their turn meanwhile', async () => {
    const large = sampleInterval('a', 1, 20_000);
    await open(100 * MIB);
    await append(spool as Spool, large);
    expect(await drain(spool as Spool)).to.deep.equal([kept(large)]);
  });

  it('never returns a wrong interval and never fails after any cut, flip or overwrite in its files; it reports the damage', async function () {
    this.timeout(60_000);
    const random = seededRandom(5);
    const source = join(dir, 'source');
    const intervals = Array.from({ length: 40 }, (_, index) =>
      sampleInterval(`c${index % 4}`, index, 1 + random.below(6)),
    );
    const known = new Map(intervals.map((interval) => [keyOf(interval), kept(interval)]));
    const writing = await Spool.open(source, 64 * 1024, log.logger);
    for (const interval of intervals) await append(writing, interval);
    await writing.close();
    const names = (await readdir(source)).filter((name) => name.endsWith('.spool'));
    expect(names.length).to.be.greaterThan(2);

    for (let round = 0; round < 100; round++) {
      const at = join(dir, `round-${round}`);
      await mkdir(at);
      for (const name of names) await copyFile(join(source, name), join(at, name));
      const damagedName = names[random.below(names.length)] ?? '';
      const bytes = await readFile(join(at, damagedName));
      const damaged = damage(bytes, random);
      await writeFile(join(at, damagedName), damaged);
      const { logger, logged } = readableLog();
      const read = await Spool.open(at, 64 * 1024, logger);
      // A part of the damage comes while the spool is open.
      if (round % 3 === 0) await writeFile(join(at, damagedName), damage(damaged, random)).catch(() => undefined);
      const got = await drain(read, 7);
      for (const interval of got) expect(interval).to.deep.equal(known.get(keyOf(interval)));
      expect(new Set(got.map(keyOf)).size).to.equal(got.length);
      expect(got.length).to.be.at.least(intervals.length - 20);
      if (got.length < intervals.length && !damaged.equals(bytes))
        expect(logged.length, `round ${round}`).to.be.greaterThan(0);
      await read.close();
      await rm(at, { recursive: true });
    }
  });

  it('loses one damaged record only, and reads the records around it', async () => {
    await open();
    for (let index = 0; index < 10; index++) await append(spool as Spool, sampleInterval('a', index));
    const [name = ''] = await segments();
    const bytes = await readFile(join(dir, name));
    bytes[Math.floor(bytes.length / 2)] ^= 0x10;
    await writeFile(join(dir, name), bytes);
    await open();
    expect(spool?.intervals).to.equal(9);
    expect(await drain(spool as Spool)).to.have.length(9);
    expect(spool?.report.damagedRecords).to.equal(1);
  });

  it('cuts the record that a crash left unfinished', async () => {
    await open();
    for (let index = 0; index < 3; index++) await append(spool as Spool, sampleInterval('a', index));
    const [name = ''] = await segments();
    const bytes = await readFile(join(dir, name));
    await writeFile(join(dir, name), bytes.subarray(0, -5));
    await open();
    expect(await drain(spool as Spool)).to.have.length(2);
    expect(spool?.report.damagedRecords).to.equal(0);
    expect(log.logged.map(({ msg }) => msg)).to.include(
      'cut an unfinished interval from the spool; it had not been reported safe',
    );
  });

  it('survives that a file of it is removed under its feet', async () => {
    await open();
    await append(spool as Spool, sampleInterval('a', 1));
    for (const name of await segments()) await rm(join(dir, name));
    const error = await append(spool as Spool, sampleInterval('a', 3)).catch((error: unknown) => error);
    expect(error)
      .to.have.property('message')
      .that.matches(/was removed while it was being written/);
    expect(await drain(spool as Spool)).to.deep.equal([]);
    expect(spool?.report.damagedRecords).to.equal(1);
    await append(spool as Spool, sampleInterval('a', 2));
    expect(await drain(spool as Spool)).to.have.length(1);
  });

  it('continues in a new directory with a lock of its own when the old one was removed; it counts the lost intervals', async () => {
    await open();
    await append(spool as Spool, sampleInterval('a', 1));
    await rm(dir, { recursive: true });
    await append(spool as Spool, sampleInterval('a', 2));
    expect((await drain(spool as Spool)).map(keyOf)).to.deep.equal([keyOf(sampleInterval('a', 2))]);
    expect(spool?.report.damagedRecords).to.equal(1);
    const error = await Spool.open(dir, MIB, log.logger).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'LLAMA_STATE_IN_USE');
    expect(log.logged.map(({ msg }) => msg)).to.include('the directory of the spool was removed; it was made again');
  });

  it('has records that are whole, bytes for bytes, for any interval', async () => {
    for (const interval of [
      sampleInterval('', 0, 0),
      { ...sampleInterval('x'.repeat(300), 1, 1), intervalMs: 0.5, startMs: -1 },
      { ...sampleInterval('é', 1, 0), rows: [sampleRow({ tags: { a: '\n"\\', b: '日' } })] },
    ]) {
      expect(await decodeRecord(await encodeRecord(interval))).to.deep.equal(kept(interval));
    }
  });
});

function damage(bytes: Buffer, random: ReturnType<typeof seededRandom>): Buffer {
  const damaged = Buffer.from(bytes);
  if (damaged.length === 0) return damaged;
  const kind = random.below(4);
  if (kind === 0) return damaged.subarray(0, random.below(damaged.length));
  if (kind === 1) {
    for (let i = 0; i <= random.below(4); i++) damaged[random.below(damaged.length)] ^= 1 << random.below(8);
    return damaged;
  }
  const from = random.below(damaged.length);
  const to = Math.min(damaged.length, from + 1 + random.below(200));
  if (kind === 2) {
    random.fill(damaged.subarray(from, to));
    return damaged;
  }
  return Buffer.concat([damaged.subarray(0, from), damaged.subarray(to)]);
}
