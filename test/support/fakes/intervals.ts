/** What tests of the scraper's delivery share: intervals as collectors give them, a log that can be read, and a reader of line protocol. */

import pino, { type Logger } from 'pino';
import type { CollectedInterval, ResultRow } from '../../../src/scraper/results/types.js';

export const BASE_MS = Date.parse('2026-11-21T10:00:00Z');
export const INTERVAL_MS = 10_000;

export function sampleRow(changes: Partial<ResultRow> = {}): ResultRow {
  return {
    group: 'west',
    protocol: 'stamp',
    source: '10.1.0.2',
    target: '10.2.0.2',
    port: 8100,
    class: 'ef',
    dscp: 46,
    tags: { dst_rack: 'r1' },
    sent: 160,
    received: 158,
    lost: 1,
    unreachable: 1,
    lossPct: 1.25,
    late: 2,
    duplicates: 3,
    reordered: 4,
    sendErrors: 5,
    localDrops: 6,
    rttUs: { min: 61, mean: 80.2, stddev: 9.1, p50: 79, p90: 92, p99: 110, p999: 131, max: 131 },
    residenceUs: 4.1,
    jitterUs: 3.3,
    hdr: 'HISTFAAA',
    ...changes,
  };
}

/** A row of which this host refused every probe. */
export function unsentRow(changes: Partial<ResultRow> = {}): ResultRow {
  const none = { sent: 0, received: 0, lost: 0, unreachable: 0, late: 0, duplicates: 0, reordered: 0, localDrops: 0 };
  return sampleRow({
    ...none,
    ...{ lossPct: null, rttUs: null, residenceUs: null, jitterUs: null, hdr: null, sendErrors: 20 },
    sendErrorsBy: [{ count: 20, errno: 'ENETUNREACH' }],
    ...changes,
  });
}

/** The `index`-th interval of a collector; its rows differ in target, and in what they have received by collector and interval. */
export function sampleInterval(collector: string, index: number, rows = 3): CollectedInterval {
  const endMs = BASE_MS + (index + 1) * INTERVAL_MS;
  return {
    collector,
    intervalMs: INTERVAL_MS,
    startMs: endMs - INTERVAL_MS,
    endMs,
    rows: Array.from({ length: rows }, (_, row) =>
      sampleRow({
        target: `10.2.${row >> 8}.${row & 255}`,
        received: index,
        rttUs: index % 7 === 0 ? null : sampleRow().rttUs,
      }),
    ),
  };
}

export interface Logged {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

export function readableLog(): { readonly logger: Logger; readonly logged: Logged[] } {
  const logged: Logged[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as Logged) });
  return { logger, logged };
}

export interface ParsedLine {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number>>;
  readonly time: string;
}

/**
 * A line of the line protocol with float fields, read as InfluxDB 1 does: a backslash before a comma, an equals sign or a space takes away
 * its meaning, any other one is a backslash. Throws on everything that is not a whole line.
 */
export function parseLine(line: string): ParsedLine {
  const [series, fields, time, ...more] = splitAt(line, ' ');
  if (series === undefined || fields === undefined || time === undefined || more.length > 0)
    throw new Error(`not three parts: ${line}`);
  if (!/^\d+$/.test(time)) throw new Error(`no time: ${line}`);
  const [measurement, ...tags] = splitAt(series, ',');
  return {
    measurement: plain(measurement ?? ''),
    tags: Object.fromEntries(tags.map((tag) => pair(tag, line))),
    fields: Object.fromEntries(
      splitAt(fields, ',').map((field) => {
        const [name, value] = pair(field, line);
        if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(value)) throw new Error(`no float in ${line}`);
        return [name, Number(value)];
      }),
    ),
    time,
  };
}

function pair(text: string, line: string): [string, string] {
  const [name, value, ...more] = splitAt(text, '=');
  if (name === undefined || value === undefined || name === '' || value === '' || more.length > 0)
    throw new Error(`no pair of name and value in ${line}: ${text}`);
  return [plain(name), plain(value)];
}

function splitAt(text: string, separator: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === separator && text[i - 1] !== '\\') parts.push('');
    else parts[parts.length - 1] += text[i];
  }
  return parts;
}

function plain(text: string): string {
  return text.replace(/\\([ ,=])/g, '$1');
}
