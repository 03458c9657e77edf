/**
 * A real step of the machine's clock, forwards and backwards, under a real collector. It changes the clock of the whole
 * host for some seconds, so it runs only where nothing else does: with LLAMA_SOAK_CLOCK=1.
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Reflector } from '../../src/reflector/reflector.js';
import { Live, startReflector } from '../support/harness/live.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';

const INTERVAL_MS = 500;
const HOLD_S = 4;
const SCRIPT = fileURLToPath(new URL('../../../test/lab/stepClock.py', import.meta.url));

describe('a collector on a host whose clock is stepped, for real', function () {
  this.timeout(60_000);
  let reflector: Reflector;
  let live: Live;
  /** What the wall clock should say, by CLOCK_MONOTONIC. */
  const baseMs = Date.now() - performance.now();
  const offMs = (): number => Date.now() - (baseMs + performance.now());

  before(async function () {
    needs(this, 'root', 'python3');
    if (process.env.LLAMA_SOAK_CLOCK !== '1') {
      console.log('      skipped: it steps the clock of this host; set LLAMA_SOAK_CLOCK=1 where nothing else runs');
      this.skip();
    }
    const started = await startReflector();
    reflector = started.reflector;
    live = await Live.start({ intervalMs: INTERVAL_MS });
    await live.put('west', { port: started.port, period: '20ms', timeout: '400ms', targets: ['127.0.0.1'] });
    await live.moreIntervals(2);
  });
  after(async () => {
    await live?.collector.close();
    await reflector?.close();
  });

  for (const stepS of [7_200, -600, 1, -1])
    it(`follows a step of ${stepS} s and back, and loses, repeats and misdates nothing`, async () => {
      const before = live.collector.status().totals;
      const from = live.intervals.length;
      const stepper = spawn('python3', [SCRIPT, String(stepS), String(HOLD_S)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      stepper.stdout.on('data', (text) => {
        said += text;
      });
      const ended = new Promise<number | null>((resolve) => stepper.on('close', resolve));
      const follows = async (): Promise<number> => {
        const first = live.intervals.length;
        await live.moreIntervals(3);
        return live.intervals
          .slice(first)
          .findIndex(({ report }) => Math.abs(report.endMs - Date.now()) < 3 * INTERVAL_MS);
      };
      await waitFor('the step', () => said.includes('stepped'));
      expect(Math.abs(offMs() - stepS * 1000)).to.be.lessThan(500);
      expect(await follows()).to.be.within(0, 2);
      expect(await ended).to.equal(0);
      expect(Math.abs(offMs())).to.be.lessThan(200);
      expect(await follows()).to.be.within(0, 2);
      await live.moreIntervals(2);
      const names = live.intervals.slice(from).map(({ clockEpoch, report }) => `${clockEpoch} ${report.endMs}`);
      expect(new Set(names).size).to.equal(names.length);
      const { lost, late, clockSteps } = live.collector.status().totals;
      expect({ lost, late }).to.deep.equal({ lost: before.lost, late: before.late });
      expect(clockSteps - before.clockSteps).to.equal(2);
    });
});
