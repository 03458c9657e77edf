import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cpuGroups, cpuQuota, ThrottleWatch, usableCores } from '../../../src/net/cpuQuota.js';

describe('the CPU quota of control groups', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-cgroup-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  }
  const mount = (root: string, point: string, rest: string): string =>
    `30 20 0:26 ${root} ${join(folder, point)} rw,nosuid shared:4 - ${rest}\n`;
  const quota = (): number | undefined => cpuQuota(cpuGroups(folder));

  it('is the smallest of all levels above the process in version 2', () => {
    write({
      cgroup: '0::/a.slice/b/c\n',
      mountinfo: mount('/', 'unified', 'cgroup2 cgroup2 rw,nsdelegate'),
      'unified/a.slice/cpu.max': '150000 100000\n',
      'unified/a.slice/b/cpu.max': 'max 100000\n',
      'unified/a.slice/b/c/cpu.max': '400000 100000\n',
    });
    expect(quota()).to.equal(1.5);
    write({ 'unified/a.slice/b/cpu.max': '25000 50000\n' });
    expect(quota()).to.equal(0.5);
  });

  it('is the smallest of all levels of the controller cpu in version 1', () => {
    write({
      cgroup: '4:memory:/elsewhere\n3:cpu,cpuacct:/docker/abc\n0::/\n',
      mountinfo:
        mount('/', 'memory', 'cgroup cgroup rw,memory') +
        mount('/', 'with blank', 'cgroup cgroup rw,cpu,cpuacct').replace('with blank', 'with\\040blank'),
      'with blank/docker/abc/cpu.cfs_quota_us': '-1\n',
      'with blank/docker/abc/cpu.cfs_period_us': '100000\n',
      'with blank/docker/cpu.cfs_quota_us': '250000\n',
      'with blank/docker/cpu.cfs_period_us': '100000\n',
      'memory/elsewhere/cpu.max': '1 100000',
    });
    expect(quota()).to.equal(2.5);
  });

  it('is found in a container that sees only its own part of the tree', () => {
    write({
      cgroup: '0::/docker/abc/inner\n',
      mountinfo: mount('/docker/abc', 'tree', 'cgroup2 cgroup rw'),
      'tree/cpu.max': '50000 100000',
      'tree/inner/cpu.max': 'max 100000',
    });
    expect(quota()).to.equal(0.5);
    write({ cgroup: '0::/../other\n' });
    expect(quota()).to.equal(0.5);
  });

  it('is undefined without a limit', () => {
    expect(quota()).to.equal(undefined);
    write({ cgroup: '0::/\n', mountinfo: mount('/', 'tree', 'cgroup2 cgroup rw') });
    expect(quota()).to.equal(undefined);
    write({ 'tree/cpu.max': 'max 100000\n' });
    expect(quota()).to.equal(undefined);
  });

  it('bounds the number of threads, in whole cores and at least one', () => {
    expect([Number.POSITIVE_INFINITY, 0.5, 1, 2.9, 64].map((cores) => usableCores(cores, 16))).to.deep.equal([
      16, 1, 1, 2, 16,
    ]);
  });

  it('warns of throttling in the last minute, with number and duration', () => {
    let nowMs = 0;
    const stat = (times: number, us: number): void =>
      write({ 'tree/cpu.stat': `usage_usec 5\nnr_periods 100\nnr_throttled ${times}\nthrottled_usec ${us}\n` });
    write({
      cgroup: '0::/a\n',
      mountinfo: mount('/', 'tree', 'cgroup2 cgroup rw'),
      'tree/cpu.max': '50000 100000',
    });
    stat(7, 1_000_000);
    const watch = new ThrottleWatch('probes are late', cpuGroups(folder), () => nowMs);
    expect(watch.warnings()).to.deep.equal([]);
    nowMs = 10_000;
    stat(19, 1_340_000);
    expect(watch.warnings()).to.deep.equal([
      "the CPU quota of 0.5 cores of this process's control group held its processes up 12 times, for 340 ms in all, in the last 10 s: probes are late; raise the quota (cpu.max, the CPU limit of a container)",
    ]);
    for (nowMs = 20_000; nowMs <= 80_000; nowMs += 10_000) watch.look();
    expect(watch.warnings()).to.deep.equal([]);
  });
});
