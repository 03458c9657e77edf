/**
 * `GET /v1/paths`: one interval per source port, worst first; it shows which ECMP path is bad. The interval is the last
 * finished one, or the next after the cursor with `after=CURSOR`, or that of a moment with `at=MS`. With the cursor, a
 * reader that follows `/v1/results` can get the paths of every interval.
 */

import type { FastifyInstance } from 'fastify';
import { nsToUs } from '../../base/units.js';
import { Breather } from '../../base/yielding.js';
import type { StoredInterval, StreamInfo } from '../../collector/results/results.js';
import type { CollectorService } from '../../collector/service.js';
import { nullable } from '../../stats/directionRow.js';
import { type Explanations, pathExplanations } from '../../stats/explanations.js';
import { lossPct } from '../../stats/row.js';
import { type IntervalReport, PATH_COLUMNS, PATH_TRAITS, type PathColumn } from '../../threads/messages.js';
import { bodyOf, Chunk } from '../server/bodies.js';
import { PathsQuery } from '../server/schemas.js';
import { PathsSchema } from '../shared/answers.js';
import { type RowFilter, rowFilter } from '../shared/filter.js';
import { placeJson } from '../shared/results.js';
import { worstPaths } from './worst.js';

const DEFAULT_LIMIT = 10_000;

interface PathDelay {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly relative: boolean;
}

/** One path in the answer. */
interface PathRow extends Record<PathColumn, number>, Explanations {
  readonly group: string;
  readonly protocol: string;
  readonly source: string;
  readonly sourcePort: number | null;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly dscp: number;
  readonly lossPct: number | null;
  readonly rttUs: { readonly min: number; readonly mean: number; readonly max: number } | null;
  readonly forwardUs: PathDelay | null;
  readonly reverseUs: PathDelay | null;
  readonly dscpForward: number | null;
  readonly dscpReverse: number | null;
  readonly hopsForward: number | null;
  readonly hopsReverse: number | null;
}

export function pathsRoute(app: FastifyInstance, service: CollectorService): void {
  const schema = {
    operationId: 'getPaths',
    summary: 'One interval by source port, worst paths first',
    tags: ['results'],
    querystring: PathsQuery,
    response: { 200: PathsSchema },
  };
  app.get<{ Querystring: PathsQuery }>('/v1/paths', { schema }, (request, reply) => {
    const { limit = DEFAULT_LIMIT } = request.query;
    const filter = rowFilter(request.query);
    const { interval, gap } = asked(service, request.query);
    reply.type('application/json; charset=utf-8');
    if (interval === undefined) return reply.send({ ...NO_INTERVAL, gap, total: 0, paths: [] });
    return reply.send(bodyOf(pathsBody(interval, gap, service, filter, limit)));
  });
}

const NO_INTERVAL = {
  cursor: null,
  follows: null,
  incarnation: null,
  clockEpoch: null,
  clockAheadMs: null,
  start: null,
  end: null,
  endMs: null,
};

/** By cursor, by time, or the last one of this process. */
function asked(
  { results, clock }: CollectorService,
  { after, at }: PathsQuery,
): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
  if (after !== undefined) return results.pathsAfter(after);
  if (at === undefined) return { interval: results.latest, gap: false };
  return { interval: results.pathsAt(at - clock.aheadMs()), gap: false };
}

async function* pathsBody(
  interval: StoredInterval,
  gap: boolean,
  service: CollectorService,
  filter: RowFilter | undefined,
  limit: number,
): AsyncGenerator<Buffer> {
  const { report, infos } = interval;
  const breather = new Breather();
  const known = new Map<string, readonly number[]>();
  const portsOf = ({ target, group }: StreamInfo): readonly number[] => {
    const key = `${target.family} ${group.name}`;
    const ports = known.get(key) ?? service.sourcePorts(target.family, group, report);
    known.set(key, ports);
    return ports;
  };
  const perStream = service.config.source.ports;
  const wanted = new Map<number, StreamInfo>();
  for (const info of infos) {
    if (breather.due) await breather.breathe();
    if (filter === undefined || filter(info)) wanted.set(info.id, info);
  }
  const infoOf = (row: number) => wanted.get(Math.floor(report.paths[row] / perStream));
  const { rows, total } = await worstPaths(report, limit, (row) => infoOf(row) !== undefined, breather);
  const start = new Date(report.startMs).toISOString();
  const end = new Date(report.endMs).toISOString();
  const chunk = new Chunk();
  chunk.addText(`{${placeJson(interval, service.clock)}`);
  chunk.addText(JSON.stringify({ start, end, endMs: report.endMs, gap, total }).slice(1, -1));
  chunk.addText(',"paths":[');
  let first = true;
  for (const row of rows) {
    if (breather.due) await breather.breathe();
    const info = infoOf(row);
    if (info === undefined) continue;
    const sourcePort = portsOf(info)[report.paths[row] % perStream] ?? null;
    chunk.addText(`${first ? '' : ','}${JSON.stringify(pathRow(report, row, info, sourcePort))}`);
    first = false;
    if (chunk.full) yield chunk.take();
  }
  chunk.addText(']}');
  yield chunk.take();
}

function pathRow(report: IntervalReport, row: number, info: StreamInfo, sourcePort: number | null): PathRow {
  const counters = {} as Record<PathColumn, number>;
  for (const [column, name] of PATH_COLUMNS.entries())
    counters[name] = report.pathCounters[row * PATH_COLUMNS.length + column];
  const [min = 0, mean = 0, max = 0] = report.pathRttNs.subarray(row * 3, row * 3 + 3);
  return {
    group: info.group.name,
    protocol: info.group.protocol,
    source: info.source,
    sourcePort,
    target: info.target.address,
    port: info.target.port,
    class: info.class.name,
    dscp: info.class.dscp,
    ...counters,
    lossPct: lossPct(counters),
    ...pathExplanations(report, row),
    rttUs: max === 0 ? null : { min: microseconds(min), mean: microseconds(mean), max: microseconds(max) },
    forwardUs: delay(report, row, 0),
    reverseUs: delay(report, row, 3),
    dscpForward: trait(report, row, 'dscpForward'),
    dscpReverse: trait(report, row, 'dscpReverse'),
    hopsForward: trait(report, row, 'hopsForward'),
    hopsReverse: trait(report, row, 'hopsReverse'),
  };
}

const DELAYS = 6;

function delay(report: IntervalReport, row: number, from: number): PathDelay | null {
  const [min = 0, mean = 0, max = 0] = report.pathDelayNs.subarray(row * DELAYS + from, row * DELAYS + from + 3);
  if (Number.isNaN(min)) return null;
  const relative = trait(report, row, 'relative') === 1;
  return { min: microseconds(min), mean: microseconds(mean), max: microseconds(max), relative };
}

function trait(report: IntervalReport, row: number, name: (typeof PATH_TRAITS)[number]): number | null {
  return nullable(report.pathTraits[row * PATH_TRAITS.length + PATH_TRAITS.indexOf(name)]);
}

/** Whole nanoseconds, as microseconds. */
function microseconds(ns: number): number {
  return nsToUs(Math.round(ns));
}
