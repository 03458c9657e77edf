/**
 * Collectors of Dropbox's LLAMA in Go: the answer of `GET /influxdata` as text in, one interval out. Fields that it
 * does not report stay null.
 *
 * Such a collector keeps the last interval only. It reports as time either none (Go's zero time, as Dropbox's own
 * version does) or, in other versions, when the interval was summed up. Its intervals are aligned to their length, so
 * without a time they end at the last such moment on the collector's clock. An answer that equals the one before to the
 * byte is the same interval, unless every probe was lost: two intervals of a dead network look alike and must not be
 * merged. Right after the end of an interval an answer without a time is ignored.
 */

import { isRecord } from '../../config/files/problems.js';
import { lossPct } from '../../stats/row.js';
import { checkTags, isCount, type Page, parseJson, wrong } from '../results/answer.js';
import type { CollectedInterval, ResultRow } from '../results/types.js';

/** Its own measurement; the packet format of its probes. */
const PROTOCOL = 'llama';
const EMPTY = '[]';
/**
 * This soon after the end of an interval (by a clock known to half a second) the interval may not be summed up yet, and
 * the answer is the one before. Without a time of its own it would be mistaken for the new one. A share of the interval
 * where intervals are short.
 */
const UNSETTLED_MS = 1_000;
const UNSETTLED_SHARE = 0.25;

export class InfluxDataReader {
  private readonly collector: string;
  private intervalMs: number;
  private lastText = '';
  private lastEndMs = 0;

  /**
   * `collector` names it in results, for it does not report its name; `intervalMs` is the assumed length of its
   * intervals.
   */
  constructor(collector: string, intervalMs: number) {
    this.collector = collector;
    this.intervalMs = intervalMs;
  }

  /** `nowMs` is the collector's clock. Throws an error that says what was found, where, and what was expected. */
  read(text: string, after: number, nowMs: number): Page {
    const trimmed = text.trim();
    // Go writes null for an empty slice that was never filled.
    if (trimmed === EMPTY || trimmed === 'null') return this.page([]);
    const points = parseJson(text);
    if (!Array.isArray(points)) throw wrong('', points, 'a list of points, as GET /influxdata has it');
    const { rows, timeMs } = readPoints(points);
    const endMs = timeMs ?? Math.floor(nowMs / this.intervalMs) * this.intervalMs;
    const unsettledMs = Math.min(UNSETTLED_MS, this.intervalMs * UNSETTLED_SHARE);
    if (timeMs === undefined && nowMs - endMs < unsettledMs) return this.page([]);
    const repeated = timeMs === undefined && trimmed === this.lastText && rows.some(({ rttUs }) => rttUs !== null);
    if (repeated) return this.page([]);
    if (endMs <= after) return this.page([], endMs);
    this.lastText = trimmed;
    // Two times in a row are the best witness of the length; a missed one would make it look twice as long.
    const apartMs = endMs - this.lastEndMs;
    const plausible = this.lastEndMs > 0 && apartMs > 0 && apartMs < 1.5 * this.intervalMs;
    if (timeMs !== undefined && plausible) this.intervalMs = apartMs;
    this.lastEndMs = endMs;
    return this.page([
      { collector: this.collector, intervalMs: this.intervalMs, startMs: endMs - this.intervalMs, endMs, rows },
    ]);
  }

  private page(intervals: readonly CollectedInterval[], newest = this.lastEndMs): Page {
    const { collector, intervalMs } = this;
    return { collector, intervalMs, intervals, newest, gap: false };
  }
}

/** Rows, and the latest time of their points; undefined when they have none. */
function readPoints(points: readonly unknown[]): { readonly rows: ResultRow[]; readonly timeMs: number | undefined } {
  let timeMs: number | undefined;
  const rows = points.map((point, index): ResultRow => {
    const place = `/${index}`;
    if (!isRecord(point)) throw wrong(place, point, 'a point');
    const ms = typeof point.time === 'string' ? Date.parse(point.time) : Number.NaN;
    if (Number.isNaN(ms)) throw wrong(`${place}/time`, point.time, 'a time (RFC 3339)');
    const told = ms > 0;
    if (index > 0 && told !== (timeMs !== undefined))
      throw wrong(`${place}/time`, point.time, 'a time at all points, or at none');
    if (told) timeMs = Math.max(ms, timeMs ?? 0);
    return readPoint(point, place);
  });
  return { rows, timeMs };
}

function readPoint(point: Readonly<Record<string, unknown>>, place: string): ResultRow {
  const { fields, tags } = point;
  if (!isRecord(fields)) throw wrong(`${place}/fields`, fields, 'an object with loss, lost, rtt and sent');
  checkTags(tags, `${place}/tags`);
  const { sent, lost, rtt } = fields;
  if (!isCount(sent)) throw wrong(`${place}/fields/sent`, sent, 'a count');
  if (!isCount(lost) || lost > sent) throw wrong(`${place}/fields/lost`, lost, `a count of at most ${sent}`);
  if (typeof rtt !== 'number' || !(rtt >= 0)) throw wrong(`${place}/fields/rtt`, rtt, 'milliseconds');
  const { src_ip: source = '', dst_ip: target, class: className = '', ...own } = tags;
  if (target === undefined) throw wrong(`${place}/tags/dst_ip`, target, 'the address of the target');
  return {
    group: '',
    protocol: PROTOCOL,
    source,
    target,
    port: 0,
    class: className,
    dscp: null,
    tags: own,
    sent,
    received: sent - lost,
    // It does not tell ICMP errors and local drops from loss: every probe without a reply is lost.
    lost,
    unreachable: 0,
    lossPct: lossPct({ sent, received: sent - lost, lost, unreachable: 0 }),
    late: null,
    duplicates: null,
    reordered: null,
    sendErrors: null,
    localDrops: 0,
    rttUs: lost === sent || rtt === 0 ? null : meanOnly(rtt),
    residenceUs: null,
    jitterUs: null,
  };
}

/** Whole nanoseconds: the six decimals of a millisecond. */
function meanOnly(rttMs: number): NonNullable<ResultRow['rttUs']> {
  const mean = Math.round(rttMs * 1e6) / 1e3;
  return { min: null, mean, stddev: null, p50: null, p90: null, p99: null, p999: null, max: null };
}
