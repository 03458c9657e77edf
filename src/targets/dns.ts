/**
 * Targets from the DNS: A and AAAA records of a name, or of the names in its SRV records (RFC 2782: with their ports).
 * The name servers are asked directly; /etc/hosts and search lists are not used.
 *
 * An answer that there is no such record counts. When a name server does not answer, or fails, its last records stay.
 */

import type { promises } from 'node:dns';
import { codeOf, failureText, NEGATIVE, type RecordType } from '../base/resolver/dnsFailure.js';
import { parseAddress, whyNotTarget } from '../config/address.js';
import type { TargetSource } from '../config/types.js';
import type { Answer, Entry, Source } from './source.js';

export type DnsSettings = Extract<TargetSource, { kind: 'dns' }>;
export type DnsResolver = Pick<promises.Resolver, 'resolve4' | 'resolve6' | 'resolveSrv' | 'getServers' | 'cancel'>;

/** More often is asking in vain; more seldom, and a name server's long TTL would hide a change for a day. */
const MIN_TTL_S = 5;
const MAX_TTL_S = 3600;
/** For answers without a TTL: no records, or no answer. */
const OTHER_TTL_S = 30;
/** Lookups under way at a time. */
const PARALLEL = 32;

interface Records {
  readonly addresses: readonly string[];
  readonly ttlS: number;
}
type AddressType = 'A' | 'AAAA';

/** The result of one round of lookups. */
interface Round {
  readonly resolver: DnsResolver;
  readonly used: Map<string, Records>;
  readonly failures: string[];
  answered: number;
  negative: string | undefined;
}

export class DnsSource implements Source {
  private readonly settings: DnsSettings;
  private readonly resolver: () => DnsResolver;
  /** The last good records by type and name, only of names that are still asked for. */
  private known = new Map<string, Records>();

  /** `resolver` is called for each round: a new one reads /etc/resolv.conf again. */
  constructor(settings: DnsSettings, resolver: () => DnsResolver) {
    this.settings = settings;
    this.resolver = resolver;
  }

  async ask(signal: AbortSignal): Promise<Answer> {
    const resolver = this.resolver();
    const round: Round = { resolver, used: new Map(), failures: [], answered: 0, negative: undefined };
    const end = (): void => resolver.cancel();
    signal.addEventListener('abort', end, { once: true });
    try {
      const { name, type } = this.settings;
      const warnings: string[] = [];
      const entries =
        type === 'SRV' ? await this.services(round, warnings) : await this.hosts(round, name, null, warnings);
      const failed = round.failures.length > 0 && (round.answered === 0 || entries.length === 0);
      if (failed) throw new Error(round.failures[0]);
      if (entries.length === 0 && warnings.length > 0) throw new Error(warnings[0]);
      this.known = round.used;
      const shortestS = Math.min(
        ...[...round.used.values()].map(({ ttlS }) => ttlS),
        ...(round.failures.length > 0 || round.used.size === 0 ? [OTHER_TTL_S] : []),
      );
      return {
        entries: sorted(entries),
        warnings: [...round.failures, ...warnings],
        ttlMs: 1000 * Math.min(Math.max(Number.isFinite(shortestS) ? shortestS : OTHER_TTL_S, MIN_TTL_S), MAX_TTL_S),
        ...(entries.length > 0 || round.negative === undefined ? {} : { empty: round.negative }),
      };
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  private async services(round: Round, warnings: string[]): Promise<Entry[]> {
    const { name } = this.settings;
    const services = await round.resolver.resolveSrv(name).catch(async (cause: unknown) => {
      const code = codeOf(cause);
      if (!(code in NEGATIVE)) throw new Error(`${name} SRV: ${await reasonOf(cause, round, name, 'SRV')}`, { cause });
      round.negative = `${name} SRV: ${NEGATIVE[code]}`;
      return [];
    });
    // An empty name (the root) means that there is no such service.
    const wanted = services.filter((service) => service.name !== '' && service.name !== '.' && service.port > 0);
    const entries: Entry[] = [];
    for (let from = 0; from < wanted.length; from += PARALLEL) {
      const some = wanted.slice(from, from + PARALLEL);
      const found = await Promise.all(some.map((service) => this.hosts(round, service.name, service.port, warnings)));
      entries.push(...found.flat());
    }
    return entries;
  }

  private async hosts(round: Round, name: string, port: number | null, warnings: string[]): Promise<Entry[]> {
    const { type } = this.settings;
    const types = type === 'A' || type === 'AAAA' ? [type] : (['A', 'AAAA'] as const);
    const found = await Promise.all(types.map((one) => this.addresses(round, name, one)));
    const entries: Entry[] = [];
    for (const text of found.flat()) {
      const address = parseAddress(text);
      const refused = address === undefined ? 'no address' : whyNotTarget(address);
      if (address === undefined || refused !== undefined)
        warnings.push(`${name}: found ${text}, ${refused}, expected the address of a host; it is left out`);
      else entries.push({ ...address, port, tags: {} });
    }
    return entries;
  }

  private async addresses(round: Round, name: string, type: AddressType): Promise<readonly string[]> {
    const key = `${type} ${name}`;
    try {
      const records = await (type === 'A'
        ? round.resolver.resolve4(name, { ttl: true })
        : round.resolver.resolve6(name, { ttl: true }));
      round.answered++;
      const ttlS = Math.min(...records.map(({ ttl }) => ttl));
      round.used.set(key, { addresses: records.map(({ address }) => address), ttlS });
    } catch (cause) {
      const code = codeOf(cause);
      if (code in NEGATIVE) {
        round.answered++;
        round.negative ??= `${name} ${type}: ${NEGATIVE[code]}`;
      } else {
        const before = this.known.get(key);
        const kept = before === undefined ? '' : '; its last records stay';
        round.failures.push(`${name} ${type}: ${await reasonOf(cause, round, name, type)}${kept}`);
        if (before !== undefined) round.used.set(key, before);
      }
    }
    return round.used.get(key)?.addresses ?? [];
  }
}

/** Name servers rotate the order of records to spread load; the order means nothing here. */
function sorted(entries: readonly Entry[]): Entry[] {
  const key = ({ family, address, port }: Entry): string => `${family} ${address} ${port}`;
  const byKey = new Map(entries.map((entry) => [key(entry), entry]));
  return [...byKey.keys()].sort().map((one) => byKey.get(one) as Entry);
}

function reasonOf(cause: unknown, { resolver }: Round, name: string, type: RecordType): Promise<string> {
  return failureText(cause, name, type, resolver.getServers());
}
