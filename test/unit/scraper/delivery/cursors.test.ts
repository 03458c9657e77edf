import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { seal } from '../../../../src/base/files/sealedFile.js';
import { Cursors } from '../../../../src/scraper/delivery/cursors.js';
import { readableLog } from '../../../support/fakes/intervals.js';
import { waitFor } from '../../../support/harness/wait.js';

const A = 'http://10.0.0.1:5000';
const B = 'http://10.0.0.2:5000';

describe('cursors of collectors', () => {
  let dir: string;
  let path: string;
  let log: ReturnType<typeof readableLog>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-cursors-'));
    path = join(dir, 'cursors.json');
    log = readableLog();
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('are there after a start, each of its own collector', async () => {
    const cursors = await Cursors.open(path, log.logger);
    expect(cursors.get(A)).to.equal(undefined);
    cursors.advance(A, 2000);
    cursors.advance(B, 500);
    await cursors.flush();
    const again = await Cursors.open(path, log.logger);
    expect([again.get(A), again.get(B)]).to.deep.equal([2000, 500]);
    expect(await readdir(dir)).to.deep.equal(['cursors.json']);
  });

  it('never go back', async () => {
    const cursors = await Cursors.open(path, log.logger);
    cursors.advance(A, 2000);
    cursors.advance(A, 1000);
    cursors.advance(A, Number.NaN);
    expect(cursors.get(A)).to.equal(2000);
    cursors.forget(A);
    cursors.advance(A, 1000);
    expect(cursors.get(A)).to.equal(1000);
  });

  it('are saved a moment later without being told to, all changes of that moment at once', async () => {
    const cursors = await Cursors.open(path, log.logger, 20);
    for (let endMs = 1; endMs <= 100; endMs++) cursors.advance(A, endMs);
    await waitFor('the file is there', async () => (await readFile(path, 'utf8')).includes('100'));
  });

  it('are set aside when their file is damaged, and that is said', async () => {
    const nothing = '{"cursors":{},"epochs":{},"ends":{}}';
    for (const text of [
      '',
      '{',
      '[]',
      seal('llama-cursors', nothing).replace('{}', '{"a":1}'),
      seal('llama-cursors', nothing).replace('"version":1', '"version":2'),
      ...[
        '[]',
        '{',
        '{"a":1}',
        nothing.replace('{}', '{"a":"b"}'),
        nothing.replace('"ends":{}', '"ends":{"a":[[0,[{"first":1}]]]}'),
        nothing.replace('"epochs":{}', '"epochs":{"a":{"newest":1,"beginnings":0,"epochs":{"0 0":-1},"last":null}}'),
      ].map((body) => seal('llama-cursors', body)),
    ]) {
      await writeFile(path, text);
      const cursors = await Cursors.open(path, log.logger);
      expect(cursors.get(A)).to.equal(undefined);
      expect(log.logged.at(-1)?.msg).to.match(/a damaged file of cursors was set aside/);
      cursors.advance(A, 5);
      await cursors.flush();
      expect((await Cursors.open(path, log.logger)).get(A)).to.equal(5);
    }
  });

  it('say that they cannot be saved, once, and are saved when the disk takes them again', async () => {
    const cursors = await Cursors.open(path, log.logger, 10);
    await rm(dir, { recursive: true });
    await writeFile(dir, 'in the way');
    cursors.advance(A, 7);
    await waitFor('two saves failed', () => cursors.errors >= 2);
    expect(log.logged.filter(({ msg }) => msg.startsWith('the cursors cannot be saved'))).to.have.length(1);
    await rm(dir);
    await waitFor('they are saved', () => log.logged.some(({ msg }) => msg === 'the cursors are saved again'));
    expect((await Cursors.open(path, log.logger)).get(A)).to.equal(7);
  });
});
