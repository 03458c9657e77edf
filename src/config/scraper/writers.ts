/**
 * The writers of a scraper's config: from the shape in which they are written to the one that they are made of, and
 * back.
 */

import { found, isRecord, kindOf, type Path, type Report, unknownWord } from '../files/problems.js';
import { reportShape } from '../group/schemaProblems.js';
import { formatBytes, parseBytes } from '../options/bytes.js';
import { WRITER_SCHEMAS } from './listSchema.js';
import { defaultOf, expectedBy, formatMs, readMs, readUrl, textOrNull } from './values.js';
import {
  type FileConfig,
  POINT_LAYOUTS,
  type PointLayout,
  WRITER_DEFAULTS,
  type WriterConfig,
  writerName,
} from './writerConfig.js';

const WRITER_KINDS = Object.keys(WRITER_SCHEMAS) as readonly WriterConfig['kind'][];
const LIST = `a list of writers, each a map with kind: ${WRITER_KINDS.join(', ')}; [] when nothing is to be written`;
const EXAMPLE = 'http://127.0.0.1:8086';
const TIMEOUT = { leastMs: 100, mostMs: 600_000 };
const MAX_AGE = { leastMs: 1000, mostMs: 168 * 3_600_000 };
const LEAST_FILE_BYTES = 64 * 2 ** 10;
const MOST_FILE_BYTES = 2 ** 40;

type Written = Readonly<Record<string, unknown>>;

/** Reports every problem of `writers`; `lineOf` gives the line of an earlier one. */
export function readWriters(written: unknown, report: Report, lineOf: (path: Path) => string): WriterConfig[] {
  if (!Array.isArray(written)) {
    report(['writers'], `found ${kindOf(written)}, expected ${LIST}`, written === undefined ? 'key' : 'value');
    return [];
  }
  const writers: WriterConfig[] = [];
  const firstOf = new Map<string, number>();
  for (const [index, entry] of written.entries()) {
    const at: Report = (path, message, where) => report(['writers', index, ...path], message, where);
    const writer = readWriter(entry, at);
    if (writer === undefined) continue;
    const key = writerName(writer);
    const first = firstOf.get(key);
    if (first !== undefined)
      at(
        [],
        `found a second writer to the same place (${key}), expected every place once; the first is at ${lineOf(['writers', first])}: remove one of the two`,
      );
    firstOf.set(key, first ?? index);
    writers.push(writer);
  }
  return writers;
}

function readWriter(written: unknown, report: Report): WriterConfig | undefined {
  if (!isRecord(written)) {
    report([], `found ${kindOf(written)}, expected a map with kind: ${WRITER_KINDS.join(', ')}`);
    return undefined;
  }
  const { kind } = written;
  const expected = `one of ${WRITER_KINDS.join(', ')}`;
  if (typeof kind !== 'string' || !isKind(kind)) {
    if (typeof kind === 'string') report(['kind'], unknownWord(kind, expected, WRITER_KINDS));
    else report(['kind'], `found ${found(kind)}, expected ${expected}`);
    return undefined;
  }
  reportShape(WRITER_SCHEMAS[kind], written, report);
  const layout = readLayout(written.layout, report);
  if (kind === 'file') return readFileWriter(written, layout, report);
  const http = {
    url: readUrl(
      written.url,
      ['url'],
      EXAMPLE,
      kind === 'influx2' ? 'use tokenFile' : 'use user and passwordFile',
      report,
    ),
    layout,
    batchPoints: Number(written.batchPoints ?? WRITER_DEFAULTS.batchPoints),
    timeoutMs: readMs(
      written.timeout,
      formatMs(WRITER_DEFAULTS.timeoutMs),
      ['timeout'],
      TIMEOUT,
      property(kind, 'timeout'),
      report,
    ),
    gzip: written.gzip !== false,
  };
  if (kind === 'influx2') {
    const tokenFile = textOrNull(written.tokenFile);
    return {
      kind,
      org: String(written.org),
      bucket: String(written.bucket),
      ...(tokenFile === null ? {} : { tokenFile }),
      ...http,
    };
  }
  const user = textOrNull(written.user);
  const passwordFile = textOrNull(written.passwordFile);
  const retentionPolicy = textOrNull(written.retentionPolicy);
  if (passwordFile !== null && user === null)
    report(['passwordFile'], 'found a password without user, expected both or none; set user too');
  return {
    kind,
    database: String(written.database),
    ...(user === null ? {} : { user }),
    ...(passwordFile === null ? {} : { passwordFile }),
    ...(retentionPolicy === null ? {} : { retentionPolicy }),
    ...http,
  };
}

function readFileWriter(written: Written, layout: PointLayout, report: Report): FileConfig {
  const size = written.maxSize ?? WRITER_DEFAULTS.maxBytes;
  const bytes = parseBytes(size);
  const valid = bytes !== undefined && bytes >= LEAST_FILE_BYTES && bytes <= MOST_FILE_BYTES;
  if (!valid && (typeof size === 'string' || typeof size === 'number'))
    report(['maxSize'], `found ${found(size)}, expected ${expectedBy(property('file', 'maxSize'))}`);
  return {
    kind: 'file',
    dir: String(written.dir),
    layout,
    maxBytes: valid ? bytes : WRITER_DEFAULTS.maxBytes,
    maxAgeMs: readMs(
      written.maxAge,
      formatMs(WRITER_DEFAULTS.maxAgeMs),
      ['maxAge'],
      MAX_AGE,
      property('file', 'maxAge'),
      report,
    ),
    keep: Number(written.keep ?? WRITER_DEFAULTS.keep),
  };
}

function readLayout(written: unknown, report: Report): PointLayout {
  const schema = property('file', 'layout');
  const layout = written ?? defaultOf(schema);
  if (POINT_LAYOUTS.includes(layout as PointLayout)) return layout as PointLayout;
  if (typeof layout === 'string') report(['layout'], unknownWord(layout, expectedBy(schema), POINT_LAYOUTS));
  return WRITER_DEFAULTS.layout;
}

function property(kind: WriterConfig['kind'], key: string): object {
  return WRITER_SCHEMAS[kind].properties[key] ?? {};
}

function isKind(kind: string): kind is WriterConfig['kind'] {
  return (WRITER_KINDS as readonly string[]).includes(kind);
}

/** The inverse of `readWriters`, with defaults filled in. */
export function writersToJson(writers: readonly WriterConfig[]): object[] {
  return writers.map((writer) => {
    const { layout = WRITER_DEFAULTS.layout } = writer;
    if (writer.kind === 'file') {
      const { maxBytes = WRITER_DEFAULTS.maxBytes, maxAgeMs = WRITER_DEFAULTS.maxAgeMs } = writer;
      const { kind, dir, keep = WRITER_DEFAULTS.keep } = writer;
      return { kind, dir, layout, maxSize: exactBytes(maxBytes), maxAge: formatMs(maxAgeMs), keep };
    }
    const { url, batchPoints = WRITER_DEFAULTS.batchPoints, timeoutMs = WRITER_DEFAULTS.timeoutMs } = writer;
    const http = { layout, batchPoints, timeout: formatMs(timeoutMs), gzip: writer.gzip ?? WRITER_DEFAULTS.gzip };
    if (writer.kind === 'influx2') {
      const { kind, org, bucket, tokenFile = null } = writer;
      return { kind, url, org, bucket, tokenFile, ...http };
    }
    const { kind, database, user = null, passwordFile = null, retentionPolicy = null } = writer;
    return { kind, url, database, user, passwordFile, retentionPolicy, ...http };
  });
}

/** With a unit where that is exact. */
function exactBytes(bytes: number): string | number {
  const text = formatBytes(bytes);
  return parseBytes(text) === bytes ? text : bytes;
}
