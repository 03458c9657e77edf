/**
 * The source of a group's targets, when they are not listed: converts between the written form and the one of
 * discovery.
 */

import { isIP } from 'node:net';
import { formatDuration, msToNs, NS_PER_MS, NS_PER_S, nsToMs, parseDurationNs } from '../../base/units.js';
import { found, foundAt, isRecord, type Path, type Report, unknownWord, withoutSecrets } from '../files/problems.js';
import type { DnsType, TargetSource } from '../types.js';
import { DNS_TYPES, FromDnsSchema, FromFileSchema, FromHttpSchema, TARGET_KEYS } from './sourceSchema.js';

/** A source as it is written; one of the keys at most. */
export interface SourceJson {
  readonly fromFile?: Readonly<Record<string, string | boolean>>;
  readonly fromHttp?: Readonly<Record<string, string | boolean>>;
  readonly fromDns?: Readonly<Record<string, string | boolean>>;
}

interface Limits {
  readonly leastNs: number;
  readonly mostNs: number;
}
const REFRESH: Limits = { leastNs: NS_PER_S, mostNs: 24 * 3600 * NS_PER_S };
const TIMEOUT: Limits = { leastNs: 100 * NS_PER_MS, mostNs: 60 * NS_PER_S };

const DNS_NAME =
  /^(?=.{1,254}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;

/**
 * Reads the source of a group, and reports a group that does not define its targets in exactly one way. Wrong types
 * were reported before.
 */
export function readSource(input: Readonly<Record<string, unknown>>, report: Report): TargetSource | undefined {
  const given = TARGET_KEYS.filter((key) => input[key] !== undefined);
  if (given.length === 0)
    report(
      ['targets'],
      'found nothing, expected a list of at least one target, or in its place one of fromFile, fromHttp, fromDns',
    );
  for (const key of given.slice(1))
    report(
      [key],
      `found ${key} beside ${given[0]}, expected exactly one of ${TARGET_KEYS.join(', ')}; remove one of the two, or make two groups`,
      'key',
    );
  const { fromFile, fromHttp, fromDns } = input;
  if (isRecord(fromFile)) return readFile(fromFile, report);
  if (isRecord(fromHttp)) return readHttp(fromHttp, report);
  if (isRecord(fromDns)) return readDns(fromDns, report);
  return undefined;
}

/** The inverse of `readSource`, with defaults filled in. */
export function sourceToJson(source: TargetSource): SourceJson {
  const empty = source.allowEmpty ? { allowEmpty: true } : {};
  switch (source.kind) {
    case 'file':
      return { fromFile: { path: source.path, refresh: formatMs(source.refreshMs), ...empty } };
    case 'http':
      return {
        fromHttp: {
          url: source.url,
          refresh: formatMs(source.refreshMs),
          timeout: formatMs(source.timeoutMs),
          ...(source.tokenFile === null ? {} : { tokenFile: source.tokenFile }),
          ...empty,
        },
      };
    case 'dns':
      return {
        fromDns: {
          name: source.name,
          type: source.type,
          ...(source.refreshMs === null ? {} : { refresh: formatMs(source.refreshMs) }),
          ...empty,
        },
      };
    default:
      return source satisfies never;
  }
}

/** A source in a few words, for people. */
export function describeSource(source: TargetSource): string {
  switch (source.kind) {
    case 'file':
      return `the file ${source.path}, watched, and read every ${formatMs(source.refreshMs)}`;
    case 'http':
      return `${withoutSecrets(source.url)}, asked every ${formatMs(source.refreshMs)}`;
    case 'dns':
      return `the ${source.type.replace('+', ' and ')} records of ${source.name}, asked ${source.refreshMs === null ? 'when their TTL is over' : `every ${formatMs(source.refreshMs)}`}`;
    default:
      return source satisfies never;
  }
}

type Written = Readonly<Record<string, unknown>>;

function readFile(written: Written, report: Report): TargetSource {
  const { path, refresh } = FromFileSchema.properties;
  const file = readPath(written.path, ['fromFile', 'path'], path, report);
  const refreshMs = readMs(written.refresh, ['fromFile', 'refresh'], refresh, REFRESH, report);
  return { kind: 'file', path: file, refreshMs, allowEmpty: written.allowEmpty === true };
}

function readHttp(written: Written, report: Report): TargetSource {
  const { refresh, timeout, tokenFile } = FromHttpSchema.properties;
  const url = typeof written.url === 'string' ? written.url : '';
  const why = typeof written.url === 'string' ? whyNoUrl(url) : undefined;
  if (why !== undefined) report(['fromHttp', 'url'], `found ${found(why.shown)}, expected ${why.expected}`);
  return {
    kind: 'http',
    url,
    refreshMs: readMs(written.refresh, ['fromHttp', 'refresh'], refresh, REFRESH, report),
    timeoutMs: readMs(written.timeout, ['fromHttp', 'timeout'], timeout, TIMEOUT, report),
    tokenFile:
      written.tokenFile === undefined
        ? null
        : readPath(written.tokenFile, ['fromHttp', 'tokenFile'], tokenFile, report),
    allowEmpty: written.allowEmpty === true,
  };
}

function readDns(written: Written, report: Report): TargetSource {
  const { refresh } = FromDnsSchema.properties;
  const name = typeof written.name === 'string' ? written.name : '';
  if (typeof written.name === 'string' && (isIP(name) !== 0 || !DNS_NAME.test(name)))
    report(
      ['fromDns', 'name'],
      `found ${found(name)}, expected a full DNS name such as probes.default.svc.cluster.local${isIP(name) === 0 ? '' : '; list an address under targets'}`,
    );
  const type = typeof written.type === 'string' ? written.type : 'A+AAAA';
  if (!isDnsType(type)) report(['fromDns', 'type'], unknownWord(type, `one of ${DNS_TYPES.join(', ')}`, DNS_TYPES));
  return {
    kind: 'dns',
    name,
    type: isDnsType(type) ? type : 'A+AAAA',
    refreshMs:
      written.refresh === undefined ? null : readMs(written.refresh, ['fromDns', 'refresh'], refresh, REFRESH, report),
    allowEmpty: written.allowEmpty === true,
  };
}

function isDnsType(text: string): text is DnsType {
  return (DNS_TYPES as readonly string[]).includes(text);
}

function readPath(value: unknown, path: Path, schema: object, report: Report): string {
  if (typeof value !== 'string' || value === '') return '';
  if (value.includes('\0')) report(path, `found ${foundAt(path, value)}, expected ${expected(schema)}`);
  return value;
}

function whyNoUrl(text: string): { readonly shown: string; readonly expected: string } | undefined {
  const general = 'a URL such as https://inventory.example/targets';
  const shown = withoutSecrets(text);
  if (!URL.canParse(text)) return { shown, expected: general };
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { shown, expected: general };
  if (url.username === '' && url.password === '') return undefined;
  // A password must not get into logs by way of an error message.
  return { shown: `${url.protocol}//…@${url.host}`, expected: 'a URL without user and password; use tokenFile' };
}

function readMs(value: unknown, path: Path, schema: object, limits: Limits, report: Report): number {
  const text: unknown = value === undefined ? Reflect.get(schema, 'default') : value;
  const ns = typeof text === 'string' ? parseDurationNs(text) : undefined;
  if (ns !== undefined && ns >= limits.leastNs && ns <= limits.mostNs) return nsToMs(ns);
  if (typeof text === 'string') report(path, `found ${found(text)}, expected ${expected(schema)}`);
  return nsToMs(limits.leastNs);
}

function expected(schema: object): string {
  return String(Reflect.get(schema, 'description')).split(': ')[0] ?? '';
}

function formatMs(ms: number): string {
  return formatDuration(msToNs(ms));
}
