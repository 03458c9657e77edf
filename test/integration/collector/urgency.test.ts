import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Collector } from '../../../src/collector/collector.js';
import { Live } from '../../support/harness/live.js';
import { waitFor } from '../../support/harness/wait.js';

/**
 * Policy of each thread of this process: 0 ordinary, 2 real time, round robin. Field 41 of stat, counted behind the
 * name in brackets.
 */
function policies(): number[] {
  return readdirSync('/proc/self/task').map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
  });
}

describe('A collector with CAP_SYS_NICE', () => {
  const open: Collector[] = [];
  afterEach(async () => {
    for (const collector of open.splice(0)) await collector.close();
  });

  it('has its prober threads in real time, and no other thread', async function () {
    const capabilities = BigInt(`0x${/CapEff:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`);
    if ((capabilities & (1n << 23n)) === 0n) {
      if (process.env.CI === 'true') throw new Error('in CI nothing may be skipped: needs CAP_SYS_NICE');
      console.log('      skipped: needs CAP_SYS_NICE');
      this.skip();
    }
    const { collector } = await Live.start({ workers: 2, ports: 2 });
    open.push(collector);
    await waitFor('two real-time threads', () => policies().filter((policy) => policy === 2).length === 2);
    expect(policies().filter((policy) => policy !== 0)).to.deep.equal([2, 2]);
  });
});
