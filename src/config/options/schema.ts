/**
 * Every process option, once: its purpose, unit, default, environment variable, and how its text becomes a value.
 * convict merges file, environment and command line by this table; `--help`, documentation and tests read it too.
 * Groups have a schema of their own (`groupSchema.ts`), for they also come by REST.
 */

import { MS_PER_S, NS_PER_MS, nsToMs, parseDurationNs } from '../../base/units.js';
import { readEndpoint } from '../../net/endpoint.js';
import { parseAddress, whyNotTarget } from '../address.js';
import { urlPrefix } from '../allowed.js';
import type { TimestampMode, WriteMode } from '../types.js';
import { parseBytes } from './bytes.js';

/** One process option. Its value in a file is called `Raw` text here, whatever its type. */
export interface ProcessOption<Value> {
  readonly doc: string;
  readonly unit: string;
  /** As it is written in a file. */
  readonly default: string | number | boolean | null;
  readonly env: string;
  /** Completes the sentence "expected …". */
  readonly expected: string;
  /** undefined when the written value is not valid. */
  readonly parse: (written: unknown) => Value | undefined;
  /** Makes convict keep the text of environment variables: `12abc` must not become 12. */
  readonly format: '*';
}

export function option<Value>(given: Omit<ProcessOption<Value>, 'format'>): ProcessOption<Value> {
  return { ...given, format: '*' };
}

/** Environment and command line know text only, so digits count as a number. */
export function integer(written: unknown, least: number, most: number): number | undefined {
  const value = typeof written === 'string' && /^\d{1,10}$/.test(written) ? Number(written) : written;
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}

function text(written: unknown, pattern: RegExp): string | undefined {
  return typeof written === 'string' && pattern.test(written) ? written : undefined;
}

function localAddress(written: unknown, family: 4 | 6): string | undefined {
  const address = typeof written === 'string' ? parseAddress(written) : undefined;
  if (address?.family !== family) return undefined;
  const refused = whyNotTarget(address);
  return refused === undefined || refused === 'the unspecified address' ? address.address : undefined;
}

function listenAddress(written: unknown): { readonly host: string; readonly port: number } | undefined {
  const endpoint = typeof written === 'string' ? readEndpoint(written) : 'no text';
  // A link-local address: no other part of the config can name its interface.
  if (typeof endpoint === 'string' || endpoint.zone !== undefined) return undefined;
  return { host: endpoint.address, port: endpoint.port };
}

export const filePath = (written: unknown): string | null | undefined =>
  written === null ? null : text(written, /^[^\0]+$/);

/** A list of texts that `read` accepts; null: an empty list. In the environment they are separated by commas. */
function listOf(written: unknown, read: (text: string) => string | undefined): readonly string[] | undefined {
  if (written === null) return [];
  const list: unknown = typeof written === 'string' ? written.split(',').map((text) => text.trim()) : written;
  if (!Array.isArray(list)) return undefined;
  const values = list.map((item: unknown) => (typeof item === 'string' ? read(item) : undefined));
  return values.every((value) => value !== undefined) ? values : undefined;
}

const directory = (written: string): string | undefined => text(written, /^[^\0]+$/);

/** Environment and command line know text only. */
function optionalBoolean(written: unknown): boolean | null | undefined {
  if (written === 'true' || written === 'false') return written === 'true';
  return typeof written === 'boolean' || written === null ? written : undefined;
}

export const MAX_SOURCE_PORTS = 4096;
/** As the kernel allows it; it has 15 bytes for it. */
export const INTERFACE_NAME = /^(?!\.{1,2}$)[^\s/]{1,15}$/;

const MIN_BODY_LIMIT = 2 ** 10;
const MAX_BODY_LIMIT = 2 ** 30;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3600 * MS_PER_S;

function intervalMs(written: unknown): number | undefined {
  const ns = typeof written === 'string' ? parseDurationNs(written) : undefined;
  if (ns === undefined || ns % NS_PER_MS !== 0) return undefined;
  const ms = nsToMs(ns);
  return ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS ? ms : undefined;
}

const MIN_PROBE_MEMORY = 2 ** 20;
/** The memory that one thread can address at most. */
const MAX_PROBE_MEMORY = 4 * 2 ** 30;

const MIN_HISTORY_MEMORY = 2 ** 20;
const MAX_HISTORY_MEMORY = 64 * 2 ** 30;

export const PROCESS_OPTIONS = {
  collector: {
    name: option<string | null>({
      doc: 'Name of this collector in results; null: the host name.',
      unit: 'none',
      default: null,
      env: 'LLAMA_COLLECTOR_NAME',
      expected: 'a name of 1 to 253 letters, digits, dots, dashes and underscores, or null for the host name',
      parse: (written) => (written === null ? null : text(written, /^[A-Za-z0-9._-]{1,253}$/)),
    }),
    interval: option<number>({
      doc: 'Length of the stretch of time that results are reported for; intervals are aligned to it.',
      unit: 'duration, whole milliseconds, 100ms to 1h',
      default: '10s',
      env: 'LLAMA_COLLECTOR_INTERVAL',
      expected: 'a duration in whole milliseconds, such as 500ms, 10s, 1m, from 100ms to 1h',
      parse: intervalMs,
    }),
    workers: option<number | 'auto'>({
      doc: 'Prober threads; auto: one less than the processor cores that affinity and CPU quota allow, at least 1 and at most source.ports.',
      unit: 'threads, 1 to 256',
      default: 'auto',
      env: 'LLAMA_COLLECTOR_WORKERS',
      expected: 'auto or an integer from 1 to 256',
      parse: (written) => (written === 'auto' ? 'auto' : integer(written, 1, 256)),
    }),
    retention: option<number>({
      doc: 'Finished intervals that are kept in memory for readers that come late.',
      unit: 'intervals, 1 to 10000',
      default: 60,
      env: 'LLAMA_COLLECTOR_RETENTION',
      expected: 'an integer from 1 to 10000',
      parse: (written) => integer(written, 1, 10_000),
    }),
    timestamps: option<TimestampMode>({
      doc: 'full: kernel stamps for sending and receiving; receive: for receiving only, cheaper at very high rates.',
      unit: 'full or receive',
      default: 'full',
      env: 'LLAMA_COLLECTOR_TIMESTAMPS',
      expected: 'full or receive',
      parse: (written) => (written === 'full' || written === 'receive' ? written : undefined),
    }),
    probeMemory: option<number>({
      doc: 'Most memory that probes waiting for a reply may take; a plan that needs more is refused.',
      unit: 'bytes, or with a unit: KiB, MiB, GiB; 1MiB to 4GiB',
      default: '256MiB',
      env: 'LLAMA_COLLECTOR_PROBE_MEMORY',
      expected: 'an amount of memory such as 256MiB or 1GiB, or a number of bytes, from 1MiB to 4GiB',
      parse: (written) => integer(parseBytes(written), MIN_PROBE_MEMORY, MAX_PROBE_MEMORY),
    }),
    maxProbesPerSecond: option<number>({
      doc: 'Budget: most probes a second that all groups together may ask for; a plan that needs more is refused.',
      unit: 'probes/s, 1 to 100000000',
      default: 200_000,
      env: 'LLAMA_COLLECTOR_MAX_PROBES_PER_SECOND',
      expected: 'an integer from 1 to 100000000',
      parse: (written) => integer(written, 1, 100_000_000),
    }),
    historyMemory: option<number>({
      doc: 'Memory for the last hour of results, which /v1/matrix and /v1/history show; with less the past is coarser, or shorter.',
      unit: 'bytes, or with a unit: KiB, MiB, GiB; 1MiB to 64GiB',
      default: '32MiB',
      env: 'LLAMA_COLLECTOR_HISTORY_MEMORY',
      expected: 'an amount of memory such as 32MiB or 1GiB, or a number of bytes, from 1MiB to 64GiB',
      parse: (written) => integer(parseBytes(written), MIN_HISTORY_MEMORY, MAX_HISTORY_MEMORY),
    }),
  },
  source: {
    address: option<string>({
      doc: 'Local IPv4 address that probes are sent from; 0.0.0.0: chosen by the system for each target.',
      unit: 'IPv4 address',
      default: '0.0.0.0',
      env: 'LLAMA_SOURCE_ADDRESS',
      expected: 'an IPv4 address of this host, or 0.0.0.0',
      parse: (written) => localAddress(written, 4),
    }),
    address6: option<string>({
      doc: 'Local IPv6 address that probes are sent from; "::": chosen by the system for each target.',
      unit: 'IPv6 address',
      default: '::',
      env: 'LLAMA_SOURCE_ADDRESS6',
      expected: 'an IPv6 address of this host, or "::"',
      parse: (written) => localAddress(written, 6),
    }),
    interface: option<string | null>({
      doc: 'Interface or VRF that probes leave by (SO_BINDTODEVICE), independent of the routes; null: by the routes. A group can have its own.',
      unit: 'name of an interface',
      default: null,
      env: 'LLAMA_SOURCE_INTERFACE',
      expected: 'the name of an interface, 1 to 15 characters without blanks and slashes, or null',
      parse: (written) => (written === null ? null : text(written, INTERFACE_NAME)),
    }),
    ports: option<number>({
      doc: 'UDP source ports; each makes one path to every target and class, so that probes spread over ECMP paths.',
      unit: 'ports, 1 to 4096',
      default: 16,
      env: 'LLAMA_SOURCE_PORTS',
      expected: 'an integer from 1 to 4096',
      parse: (written) => integer(written, 1, MAX_SOURCE_PORTS),
    }),
    basePort: option<number>({
      doc: 'First of the source ports, the others follow it; 0: every port is chosen by the system.',
      unit: 'UDP port, 0 to 65535; basePort + ports at most 65536; groups with an interface of their own use the next ports',
      default: 0,
      env: 'LLAMA_SOURCE_BASE_PORT',
      expected: 'an integer from 0 to 65535',
      parse: (written) => integer(written, 0, 65_535),
    }),
  },
  api: {
    listen: option<{ readonly host: string; readonly port: number }>({
      doc: 'Address and TCP port of the HTTP interface; port 0: chosen by the system.',
      unit: 'ADDRESS:PORT or [ADDRESS6]:PORT',
      default: '127.0.0.1:5000',
      env: 'LLAMA_API_LISTEN',
      expected: 'an IP address and a port from 0 to 65535, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000',
      parse: listenAddress,
    }),
    tokenFile: option<string | null>({
      doc: 'File with the token that allows changes, and reading; null: changes are accepted from the loopback address only.',
      unit: 'path of a file',
      default: null,
      env: 'LLAMA_API_TOKEN_FILE',
      expected: 'the path of a file, or null',
      parse: filePath,
    }),
    readTokenFile: option<string | null>({
      doc: 'File with a token that allows reading only; when it is set, readers must show one of the two; null: all may read.',
      unit: 'path of a file; only with tokenFile',
      default: null,
      env: 'LLAMA_API_READ_TOKEN_FILE',
      expected: 'the path of a file, or null',
      parse: filePath,
    }),
    writes: option<WriteMode>({
      doc: 'Changes without a token: loopback: from the loopback address, where tokenFile is null; token: never, so that without tokenFile there are no changes.',
      unit: 'loopback or token',
      default: 'loopback',
      env: 'LLAMA_API_WRITES',
      expected: 'loopback or token',
      parse: (written) => (written === 'loopback' || written === 'token' ? written : undefined),
    }),
    allowRemoteWrites: option<boolean | null>({
      doc: 'Changes from other hosts; null: with the token, where there is one; true: the same, but the collector does not start without tokenFile; false: never.',
      unit: 'true, false or null',
      default: null,
      env: 'LLAMA_API_ALLOW_REMOTE_WRITES',
      expected: 'true, false or null',
      parse: optionalBoolean,
    }),
    tlsCertFile: option<string | null>({
      doc: 'PEM file with the certificate, and those between it and the root; with it and tlsKeyFile the API speaks HTTPS only.',
      unit: 'path of a file; only with tlsKeyFile',
      default: null,
      env: 'LLAMA_API_TLS_CERT_FILE',
      expected: 'the path of a file, or null',
      parse: filePath,
    }),
    tlsKeyFile: option<string | null>({
      doc: 'PEM file with the private key of the certificate, without a passphrase.',
      unit: 'path of a file; only with tlsCertFile',
      default: null,
      env: 'LLAMA_API_TLS_KEY_FILE',
      expected: 'the path of a file, or null',
      parse: filePath,
    }),
    allowedDirectories: option<readonly string[]>({
      doc: 'Directories in which files must be that groups set by REST name (fromFile.path, fromHttp.tokenFile, keyFile), also behind symbolic links; null: they may name none.',
      unit: 'list of paths; in the environment separated by commas',
      default: null,
      env: 'LLAMA_API_ALLOWED_DIRECTORIES',
      expected: 'a list of paths of directories, or null',
      parse: (written) => listOf(written, directory),
    }),
    allowedUrls: option<readonly string[]>({
      doc: 'URLs below which fromHttp.url must be in groups set by REST, and every redirect; compared by origin and whole path segments; null: they may name none.',
      unit: 'list of URLs; in the environment separated by commas',
      default: null,
      env: 'LLAMA_API_ALLOWED_URLS',
      expected: 'a list of URLs such as https://inventory.example/targets, without user, query and fragment, or null',
      parse: (written) => listOf(written, urlPrefix),
    }),
    rateLimit: option<number>({
      doc: 'Most requests a second of one client address (IPv6: of one /64); more are answered with 429; 0: no limit.',
      unit: 'requests/s, 0 to 1000000',
      default: 1000,
      env: 'LLAMA_API_RATE_LIMIT',
      expected: 'an integer from 0 to 1000000',
      parse: (written) => integer(written, 0, 1_000_000),
    }),
    bodyLimit: option<number>({
      doc: 'Largest body of a request; 16MiB is enough for a group of some 100,000 targets.',
      unit: 'bytes, or with a unit: KiB, MiB, GiB; 1KiB to 1GiB',
      default: '16MiB',
      env: 'LLAMA_API_BODY_LIMIT',
      expected: 'an amount of memory such as 16MiB, or a number of bytes, from 1KiB to 1GiB',
      parse: (written) => integer(parseBytes(written), MIN_BODY_LIMIT, MAX_BODY_LIMIT),
    }),
    maxStreams: option<number>({
      doc: 'Most readers of /v1/stream at a time; more are answered with 503.',
      unit: 'readers, 0 to 10000',
      default: 256,
      env: 'LLAMA_API_MAX_STREAMS',
      expected: 'an integer from 0 to 10000',
      parse: (written) => integer(written, 0, 10_000),
    }),
    metricsMaxTargets: option<number>({
      doc: 'Most targets (times classes) that /metrics has series of; above it whole groups are left out, the largest first.',
      unit: 'series, 0 to 65535; 0: never any of targets',
      default: 2000,
      env: 'LLAMA_API_METRICS_MAX_TARGETS',
      expected: 'an integer from 0 to 65535',
      parse: (written) => integer(written, 0, 65_535),
    }),
  },
  stateDir: option<string | null>({
    doc: 'Directory that keeps the groups set by REST, what sources of targets gave last, and the last results over restarts; null: they are forgotten.',
    unit: 'path of a directory',
    default: null,
    env: 'LLAMA_STATE_DIR',
    expected: 'the path of a directory, or null',
    parse: filePath,
  }),
} as const;
