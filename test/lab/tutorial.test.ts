/** The commands of the tutorial "Find a faulty link", as they stand in the page, in namespaces of other names. */

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { codeBlocks, page } from '../support/harness/documents.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { CLI, Running } from '../support/processes/process.js';
import { run } from './namespaces.js';

const PAGE = page('docs/tutorial/find-a-faulty-link.md');
/** Shorter than on the page, so that the test is. */
const INTERVAL = '5s';
const WAIT_MS = 30_000;

interface Path {
  readonly sourcePort: number;
  readonly sent: number;
  readonly lost: number;
  readonly lostForward: number;
  readonly lostReverse: number;
}

describe('tutorial "Find a faulty link"', function () {
  this.timeout(120_000);
  const prefix = `llama-${process.pid}-`;
  const own = (text: string): string => text.replaceAll(/\b(?=(host|leaf|spine)-[ab12$])/g, prefix);
  const [network, start, fault, ask, cleanUp] = codeBlocks(PAGE, 'bash').map(own);
  const [config] = codeBlocks(PAGE, 'yaml');
  const folder = mkdtempSync(join(tmpdir(), 'llama-tutorial-'));
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, LLAMA_COLLECTOR_INTERVAL: INTERVAL };
  const running: Running[] = [];

  const bash = (script: string): Promise<string> => run('bash', ['-euc', script]);
  const paths = async (): Promise<{ readonly start: string; readonly paths: readonly Path[] }> =>
    JSON.parse(await bash(ask));

  before(async function () {
    needs(this, 'root', 'ip', 'nft', 'curl');
    writeFileSync(join(folder, 'llama'), `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`);
    chmodSync(join(folder, 'llama'), 0o755);
    writeFileSync(join(folder, 'fault.yaml'), config);
    await bash(network);
    for (const line of start.trim().split('\n')) {
      const command = line.replace(/ &$/, '');
      running.push(new Running(spawn('bash', ['-c', `exec ${command}`], { cwd: folder, env })));
    }
    await waitFor(
      'every probe is answered',
      async () => (await paths()).paths.every(({ lost }) => lost === 0),
      WAIT_MS,
    );
  });

  after(async () => {
    await Promise.all(running.map((one) => one.stop()));
    // Removes also the part of a network that was not finished.
    spawnSync('bash', ['-c', cleanUp], { stdio: 'ignore' });
    rmSync(folder, { recursive: true });
  });

  it('shows source ports with loss and ports without, and all loss forward', async () => {
    await bash(fault);
    const brokenAt = new Date().toISOString();
    const answer = await waitFor(
      'an interval that began with the fault in place',
      async () => {
        const now = await paths();
        return now.start > brokenAt && now;
      },
      WAIT_MS,
      500,
    );
    expect(answer.paths).to.have.length(16);
    const sum = (name: 'sent' | 'lost' | 'lostForward' | 'lostReverse', some = answer.paths): number =>
      some.reduce((total, one) => total + one[name], 0);
    const lossy = answer.paths.filter(({ lost }) => lost > 0);
    // 16 random ports that all hash onto one spine: once in 32,768 runs.
    expect(lossy.length).to.be.within(1, 15);
    // A fifth of at least 50 probes; the bound is more than four standard deviations away.
    expect(sum('lost', lossy) / sum('sent', lossy)).to.be.below(0.45);
    expect(sum('lostReverse')).to.equal(0);
    expect(sum('lostForward')).to.be.above(0);
  });

  it('is cleaned up by its last command', async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
    await bash(cleanUp);
    expect(await run('ip', ['netns', 'list'])).not.to.include(prefix);
  });
});
