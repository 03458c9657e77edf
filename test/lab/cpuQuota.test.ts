/**
 * A collector inside a real CPU quota (cgroup version 1 or 2): it waits for its threads, says so, and names the
 * throttling.
 */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { freePort, HttpClient } from '../support/processes/http.js';
import { CLI, Running } from '../support/processes/process.js';

/** A twelfth of a core: the start takes many times what it does without. */
const PERIOD_US = 100_000;
const QUOTA_US = 8_000;
const START_MS = 170_000;

/** Where quotas can be set, and how; undefined where the kernel or the container does not let us. */
function quotaTree(): { readonly root: string; readonly set: (group: string, quotaUs: number) => void } | undefined {
  const v1 = '/sys/fs/cgroup/cpu';
  if (existsSync(join(v1, 'cpu.cfs_quota_us')) || existsSync(join(v1, 'cgroup.procs')))
    return {
      root: v1,
      set: (group, quotaUs) => {
        writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
        writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
      },
    };
  const v2 = '/sys/fs/cgroup';
  const controllers = join(v2, 'cgroup.subtree_control');
  if (!existsSync(controllers) || !readFileSync(controllers, 'utf8').includes('cpu')) return undefined;
  return { root: v2, set: (group, quotaUs) => writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${PERIOD_US}`) };
}

describe('a collector within a CPU quota', function () {
  this.timeout(240_000);
  let folder: string;
  let outer: string | undefined;
  let inner: string;
  let running: Running | undefined;
  let http: HttpClient | undefined;

  before(function () {
    needs(this, 'root');
    folder = mkdtempSync(join(tmpdir(), 'llama-quota-'));
    const tree = quotaTree();
    try {
      if (tree === undefined) throw new Error('no controller for cpu here');
      outer = join(tree.root, `llama-test-${process.pid}`);
      inner = join(outer, 'inner');
      mkdirSync(inner, { recursive: true });
      // The quota is at a level above that of the process.
      tree.set(outer, QUOTA_US);
      if (tree.root === '/sys/fs/cgroup') writeFileSync(join(outer, 'cgroup.subtree_control'), '+cpu');
    } catch (error) {
      if (process.env.CI === 'true') throw error;
      console.log(`      skipped: no CPU quota can be set here (${String(error)})`);
      this.skip();
    }
  });
  after(async () => {
    await http?.close();
    running?.kill('SIGKILL');
    await running?.exited;
    if (outer !== undefined && existsSync(outer)) {
      rmdirSync(inner);
      rmdirSync(outer);
    }
    rmSync(folder, { recursive: true });
  });

  it('has one thread, waits for it and names the reason, and warns of the throttling', async () => {
    const join1 = `echo $$ > ${join(inner, 'cgroup.procs')} && exec "$@"`;
    const quota = execFileSync('sh', [
      '-c',
      join1,
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      `import { cpuQuota, usableCores } from ${JSON.stringify(new URL('../../src/net/cpuQuota.js', import.meta.url).href)}; console.log(cpuQuota(), usableCores(Infinity, 16), usableCores(cpuQuota(), 16))`,
    ]);
    expect(String(quota).trim()).to.equal(`${QUOTA_US / PERIOD_US} 16 1`);
    const api = `127.0.0.1:${await freePort()}`;
    const file = join(folder, 'c.yaml');
    const groups = { a: { period: '100ms', targets: ['127.0.0.1'] } };
    writeFileSync(
      file,
      JSON.stringify({ collector: { interval: '1s' }, api: { listen: api }, source: { ports: 2 }, groups }),
    );
    running = new Running(
      spawn('sh', ['-c', join1, 'sh', process.execPath, CLI, 'collector', '--config', file], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    await running.until('it measures', () => running?.stderr.includes('"measuring"'), START_MS);
    expect(running.stderr).to.match(
      /still starting: waiting for \d of \d (prober|aggregator) threads; this host is busy, or the CPU quota of this process is small/,
    );
    http = new HttpClient(spawn);
    const { workers, warnings } = await http.json<{ workers: unknown[]; warnings: string[] }>(
      'GET',
      `http://${api}/v1/status`,
    );
    expect(workers).to.have.length(1);
    expect(warnings.join('\n')).to.match(
      /the CPU quota of 0\.08 cores of this process's control group held its processes up \d+ times/,
    );
  });
});
