/**
 * The CPU quota of this process's control groups: the cores left by all levels, and how long they throttled it. `nproc`
 * and `os.availableParallelism` ignore it: a container with half a core on a host with 16 cores sees 16.
 *
 * | version | quota | throttling, in cpu.stat |
 * | --- | --- | --- |
 * | 2 | `cpu.max`: quota (or `max`) and period, µs | `nr_throttled`, `throttled_usec` |
 * | 1 | `cpu.cfs_quota_us` (-1: none), `cpu.cfs_period_us` | `nr_throttled`, `throttled_time` in ns |
 */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const US_PER_MS = 1_000;
const NS_PER_MS = 1_000_000;
const LOOK_BACK_MS = 60_000;

/** A directory of a control group above the process, or its own. */
interface CpuGroup {
  readonly directory: string;
  readonly version: 1 | 2;
}

interface Throttling {
  /** Throttled periods, and the total time. */
  readonly times: number;
  readonly ms: number;
}

/**
 * Every directory that may have a quota for this process, its own first. `proc`: directory with the files of the
 * process.
 */
export function cpuGroups(proc = '/proc/self'): CpuGroup[] {
  const mounts = mountsOf(textOf(join(proc, 'mountinfo')));
  const groups: CpuGroup[] = [];
  for (const line of textOf(join(proc, 'cgroup')).split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const version = controllers === '' ? 2 : 1;
    if (version === 1 && !controllers.split(',').includes('cpu')) continue;
    for (const mount of mounts) if (mount.version === version) groups.push(...levels(mount, path, version));
  }
  return groups;
}

/** The smallest quota of all levels, in cores; undefined without a quota. */
export function cpuQuota(groups: readonly CpuGroup[] = cpuGroups()): number | undefined {
  const quotas = groups.map(quotaOf).filter((quota) => quota !== undefined);
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** Cores that this process can use at the same time, at least 1: the limit of its affinity and its quota. */
export function usableCores(
  quota = cpuQuota() ?? Number.POSITIVE_INFINITY,
  parallelism = availableParallelism(),
): number {
  return Math.max(1, Math.min(parallelism, Math.floor(quota)));
}

/** Count and total time of throttling, over the levels with a quota, since they were created. */
function throttlingOf(groups: readonly CpuGroup[]): Throttling {
  let times = 0;
  let ms = 0;
  for (const group of groups) {
    if (quotaOf(group) === undefined) continue;
    const stat = textOf(join(group.directory, 'cpu.stat'));
    const figure = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
    times += figure('nr_throttled');
    ms += group.version === 2 ? figure('throttled_usec') / US_PER_MS : figure('throttled_time') / NS_PER_MS;
  }
  return { times, ms };
}

/** Warns when the quota throttled this process within the last minute. */
export class ThrottleWatch {
  private readonly effect: string;
  private readonly groups: readonly CpuGroup[];
  private readonly nowMs: () => number;
  /** Oldest first, one per call of `look`. */
  private readonly seen: { readonly atMs: number; readonly throttling: Throttling }[] = [];

  /** `effect`: the consequence, for the warning. `nowMs`: a monotonic clock. */
  constructor(
    effect: string,
    groups: readonly CpuGroup[] = cpuGroups(),
    nowMs: () => number = () => performance.now(),
  ) {
    this.effect = effect;
    this.groups = groups;
    this.nowMs = nowMs;
    this.look();
  }

  /** Call regularly, at least once a minute. */
  look(): void {
    const atMs = this.nowMs();
    if (this.groups.length > 0) this.seen.push({ atMs, throttling: throttlingOf(this.groups) });
    while (this.seen.length > 1 && (this.seen[1]?.atMs ?? atMs) <= atMs - LOOK_BACK_MS) this.seen.shift();
  }

  /** Empty without throttling. */
  warnings(): string[] {
    this.look();
    const [first] = this.seen;
    const last = this.seen.at(-1);
    if (first === undefined || last === undefined) return [];
    const times = last.throttling.times - first.throttling.times;
    const ms = Math.round(last.throttling.ms - first.throttling.ms);
    if (times <= 0) return [];
    const seconds = Math.max(1, Math.round((last.atMs - first.atMs) / 1_000));
    const quota = cpuQuota(this.groups);
    return [
      `the CPU quota${quota === undefined ? '' : ` of ${quota} cores`} of this process's control group held its processes up ${times} times, for ${ms} ms in all, in the last ${seconds} s: ${this.effect}; raise the quota (cpu.max, the CPU limit of a container)`,
    ];
  }
}

interface Mount {
  readonly version: 1 | 2;
  /** The group of the hierarchy that is mounted there. */
  readonly root: string;
  readonly point: string;
}

/**
 * Format of proc_pid_mountinfo(5): ID, parent, device, root, mount point, options, optional fields, `-`, type, source,
 * super options.
 */
function mountsOf(text: string): Mount[] {
  return text.split('\n').flatMap((line): Mount[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '/', point = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (type === 'cgroup2') return [{ version: 2, root, point: unescaped(point) }];
    const cpu = type === 'cgroup' && options.split(',').includes('cpu');
    return cpu ? [{ version: 1, root, point: unescaped(point) }] : [];
  });
}

/** Blanks and similar characters are octal there. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The group of the process and its parents, as far as they are mounted. */
function levels({ root, point }: Mount, path: string, version: 1 | 2): CpuGroup[] {
  // In a container, the group of the process may have its path on the host, or may be outside of the mount.
  const inside = path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`);
  const relative = inside ? path.slice(root === '/' ? 0 : root.length) : '/';
  const groups: CpuGroup[] = [];
  for (let at = join('/', relative); ; at = dirname(at)) {
    groups.push({ directory: join(point, at), version });
    if (at === '/') return groups;
  }
}

function quotaOf({ directory, version }: CpuGroup): number | undefined {
  const [quota, period] =
    version === 2
      ? textOf(join(directory, 'cpu.max')).trim().split(' ')
      : [textOf(join(directory, 'cpu.cfs_quota_us')), textOf(join(directory, 'cpu.cfs_period_us'))];
  const cores = Number(quota) / Number(period);
  return quota !== undefined && quota.trim() !== '' && Number.isFinite(cores) && cores > 0 ? cores : undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
