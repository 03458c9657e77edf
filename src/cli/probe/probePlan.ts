/** The plan of `llama probe`, from its arguments: the target, and a config for a collector. */

import { LlamaError } from '../../base/errors.js';
import { systemNames } from '../../base/resolver/names.js';
import type { HostAddress } from '../../base/resolver/resolverFiles.js';
import { formatDuration, NS_PER_S } from '../../base/units.js';
import { endsLikePort, parseAddress } from '../../config/address.js';
import { parseConfig } from '../../config/collector/config.js';
import { MAX_TIMEOUT_NS, MIN_DURATION_NS } from '../../config/group/group.js';
import { PROTOCOLS } from '../../config/group/groupFormat.js';
import { checkPlan } from '../../config/group/limits.js';
import type { Config, Group } from '../../config/types.js';
import { SourceAddressFinder } from '../../net/socket.js';
import type { Protocol } from '../../wire/protocol.js';
import { argumentError, parseCount, parseDuration } from '../shared/arguments.js';

export interface ProbeOptions {
  readonly protocol: string;
  readonly count: string;
  readonly period?: string;
  readonly keyFile?: string;
  readonly timeout?: string;
  readonly sourcePorts: string;
  readonly class?: readonly string[];
  readonly sizes?: string;
  readonly json?: boolean;
}

const MOST_PROBES = 100_000_000;
const LONGEST_PERIOD_NS = 3600 * NS_PER_S;
/** One interval covers the whole measurement: its end lies far ahead. */
const ENDLESS_INTERVAL_MS = 2 ** 42;
const DEFAULT_PERIOD = '10ms';
/** Name of the one group without `--sizes`. */
export const PROBE_GROUP = 'probe';

interface ProbeTarget {
  readonly address: string;
  /** Absent: the protocol's own. */
  readonly port?: number;
}

/** Address and port of `host`, `host:port`, `address`, `[address]:port`. Names are resolved. */
export async function resolveTarget(text: string): Promise<ProbeTarget> {
  const ambiguous = endsLikePort(text);
  if (ambiguous !== undefined)
    throw argumentError(
      `found ${JSON.stringify(text)}, which is an address of its own, and may be meant as port ${ambiguous.port} of ${ambiguous.address}; write [${ambiguous.address}]:${ambiguous.port} or [${text}]`,
    );
  const match =
    parseAddress(text) === undefined
      ? /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
      : [text, text, undefined, undefined];
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined || (port ?? 0) > 65_535)
    throw argumentError(
      `${JSON.stringify(text)}: expected a host and perhaps a port from 1 to 65535 (0 with tcp-syn), such as 10.0.0.1, host:8100 or [2001:db8::1]:8100`,
    );
  const literal = parseAddress(host);
  const portOf = port === undefined ? {} : { port };
  if (literal !== undefined) return { address: literal.address, ...portOf };
  try {
    return { address: reachable(await systemNames.resolve(host)), ...portOf };
  } catch (cause) {
    throw new LlamaError(
      'LLAMA_HOST_UNKNOWN',
      `${host} does not resolve to an address (${(cause as Error).message}); check the name, or give an address`,
      { cause },
    );
  }
}

/** IPv6 where this host has a route to it, as in RFC 6724; the first of all when it has a route to none. */
function reachable(addresses: readonly HostAddress[]): string {
  const finder = new SourceAddressFinder();
  try {
    const sorted = addresses.toSorted((a, b) => b.family - a.family);
    return (sorted.find(({ family, address }) => finder.find(family, address) !== undefined) ?? sorted[0]).address;
  } finally {
    finder.close();
  }
}

interface ProbePlan {
  readonly config: Config;
  /** Probes of each group, and of all of them. */
  readonly perGroup: number;
  readonly count: number;
  readonly spacingNs: number;
}

/** One group, or with `--sizes` one for each size. */
export function probePlan(target: ProbeTarget, options: ProbeOptions): ProbePlan {
  const asked = parseCount('--count', options.count, MOST_PROBES);
  const wanted = Math.min(parseCount('--source-ports', options.sourcePorts, 4096), asked);
  const ports = options.protocol === 'icmp' ? 1 : wanted;
  const sizes = options.sizes?.split(',').map((size) => parseCount('--sizes', size.trim(), 65_535));
  const perGroup = Math.max(1, Math.floor(asked / (sizes?.length ?? 1)));
  const defaults = PROTOCOLS[options.protocol as Protocol] ?? PROTOCOLS.stamp;
  const timeoutNs = parseDuration('--timeout', options.timeout ?? defaults.timeout, MIN_DURATION_NS, MAX_TIMEOUT_NS);
  const spacingNs = spacing(options, timeoutNs, ports);
  const classes = options.class ?? ['cs0'];
  refuseLists(classes);
  // Between two probes of one path; a config's groups are kept to narrower bounds than a measurement by hand.
  const periodNs = spacingNs * ports * classes.length * (sizes?.length ?? 1);
  const group = {
    protocol: options.protocol,
    period: '1h',
    timeout: formatDuration(timeoutNs),
    ...(options.keyFile === undefined ? {} : { keyFile: options.keyFile }),
    classes: classes.map((name) => (/^\d+$/.test(name) ? Number(name) : name)),
    targets: [target],
  };
  const groups =
    sizes === undefined
      ? { [PROBE_GROUP]: group }
      : Object.fromEntries(sizes.map((size) => [size, { ...group, payloadBytes: size, dontFragment: true }]));
  // JSON is YAML; the reader's checks and messages serve here too.
  const text = JSON.stringify({
    collector: { name: 'probe', workers: 1, retention: 1 },
    source: { ports, basePort: 0 },
    api: { listen: '127.0.0.1:0' },
    groups,
  });
  const config = inOptions(() => parseConfig(text, 'command line', {}));
  const timed = config.groups.map((one): Group => ({ ...one, periodNs }));
  inOptions(() => checkPlan(config, timed));
  return {
    config: { ...config, groups: timed, collector: { ...config.collector, intervalMs: ENDLESS_INTERVAL_MS } },
    perGroup,
    count: perGroup * timed.length,
    spacingNs,
  };
}

/** `--sizes` takes a list, so a user may try one with `--class`. */
function refuseLists(classes: readonly string[]): void {
  const list = classes.find((name) => name.includes(','));
  if (list === undefined) return;
  const each = list.split(',').filter((name) => name.trim() !== '');
  throw argumentError(
    `--class ${JSON.stringify(list)}: found a list, expected one class; repeat --class: ${each.map((name) => `--class ${name.trim()}`).join(' ')}`,
  );
}

const parsePeriod = (text: string): number => parseDuration('--period', text, 1, LONGEST_PERIOD_NS);

/** Time between two probes. A server accepts one SYN at a time from a port. */
function spacing({ protocol, period }: ProbeOptions, timeoutNs: number, ports: number): number {
  if (protocol !== 'tcp-syn') return parsePeriod(period ?? DEFAULT_PERIOD);
  const leastNs = Math.ceil(timeoutNs / ports);
  const ns = period === undefined ? leastNs : parsePeriod(period);
  if (ns >= leastNs) return ns;
  throw argumentError(
    `--period ${JSON.stringify(period)}: expected at least ${formatDuration(leastNs)} with tcp-syn, which is the timeout over ${ports} source ports, for a server takes one SYN at a time from a port; shorten --timeout, or use more --source-ports`,
  );
}

const OPTION_OF: Readonly<Record<string, string>> = {
  protocol: '--protocol',
  timeout: '--timeout',
  keyFile: '--key-file',
  classes: '--class',
  payloadBytes: '--sizes',
  dontFragment: '--sizes',
  targets: 'host',
};

/** The result of `read`; problems are reported by the option that they came from. */
function inOptions<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LlamaError) || error.problems.length === 0) throw error;
    const lines = error.problems.map(({ path, message }) => {
      const key = path.split('/')[3] ?? '';
      return `${OPTION_OF[key] ?? '--period and --timeout'}: ${message}`;
    });
    throw new LlamaError(error.code, lines.join('\n'), { cause: error });
  }
}
