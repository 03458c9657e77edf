/** A process that delivers is killed at random, again and again: at the end, everything is there, and once. */

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Running } from '../../support/process.js';
import { seededRandom } from '../../support/random.js';
import { parseLine } from '../samples.js';

const DELIVERER = fileURLToPath(new URL('./deliverer.js', import.meta.url));
const COLLECTORS = 4;
const INTERVALS = 1200;
const ROWS = 4;
const KILLS = 15;

describe('a process that delivers to files', function () {
  this.timeout(120_000);
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-crash-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const start = (): Running =>
    new Running(
      spawn(
        process.execPath,
        [DELIVERER, join(dir, 'state'), join(dir, 'files'), `${COLLECTORS}`, `${INTERVALS}`, `${ROWS}`],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      ),
    );

  it('loses no point and writes none twice, killed at random moments', async () => {
    const random = seededRandom(Number(process.env.LLAMA_SEED ?? 17));
    let kills = 0;
    for (; kills < KILLS; kills++) {
      const running = start();
      const lines = random.below(200);
      // Killed after some intervals, and a random moment: in the midst of a write, a sync, a save of the cursors.
      await running.until(
        'it delivered something',
        () => running.stdout.split('\n').length > lines || running.stdout.endsWith('done\n'),
        20_000,
      );
      await sleep(random.next() * 10);
      running.kill('SIGKILL');
      await running.exited;
      if (running.stdout.endsWith('done\n')) break;
    }
    expect(kills, 'it was killed while it worked').to.be.greaterThan(5);
    const last = start();
    await last.until('it is done', () => last.stdout.endsWith('done\n'), 60_000);
    expect((await last.exited).code).to.equal(0);

    const files = (await readdir(join(dir, 'files'))).filter((name) => name.startsWith('llama-'));
    expect(files.length, 'files were closed').to.be.greaterThan(2);
    const texts = await Promise.all(files.map((name) => readFile(join(dir, 'files', name), 'utf8')));
    const lines = texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
    const points = new Set<string>();
    for (const line of lines) {
      const { tags, time } = parseLine(line);
      points.add(`${tags.collector} ${tags.dst_ip} ${time}`);
    }
    expect(points.size, 'none is missing').to.equal(COLLECTORS * INTERVALS * ROWS);
    expect(lines.length, 'none is there twice').to.equal(points.size);
  });
});
