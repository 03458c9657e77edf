/**
 * Resolves host names without getaddrinfo, which has four threads for the whole process; a dead name server occupies
 * each for up to half a minute. /etc/hosts and `localhost` are answered without a server. c-ares (`node:dns` Resolver)
 * queries other names, each independently, with the search domains and `ndots` of /etc/resolv.conf. Answers are cached
 * for their TTL, and longer while name servers fail (RFC 8767). Names unknown to the DNS go to getaddrinfo, in at most
 * half of its threads.
 */

import { promises } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { codeOf, failureText, NEGATIVE } from './dnsFailure.js';
import { AddressInfoCalls } from './getaddrinfo.js';
import { candidates, type HostAddress, parseHosts, parseSearch, WatchedFile } from './resolverFiles.js';

type AddressResolver = Pick<promises.Resolver, 'resolve4' | 'resolve6' | 'getServers'>;

interface NamesOptions {
  readonly hostsFile?: string;
  readonly resolverFile?: string;
  /** Called again after a change of the resolver file. */
  readonly resolver?: () => AddressResolver;
  readonly addressInfo?: AddressInfoCalls;
  /** Milliseconds of a monotonic clock. */
  readonly nowMs?: () => number;
}

/** ENOTFOUND for a nonexistent name, EAI_AGAIN while that is unknown. */
export class NameError extends Error {
  override readonly name = 'NameError';
  readonly code: 'ENOTFOUND' | 'EAI_AGAIN';

  constructor(message: string, code: NameError['code']) {
    super(message);
    this.code = code;
  }
}

interface Known {
  readonly addresses: readonly HostAddress[];
  /** Why there are no addresses. */
  readonly error: NameError | undefined;
  readonly heldMs: number;
  /** From getaddrinfo: the DNS does not know the name, so it says nothing about these addresses. */
  readonly bySystem: boolean;
  /** Queried again after this; older addresses are used only while name servers fail. */
  expiresMs: number;
}

/** Result of the name servers for one name. */
type Said =
  | { readonly is: 'found'; readonly addresses: readonly HostAddress[]; readonly ttlMs: number }
  | { readonly is: 'none'; readonly reason: string }
  | { readonly is: 'failed'; readonly reason: string; readonly next: boolean };

const TIMEOUT_MS = 1_500;
const TRIES = 2;
const [MIN_TTL_MS, MAX_TTL_MS] = [1_000, 3_600_000];
/** TTL of getaddrinfo's answers, which have none. */
const SYSTEM_TTL_MS = 30_000;
/** Earliest repetition of a refused or unanswered query. */
const ERROR_MS = 2_000;
/** Limit of using addresses after their TTL while name servers fail (RFC 8767, 5: one to three days). */
const STALE_MS = 24 * 3_600_000;
/** Stale addresses are used when a fresh answer takes longer (RFC 8767, 5). */
const STALE_AFTER_MS = 1_800;
/** Extra time for the second family of addresses. */
const OTHER_FAMILY_MS = 500;
const SYSTEM_WAIT_MS = 3_000;
const MOST_NAMES = 10_000;
const LOOPBACK: readonly HostAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
/** The name server refused, or failed for this name: another candidate may succeed. */
const NEXT = new Set(['ESERVFAIL', 'EREFUSED', 'EFORMERR', 'EBADNAME', 'EBADRESP']);

export class Names {
  private readonly hosts: WatchedFile<ReturnType<typeof parseHosts>>;
  private readonly search: WatchedFile<ReturnType<typeof parseSearch>>;
  private readonly makeResolver: () => AddressResolver;
  private readonly system: AddressInfoCalls;
  private readonly nowMs: () => number;
  private readonly known = new Map<string, Known>();
  private readonly asking = new Map<string, Promise<Known>>();
  private readonly fallbacks = new Map<string, Promise<readonly HostAddress[]>>();
  private resolver: { readonly version: string; readonly of: AddressResolver } | undefined;

  constructor(options: NamesOptions = {}) {
    this.hosts = new WatchedFile(options.hostsFile ?? '/etc/hosts', parseHosts);
    this.search = new WatchedFile(options.resolverFile ?? '/etc/resolv.conf', parseSearch);
    this.makeResolver = options.resolver ?? (() => new promises.Resolver({ timeout: TIMEOUT_MS, tries: TRIES }));
    this.system = options.addressInfo ?? new AddressInfoCalls();
    this.nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Replaces `dns.lookup` for `net.connect` and the requests of `node:http`. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    const wanted = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
    this.resolve(hostname).then(
      (all) => {
        const addresses = all.filter(({ family }) => wanted === 0 || family === wanted);
        const first = addresses[0];
        if (first === undefined)
          callback(new NameError(`${hostname} has no IPv${wanted} address`, 'ENOTFOUND'), options.all ? [] : '');
        else if (options.all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NameError) => callback(error, options.all === true ? [] : ''),
    );
  };

  /** All addresses of a name, IPv4 first. Rejects with a `NameError` whose message is for the operator. */
  async resolve(hostname: string): Promise<readonly HostAddress[]> {
    const family = isIP(hostname);
    if (family === 4 || family === 6) return [{ address: hostname, family }];
    const name = hostname.toLowerCase();
    const local = this.hosts.read(this.nowMs()).get(name.replace(/\.$/, '')) ?? localhostOf(name);
    if (local !== undefined) return local;
    const known = this.known.get(name);
    if (known !== undefined && this.nowMs() < known.expiresMs) return addressesOf(known);
    const fresh = this.refresh(name, known);
    const stale = known !== undefined && this.isUsable(known);
    return addressesOf(await (stale ? firstOf(fresh, STALE_AFTER_MS, known) : fresh));
  }

  /** Whether addresses may be used after their TTL, while name servers fail. */
  private isUsable({ addresses, heldMs }: Known): boolean {
    return addresses.length > 0 && this.nowMs() - heldMs < STALE_MS;
  }

  /** One query for all concurrent callers of a name. Never rejects. */
  private refresh(name: string, before: Known | undefined): Promise<Known> {
    const running = this.asking.get(name);
    if (running !== undefined) return running;
    const asking = this.ask(name, before).finally(() => this.asking.delete(name));
    this.asking.set(name, asking);
    return asking;
  }

  private async ask(name: string, before: Known | undefined): Promise<Known> {
    const said = await this.askServers(name);
    if (said.is === 'found') return this.keep(name, said.addresses, said.ttlMs);
    const code = said.is === 'none' ? 'ENOTFOUND' : 'EAI_AGAIN';
    const error = new NameError(`the host name ${name} does not resolve: ${said.reason}`, code);
    const heldMs = this.nowMs();
    const expiresMs = heldMs + ERROR_MS;
    const none: Known = { addresses: [], error, heldMs, bySystem: false, expiresMs };
    if (before !== undefined && this.isUsable(before) && (said.is === 'failed' || before.bySystem)) {
      // Used until getaddrinfo answers, which may take long.
      before.expiresMs = expiresMs;
      if (!before.bySystem) return before;
      const unknown = said.is === 'none' ? none : before;
      return firstOf(this.askSystem(name, before, unknown), SYSTEM_WAIT_MS, before);
    }
    this.put(name, none);
    return firstOf(this.askSystem(name, none, none), SYSTEM_WAIT_MS, none);
  }

  private async askServers(name: string): Promise<Said> {
    const rules = this.search.read(this.nowMs());
    const { version } = this.search;
    if (this.resolver?.version !== version) this.resolver = { version, of: this.makeResolver() };
    const resolver = this.resolver.of;
    let worst: Said | undefined;
    for (const candidate of candidates(name, rules)) {
      const said = await askBoth(resolver, candidate);
      if (said.is === 'found') return said;
      if (said.is === 'failed' || worst === undefined) worst = said;
      if (said.is === 'failed' && !said.next) break;
    }
    return worst ?? { is: 'none', reason: 'it is empty' };
  }

  /**
   * The result of getaddrinfo; `unknown` when it does not know the name, `undecided` when it can't tell. One call per
   * name. The call is skipped when the DNS knows the name by then.
   */
  private async askSystem(name: string, undecided: Known, unknown: Known): Promise<Known> {
    const wanted = (): boolean => {
      const latest = this.known.get(name);
      return latest === undefined || latest.addresses.length === 0 || latest.bySystem;
    };
    let call = this.fallbacks.get(name);
    if (call === undefined) {
      // Multicast names are answered locally, independent of name servers.
      const first = name.endsWith('.local');
      call = this.system.ask(name, { wanted, first }).finally(() => this.fallbacks.delete(name));
      this.fallbacks.set(name, call);
    }
    try {
      const addresses = await call;
      if (!wanted()) return this.known.get(name) ?? undecided;
      return addresses.length > 0 ? this.keep(name, addresses, SYSTEM_TTL_MS, true) : undecided;
    } catch (error) {
      if (codeOf(error) !== 'ENOTFOUND' || unknown === undecided) return undecided;
      this.put(name, unknown);
      return unknown;
    }
  }

  private keep(name: string, addresses: readonly HostAddress[], ttlMs: number, bySystem = false): Known {
    const heldMs = this.nowMs();
    const expiresMs = heldMs + Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS);
    const known: Known = { addresses, error: undefined, heldMs, bySystem, expiresMs };
    this.put(name, known);
    return known;
  }

  private put(name: string, known: Known): void {
    this.known.delete(name);
    this.known.set(name, known);
    const [oldest] = this.known.keys();
    if (this.known.size > MOST_NAMES && oldest !== undefined) this.known.delete(oldest);
  }
}

/** Shared by the whole process. */
export const systemNames = new Names();

function addressesOf({ addresses, error }: Known): readonly HostAddress[] {
  if (error !== undefined) throw error;
  return addresses;
}

/** `localhost` and its subdomains are this host (RFC 6761, 6.3). */
function localhostOf(name: string): readonly HostAddress[] | undefined {
  return /(?:^|\.)localhost\.?$/.test(name) ? LOOPBACK : undefined;
}

/** The result of `work`, or `other` when that takes longer. */
function firstOf<Value>(work: Promise<Value>, ms: number, other: Value): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(other), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Queries A and AAAA records at the same time. After the first result the other one is awaited for a moment only. */
async function askBoth(resolver: AddressResolver, name: string): Promise<Said> {
  const four = askOne(resolver, name, 4);
  const six = askOne(resolver, name, 6);
  const late: Said = { is: 'none', reason: '' };
  const first = await Promise.race([four, six]);
  const answers =
    first.is === 'found'
      ? await Promise.all([firstOf(four, OTHER_FAMILY_MS, late), firstOf(six, OTHER_FAMILY_MS, late)])
      : await Promise.all([four, six]);
  const found = answers.filter((said) => said.is === 'found');
  if (found.length > 0)
    return {
      is: 'found',
      addresses: found.flatMap(({ addresses }) => addresses),
      ttlMs: Math.min(...found.map(({ ttlMs }) => ttlMs)),
    };
  return answers.find((said) => said.is === 'failed') ?? first;
}

async function askOne(resolver: AddressResolver, name: string, family: 4 | 6): Promise<Said> {
  const type = family === 4 ? 'A' : 'AAAA';
  try {
    const records = await (family === 4
      ? resolver.resolve4(name, { ttl: true })
      : resolver.resolve6(name, { ttl: true }));
    const addresses = records.map(({ address }): HostAddress => ({ address, family }));
    if (addresses.length === 0) return { is: 'none', reason: NEGATIVE.ENODATA };
    return { is: 'found', addresses, ttlMs: 1_000 * Math.min(...records.map(({ ttl }) => ttl)) };
  } catch (error) {
    const code = codeOf(error);
    if (code in NEGATIVE) return { is: 'none', reason: NEGATIVE[code] };
    const reason = await failureText(error, name, type, resolver.getServers());
    return { is: 'failed', reason, next: NEXT.has(code) };
  }
}
