/**
 * The collectors of a scraper's config: from the shape in which they are written to the one that it works with, and
 * back.
 */

import type { CollectorKind } from '../../contract/scraperStatus.js';
import { API_PATH } from '../apiPath.js';
import {
  found,
  isRecord,
  kindOf,
  type Path,
  type Report,
  reportUnknownKeys,
  unknownWord,
  withoutSecrets,
} from '../files/problems.js';
import { reportShape } from '../group/schemaProblems.js';
import { readSource, sourceToJson } from '../group/targetSource.js';
import {
  COLLECTOR_KINDS,
  COLLECTORS_EXPECTED,
  CollectorSchema,
  CollectorSourceSchema,
  MAX_COLLECTORS,
} from './listSchema.js';
import type { CollectorAccess, CollectorAddress, CollectorList } from './types.js';
import { defaultOf, expectedBy, formatMs, lacksPort, readMs, readUrl, textOrNull } from './values.js';

const EXAMPLE = 'http://10.1.0.2:5000';
const PASSWORDS = 'put a token into a file, and name that with tokenFile';
const SOURCES = ['fromFile', 'fromHttp', 'fromDns'] as const;
const INTERVAL = { leastMs: 1000, mostMs: 3_600_000 };
const NONE: CollectorList = { kind: 'listed', collectors: [] };

type Written = Readonly<Record<string, unknown>>;

/** Reports every problem of `collectors`; `lineOf` gives the line of an earlier one. */
export function readCollectors(written: unknown, report: Report, lineOf: (path: Path) => string): CollectorList {
  const here: Report = (path, message, at) => report(['collectors', ...path], message, at);
  if (Array.isArray(written)) return readListed(written, here, (path) => lineOf(['collectors', ...path]));
  if (isRecord(written)) return readFollowed(written, here);
  here([], `found ${kindOf(written)}, expected ${COLLECTORS_EXPECTED}`, written === undefined ? 'key' : 'value');
  return NONE;
}

function readListed(written: readonly unknown[], report: Report, lineOf: (path: Path) => string): CollectorList {
  if (written.length === 0) report([], `found an empty list, expected at least one collector, such as ${EXAMPLE}`);
  if (written.length > MAX_COLLECTORS)
    report(
      [],
      `found ${written.length} collectors, expected at most ${MAX_COLLECTORS}; share them among several scrapers`,
    );
  const collectors: CollectorAddress[] = [];
  const firstOf = new Map<string, number>();
  for (const [index, entry] of written.entries()) {
    const at: Report = (path, message, where) => report([index, ...path], message, where);
    const plain = typeof entry === 'string';
    if (!plain && !isRecord(entry)) {
      at([], `found ${found(entry)}, expected ${expectedBy(CollectorSchema)}`);
      continue;
    }
    const map: Written = plain ? { url: entry } : entry;
    if (!plain) reportShape(CollectorSchema, entry, at);
    const url = readUrl(map.url, plain ? [] : ['url'], EXAMPLE, PASSWORDS, at);
    reportApiPath(url, plain ? [] : ['url'], at);
    const first = url === '' ? undefined : firstOf.get(url);
    if (first !== undefined)
      at(
        plain ? [] : ['url'],
        `found ${found(url)} a second time, expected every collector once; it is first at ${lineOf([first])}: remove one of the two`,
      );
    firstOf.set(url, first ?? index);
    collectors.push({ url, ...readAccess(map, at) });
  }
  return { kind: 'listed', collectors };
}

/** A sentence for each listed URL of a collector without a port, which is likely a slip. */
export function portWarnings(written: unknown): string[] {
  if (!Array.isArray(written)) return [];
  const urls = written.map((entry: unknown) => (isRecord(entry) ? entry.url : entry));
  return urls
    .filter((url) => typeof url === 'string')
    .filter(lacksPort)
    .map((text) => {
      const { protocol, hostname, pathname } = new URL(text);
      const [asked, meant] = [protocol === 'https:' ? 443 : 80, new URL(EXAMPLE).port];
      const path = pathname.replace(/\/+$/, '');
      return `the collector ${text} has no port, so the scraper asks port ${asked}, and collectors listen on ${meant} by default; write ${protocol}//${hostname}:${meant}${path}, or ${protocol}//${hostname}:${asked}${path} if that is meant`;
    });
}

function reportApiPath(url: string, path: Path, report: Report): void {
  const apiPath = API_PATH.exec(url)?.[0];
  if (apiPath === undefined) return;
  const base = url.slice(0, -apiPath.length);
  report(path, `found ${found(url)}, expected the URL of the collector without ${apiPath}; write ${base}`);
}

function readFollowed(written: Written, report: Report): CollectorList {
  const { scheme: Scheme, port: Port } = CollectorSourceSchema.properties;
  const given = SOURCES.filter((key) => written[key] !== undefined);
  const known = Object.keys(CollectorSourceSchema.properties);
  if (given.length === 0) {
    // A single collector without the dash of a list is the likeliest slip.
    if (written.url !== undefined)
      report(
        [],
        `found a map with url, expected a list of collectors; write [ { url: ${found(typeof written.url === 'string' ? withoutSecrets(written.url) : written.url)} } ]`,
      );
    else {
      reportUnknownKeys(written, known, [], report);
      if (Object.keys(written).every((key) => known.includes(key)))
        report([], `found none of ${SOURCES.join(', ')}, expected ${COLLECTORS_EXPECTED}`, 'key');
    }
    return NONE;
  }
  reportShape(CollectorSourceSchema, written, report);
  for (const key of given.slice(1))
    report(
      [key],
      `found ${key} beside ${given[0]}, expected exactly one of ${SOURCES.join(', ')}; remove one of the two`,
      'key',
    );
  const from = readSource({ [given[0]]: written[given[0]] }, report);
  const scheme = written.scheme ?? defaultOf(Scheme);
  if (typeof scheme === 'string' && scheme !== 'http' && scheme !== 'https')
    report(['scheme'], unknownWord(scheme, expectedBy(Scheme), ['http', 'https']));
  const access = readAccess(written, report);
  if (from === undefined) return NONE;
  return {
    kind: 'followed',
    from,
    scheme: scheme === 'https' ? 'https' : 'http',
    port: Number(written.port ?? defaultOf(Port)),
    access,
  };
}

function readAccess(written: Written, report: Report): CollectorAccess {
  const { kind: Kind, interval: Interval } = CollectorSchema.properties;
  const kind = written.kind ?? defaultOf(Kind);
  if (typeof kind === 'string' && !isKind(kind)) report(['kind'], unknownWord(kind, expectedBy(Kind), COLLECTOR_KINDS));
  if (written.interval !== undefined && kind === 'collector')
    report(
      ['interval'],
      'found an interval, expected none: llama collector tells its own; remove it, or write kind: llama',
      'key',
    );
  return {
    kind: isKind(kind) ? kind : 'collector',
    tokenFile: textOrNull(written.tokenFile),
    intervalMs: readMs(written.interval, String(defaultOf(Interval)), ['interval'], INTERVAL, Interval, report),
  };
}

function isKind(value: unknown): value is CollectorKind {
  return (COLLECTOR_KINDS as readonly unknown[]).includes(value);
}

/** The inverse of `readCollectors`, with defaults filled in. */
export function collectorsToJson(list: CollectorList): unknown {
  if (list.kind === 'listed') return list.collectors.map(({ url, ...access }) => ({ url, ...accessToJson(access) }));
  const { from, scheme, port, access } = list;
  return { ...sourceToJson(from), scheme, port, ...accessToJson(access) };
}

function accessToJson({ kind, tokenFile, intervalMs }: CollectorAccess): object {
  return { kind, tokenFile, ...(kind === 'llama' ? { interval: formatMs(intervalMs) } : {}) };
}
