/**
 * Real collectors killed with SIGKILL whose next process has its clock set back, and readers that come when it has
 * passed their cursors.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseScraperConfig } from '../../../../src/config/scraper/config.js';
import type { CollectorState } from '../../../../src/contract/scraperStatus.js';
import type { Reflector } from '../../../../src/reflector/reflector.js';
import { Cursors } from '../../../../src/scraper/delivery/cursors.js';
import type { CollectedInterval } from '../../../../src/scraper/results/types.js';
import { Scraper } from '../../../../src/scraper/scraper.js';
import { silent, startReflector } from '../../../support/harness/live.js';
import { SseClient } from '../../../support/harness/sse.js';
import { waitFor } from '../../../support/harness/wait.js';

const SCRIPT = fileURLToPath(new URL('./steppedCollector.js', import.meta.url));
const START_MS = 1_763_700_000_000;
/** By so much the clock of the next process is behind; threads on a busy host take seconds to start. */
const BACK_MS = 8_000;

interface Answer {
  readonly next: number;
  readonly gap: boolean;
  readonly intervals: readonly {
    readonly cursor: number;
    readonly follows: number;
    readonly incarnation: number;
    readonly clockEpoch: number;
    readonly endMs: number;
  }[];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('readers of a collector that is killed', function () {
  this.timeout(90_000);
  let reflector: Reflector;
  let targetPort: number;
  let port: number;
  let folder: string;
  let child: ChildProcess | undefined;

  before(async () => {
    ({ reflector, port: targetPort } = await startReflector());
  });
  after(() => reflector.close());
  beforeEach(async () => {
    port = await freePort();
    folder = mkdtempSync(join(tmpdir(), 'llama-killed-'));
  });
  afterEach(async () => {
    await end('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  async function start(startMs: number, stateDir: readonly string[]): Promise<void> {
    const args = [SCRIPT, port, startMs, targetPort, ...stateDir].map(String);
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout?.on('data', (text) => {
      said += text;
    });
    await waitFor('the collector', () => said.includes('ready'), 30_000);
  }
  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    ending.kill(signal);
    await once(ending, 'exit');
  }
  const get = async (after: number): Promise<Answer> =>
    (await (await fetch(`http://127.0.0.1:${port}/v1/results?after=${after}`)).json()) as Answer;
  const endsOf = async (): Promise<number[]> => (await get(0)).intervals.map(({ endMs }) => endMs);

  /** All that it hands over until `done`, and its state then; its cursors are on the disk. */
  async function scrape(done: (got: readonly CollectedInterval[]) => Promise<boolean>) {
    const cursors = await Cursors.open(join(folder, 'cursors.json'), silent);
    const got: CollectedInterval[] = [];
    let overwritten = 0;
    const { config } = parseScraperConfig(`writers: []\ncollectors: [http://127.0.0.1:${port}]`, 's.yaml', {});
    const delivery = {
      deliver: async (interval: CollectedInterval): Promise<void> => {
        got.push(interval);
        if (cursors.ends.note(interval)) overwritten += 1;
      },
    };
    const sinks = {
      ...{ delivery, positions: cursors, status: () => [], close: async () => {} },
      save: () => cursors.flush(),
    };
    const scraper = new Scraper(config, { logger: silent, sinks });
    scraper.start();
    await waitFor('the scraper', () => done(got), 30_000);
    const [state] = scraper.status().collectors;
    await scraper.close();
    await cursors.flush();
    return { got, overwritten, state: state as CollectorState };
  }

  for (const [name, isKept] of [
    ['without a state directory', false],
    ['with one', true],
  ] as const)
    it(`are told of a gap and get all, ${name}, however late they come`, async () => {
      const stateDir = isKept ? [join(folder, 'state')] : [];
      await start(START_MS, stateDir);
      const first = await scrape(async (got) => got.length >= 4);
      const { next, intervals: before } = await get(0);
      await end('SIGKILL');

      const lastMs = before[before.length - 1].endMs;
      await start(lastMs - BACK_MS, stateDir);
      // A cursor that looked like a time would be passed by now.
      await waitFor('its clock to pass', async () => (await endsOf()).some((endMs) => endMs > lastMs + 1_000), 30_000);
      const { gap, intervals } = await get(next);
      expect(gap).to.equal(true);
      expect(intervals[0]).to.include({ follows: 0, clockEpoch: 0 });
      expect(intervals[0].incarnation).not.to.equal(before[0].incarnation);
      expect(intervals[0].endMs).to.be.lessThan(lastMs);
      expect(await get(intervals[0].cursor)).to.include({ gap: false });
      const stream = await SseClient.open(`http://127.0.0.1:${port}/v1/stream?results=0`, {
        headers: { 'last-event-id': String(next) },
      });
      await waitFor('events', () => stream.ids.length >= 3);
      stream.close();
      expect(stream.events[0].event).to.equal('gap');
      expect(stream.ids[0]).to.equal(intervals[0].cursor);

      const second = await scrape(async (got) => got.length >= intervals.length);
      expect(second.got.slice(0, intervals.length).map(({ endMs }) => endMs)).to.deep.equal(
        intervals.map(({ endMs }) => endMs),
      );
      expect(second.state).to.include({ resets: 1, state: 'up' });
      const names = [...first.got, ...second.got].map(({ clockEpoch, endMs }) => `${clockEpoch} ${endMs}`);
      expect(new Set(names).size).to.equal(names.length);
      // Each is written under its own time, and each point that was overwritten is counted.
      const ends = new Set(first.got.map(({ endMs }) => endMs));
      const same = second.got.filter(({ endMs }) => ends.has(endMs)).length;
      expect(same).to.be.greaterThan(0);
      expect([first.overwritten, second.overwritten]).to.deep.equal([0, same]);
    });

  it('notice nothing but a gap of time when it ends cleanly and goes on with its state, whatever its clock says', async () => {
    const stateDir = [join(folder, 'state')];
    await start(START_MS, stateDir);
    const first = await scrape(async (got) => got.length >= 4);
    const { next } = await get(0);
    await end('SIGTERM');
    await start(START_MS - 3_600_000, stateDir);
    await waitFor('an interval', async () => (await get(next)).intervals.length >= 4, 30_000);
    const { gap, intervals } = await get(next);
    expect(gap).to.equal(false);
    expect(intervals[0].cursor).to.equal(next + 1);
    const second = await scrape(async (got) => got.length >= intervals.length);
    expect(second.state).to.include({ resets: 0 });
    const cursors = [...first.got, ...second.got].map(({ cursor = 0 }) => cursor);
    expect(cursors).to.deep.equal(cursors.map((_, i) => cursors[0] + i));
  });
});
