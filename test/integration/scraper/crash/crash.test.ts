/**
 * A process that delivers is killed at random, again and again, while the database refuses most: at the end, everything
 * is there, and once in files.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { parseLine } from '../../../support/fakes/intervals.js';
import { seededRandom } from '../../../support/harness/random.js';
import { Running } from '../../../support/processes/process.js';

const DELIVERER = fileURLToPath(new URL('./deliverer.js', import.meta.url));
const COLLECTORS = 4;
const INTERVALS = 400;
const ROWS = 4;
const KILLS = 10;

describe('a process that delivers', function () {
  this.timeout(120_000);
  let dir: string;
  let server: Server;
  let url: string;
  /** Points that the database acknowledged; one that it gets again is the same. */
  const database = new Set<string>();
  /** Share of requests that it does not take. */
  let refusing = 0.7;
  const random = seededRandom(Number(process.env.LLAMA_SEED ?? 17));
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-crash-'));
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      } catch {
        // It was killed while it sent.
        return;
      }
      const body = Buffer.concat(chunks);
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
      if (random.next() < refusing) response.writeHead(503).end();
      else {
        for (const line of text.split('\n')) database.add(pointOf(line));
        response.writeHead(204).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true });
  });

  const start = (): Running =>
    new Running(
      spawn(
        process.execPath,
        [DELIVERER, join(dir, 'state'), join(dir, 'files'), url, `${COLLECTORS}`, `${INTERVALS}`, `${ROWS}`],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      ),
    );

  it('loses no point, and writes none to files twice, killed at random moments', async () => {
    let kills = 0;
    for (; kills < KILLS; kills++) {
      const running = start();
      const lines = random.below(100);
      // Killed after some intervals, and a random moment: in the midst of a write, a sync, a save of the cursors.
      await running.until(
        'it delivered something',
        () => running.stdout.split('\n').length > lines || running.stdout.endsWith('done\n'),
        20_000,
      );
      await sleep(random.next() ** 2 * 150);
      running.kill('SIGKILL');
      await running.exited;
      if (running.stdout.endsWith('done\n')) break;
    }
    expect(kills, 'it was killed while it worked').to.be.greaterThan(4);
    refusing = 0;
    const last = start();
    await last.until('it is done', () => last.stdout.endsWith('done\n'), 60_000);
    expect((await last.exited).code).to.equal(0);

    const files = (await readdir(join(dir, 'files'))).filter((name) => name.startsWith('llama-'));
    expect(files.length, 'files were closed').to.be.greaterThan(2);
    const texts = await Promise.all(files.map((name) => readFile(join(dir, 'files', name), 'utf8')));
    const lines = texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
    const points = new Set(lines.map(pointOf));
    expect(points.size, 'none is missing in the files').to.equal(COLLECTORS * INTERVALS * ROWS);
    expect(lines.length, 'none is in the files twice').to.equal(points.size);
    expect(database.size, 'none is missing in the database').to.equal(COLLECTORS * INTERVALS * ROWS);
  });
});

function pointOf(line: string): string {
  const { tags, time } = parseLine(line);
  // Nanoseconds in files, milliseconds in requests.
  return `${tags.collector} ${tags.dst_ip} ${time.slice(0, 13)}`;
}
