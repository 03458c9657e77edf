/**
 * Name resolution in files: /etc/hosts (hosts(5)), and search domains and `ndots` of /etc/resolv.conf (resolv.conf(5)).
 */

import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

interface SearchRules {
  /** Domains appended to a name, in this order. */
  readonly domains: readonly string[];
  /** A name with at least this many dots is queried unchanged first. */
  readonly ndots: number;
}

/** glibc's limits. */
const MAX_DOMAINS = 6;
const MAX_NDOTS = 15;

/** Minimum time between two checks of a file. */
const LOOK_MS = 1_000;

/** A file that is read again after a change; a missing one is empty. */
export class WatchedFile<Value> {
  private readonly path: string;
  private readonly parse: (text: string) => Value;
  private value: Value;
  private stamp = '';
  private lookedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, parse: (text: string) => Value) {
    this.path = path;
    this.parse = parse;
    this.value = parse('');
  }

  /** `nowMs`: a monotonic clock. A change is noticed within a second. */
  read(nowMs: number): Value {
    if (nowMs - this.lookedMs < LOOK_MS) return this.value;
    this.lookedMs = nowMs;
    const stamp = stampOf(this.path);
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.value = this.parse(textOf(this.path));
    }
    return this.value;
  }

  /** Changes with the file. */
  get version(): string {
    return this.stamp;
  }
}

/** Names in lower case, each with its addresses in the order of the file. */
export function parseHosts(text: string): ReadonlyMap<string, readonly HostAddress[]> {
  const hosts = new Map<string, HostAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family !== 4 && family !== 6) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) hosts.set(name.toLowerCase(), [{ address, family }]);
      else if (!known.some((one) => one.address === address)) known.push({ address, family });
    }
  }
  return hosts;
}

/** The last of `search` and `domain` counts. */
export function parseSearch(text: string): SearchRules {
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') domains = words.slice(0, MAX_DOMAINS);
    if (keyword === 'domain') domains = words.slice(0, 1);
    if (keyword !== 'options') continue;
    for (const word of words) {
      const dots = /^ndots:(\d+)$/.exec(word)?.[1];
      if (dots !== undefined) ndots = Math.min(Number(dots), MAX_NDOTS);
    }
  }
  return { domains: domains.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== ''), ndots };
}

/** The names to query one after the other until one has an address. */
export function candidates(name: string, { domains, ndots }: SearchRules): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const dots = name.split('.').length - 1;
  const searched = domains.map((domain) => `${name}.${domain}`);
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.dev} ${stats.ino} ${stats.mtimeMs} ${stats.size}`;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
