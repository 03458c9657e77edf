import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FileConfig } from '../../../../src/config/scraper/writerConfig.js';
import type { Writer } from '../../../../src/scraper/results/types.js';
import { openFileWriter } from '../../../../src/scraper/writers/file.js';
import { BASE_MS, parseLine, readableLog, sampleInterval, unsentRow } from '../../../support/fakes/intervals.js';
import { seededRandom } from '../../../support/harness/random.js';

const never = new AbortController().signal;

describe('writer to files', () => {
  let dir: string;
  let writer: Writer | undefined;
  let nowMs: number;
  let log: ReturnType<typeof readableLog>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-file-'));
    nowMs = BASE_MS;
    log = readableLog();
  });
  afterEach(async () => {
    await writer?.close();
    writer = undefined;
    await rm(dir, { recursive: true });
  });

  async function open(changes: Partial<FileConfig> = {}): Promise<Writer> {
    await writer?.close();
    writer = await openFileWriter({ kind: 'file', dir, ...changes }, 'file test', log.logger, () => nowMs);
    return writer;
  }

  const files = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.startsWith('llama-')).sort();
  const textOf = (name: string): Promise<string> => readFile(join(dir, name), 'utf8');

  /** All lines of all files; every one must be whole. */
  async function lines(): Promise<string[]> {
    const texts = await Promise.all((await files()).map(textOf));
    const all = texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
    for (const line of all) parseLine(line);
    return all;
  }

  it('has acknowledged points in a file of lines with nanoseconds', async () => {
    await open();
    const interval = sampleInterval('a', 3, 2);
    expect(await writer?.write([interval], never)).to.deep.equal({ points: 2, rejected: 0, reasons: [] });
    expect(await files()).to.deep.equal(['llama-2026-11-21T100000.000Z.lp.open']);
    const text = await textOf('llama-2026-11-21T100000.000Z.lp.open');
    expect(text.endsWith(`${interval.endMs}000000\n`)).to.equal(true);
    expect(await lines()).to.have.length(2);
  });

  it('has no loss in the line of a row without sent probes', async () => {
    await open();
    await writer?.write([{ ...sampleInterval('a', 3, 0), rows: [unsentRow()] }], never);
    const [line = ''] = await lines();
    expect(parseLine(line).fields).to.include({ sent: 0, send_errors: 20 }).and.not.have.any.keys('loss', 'rtt');
  });

  it('begins a new file by size and by age, and takes .open off the name of the last', async () => {
    await open({ maxBytes: 2000, maxAgeMs: 60_000 });
    await writer?.write([sampleInterval('a', 1, 3)], never);
    nowMs += 1000;
    await writer?.write([sampleInterval('a', 2, 3)], never);
    expect(await files()).to.deep.equal(['llama-2026-11-21T100000.000Z.lp', 'llama-2026-11-21T100001.000Z.lp.open']);
    nowMs += 60_000;
    await writer?.write([sampleInterval('a', 3, 1)], never);
    expect(await files()).to.deep.equal([
      'llama-2026-11-21T100000.000Z.lp',
      'llama-2026-11-21T100001.000Z.lp',
      'llama-2026-11-21T100101.000Z.lp.open',
    ]);
    for (const name of await files()) expect((await textOf(name)).length).to.be.at.most(2000);
  });

  it('leaves the open file under its name at the end, with whole lines, and goes on with it after a start', async () => {
    await open();
    await writer?.write([sampleInterval('a', 1, 3)], never);
    await writer?.close();
    const name = 'llama-2026-11-21T100000.000Z.lp.open';
    expect(await files()).to.deep.equal([name]);
    const before = await textOf(name);
    expect(before.endsWith('\n')).to.equal(true);
    nowMs += 1000;
    await open();
    await writer?.write([sampleInterval('a', 2, 3)], never);
    expect(await files()).to.deep.equal([name]);
    expect((await textOf(name)).startsWith(before)).to.equal(true);
    expect(await lines()).to.have.length(6);
  });

  it('keeps as many closed files as it is told', async () => {
    await open({ maxBytes: 500, keep: 2 });
    for (let index = 1; index < 8; index++) {
      nowMs += 1000;
      await writer?.write([sampleInterval('a', index, 1)], never);
    }
    expect(await files()).to.have.length(3);
    expect((await lines()).map((line) => parseLine(line).fields.received)).to.deep.equal([5, 6, 7]);
  });

  it('names files in the order of writing when the clock is set back', async () => {
    await open({ maxBytes: 500 });
    for (let index = 1; index < 4; index++) {
      nowMs -= 5000;
      await writer?.write([sampleInterval('a', index, 1)], never);
    }
    expect((await lines()).map((line) => parseLine(line).fields.received)).to.deep.equal([1, 2, 3]);
  });

  it('does not write an interval again, neither at once, nor after a start, nor when some files were closed meanwhile', async () => {
    const interval = sampleInterval('host a,1', 1, 5);
    for (const layout of ['llama', 'llama-legacy'] as const) {
      await rm(dir, { recursive: true });
      await open({ layout });
      await writer?.write([interval, interval], never);
      const once = await lines();
      await writer?.write([interval], never);
      await open({ layout });
      await writer?.write([interval], never);
      await open({ layout, maxAgeMs: 1 });
      nowMs += 1000;
      for (let index = 1; index < 5; index++) {
        nowMs += 1000;
        await writer?.write([sampleInterval('b', index, 1)], never);
      }
      expect((await files()).length).to.be.at.least(5);
      await writer?.write([interval], never);
      await open({ layout });
      await writer?.write([interval], never);
      expect(
        (await lines()).filter((line) => line.includes('host\\ a')),
        layout,
      ).to.deep.equal(once);
    }
  });

  it('completes an interval that a crash left unfinished, at any cut of the file, and reports the cut', async () => {
    const random = seededRandom(3);
    const intervals = [1, 2, 3].map((index) => sampleInterval('a', index, 6));
    for (let round = 0; round < 60; round++) {
      await rm(dir, { recursive: true });
      await open();
      await writer?.write(intervals, never);
      const whole = (await lines()).sort();
      const [name = ''] = await files();
      const text = await textOf(name);
      await truncate(join(dir, name), random.below(text.length));
      // Another interval comes first, and the next start is after that one.
      await open();
      await writer?.write([sampleInterval('b', 1, 2)], never);
      await open();
      await writer?.write(intervals, never);
      expect((await lines()).filter((line) => line.includes('collector=a')).sort()).to.deep.equal(whole);
    }
    expect(log.logged.some(({ msg }) => msg.startsWith('cut the torn last line'))).to.equal(true);
  });

  it('starts in a directory with lines of other programs', async () => {
    await open();
    await writer?.write([sampleInterval('a', 1, 1)], never);
    await appendFile(join(dir, (await files())[0] ?? ''), '# a comment\n\n');
    await open();
    await writer?.write([sampleInterval('a', 1, 1), sampleInterval('a', 2, 1)], never);
    const text = await textOf((await files())[0] ?? '');
    expect(text.split('\n').filter((line) => line.startsWith('raw_stats'))).to.have.length(2);
  });

  it('refuses a directory that another writer has', async () => {
    await open();
    const error = await openFileWriter({ kind: 'file', dir }, 'second', log.logger).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'LLAMA_STATE_IN_USE');
  });

  it('goes on in a new directory, which it has for itself, when the old one was removed', async () => {
    await open();
    await writer?.write([sampleInterval('a', 1, 2)], never);
    await rm(dir, { recursive: true });
    expect((await writer?.write([sampleInterval('a', 2, 2)], never))?.points).to.equal(2);
    expect(await lines()).to.have.length(2);
    const error = await openFileWriter({ kind: 'file', dir }, 'second', log.logger).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'LLAMA_STATE_IN_USE');
    expect(log.logged.map(({ msg }) => msg)).to.include('the directory of the files was removed; it was made again');
  });

  it('writes the pending points when the path of its directory is free again', async () => {
    await open();
    await rm(dir, { recursive: true });
    await writeFile(dir, 'in the way');
    const error = await writer?.write([sampleInterval('a', 1, 2)], never).catch((error: unknown) => error);
    expect(error).to.have.property('name', 'WriteLater');
    expect(error)
      .to.have.property('message')
      .that.matches(/it is a file; name a directory/);
    await rm(dir);
    expect((await writer?.write([sampleInterval('a', 1, 2)], never))?.points).to.equal(2);
    expect(await lines()).to.have.length(2);
  });
});
