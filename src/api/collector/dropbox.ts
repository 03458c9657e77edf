/**
 * The HTTP interfaces of Dropbox's LLAMA, so that its scrapers read this collector like their own: `GET /status` and
 * `GET /influxdata` as the collector in Go writes them, `GET /latency` as the one in Python does. Always the last
 * finished interval.
 *
 * The answers stay within the format of those collectors: every point has a count of probes sent, and two points never
 * have the same tags. So rows of one target (on several ports, or in several groups) are one point, as in Go.
 */

import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { msToS, nsToMs } from '../../base/units.js';
import { Breather } from '../../base/yielding.js';
import type { StoredInterval, StreamInfo } from '../../collector/results/results.js';
import type { CollectorService } from '../../collector/service.js';
import { lossShare } from '../../stats/outcome.js';
import { RTT_BUCKETS } from '../../stats/rttBuckets.js';
import { PATH_COLUMNS } from '../../threads/messages.js';
import { bodyOf, Chunk } from '../server/bodies.js';

type Tags = Readonly<Record<string, string>>;

/** A target, and its class where its group has several, in one interval. */
interface Point {
  readonly tags: Tags;
  sent: number;
  /**
   * Without a reply: lost, unreachable or too big, which are one outcome to LLAMA. Without probes that this host
   * dropped.
   */
  lost: number;
  rtts: number;
  rttSumNs: number;
}

const COLUMNS = PATH_COLUMNS.length;
const SENT = PATH_COLUMNS.indexOf('sent');
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOST = PATH_COLUMNS.indexOf('lost');
const UNREACHABLE = PATH_COLUMNS.indexOf('unreachable');
const TOO_BIG = PATH_COLUMNS.indexOf('tooBig');

const Tags = Type.Record(Type.String(), Type.String(), {
  description: 'tags of the target, src_ip, dst_ip and dst_port',
});
const tags = ['results'];
const STATUS = {
  operationId: 'getLlamaStatus',
  summary: "As Dropbox's LLAMA: ok while the process answers",
  tags,
  response: { 200: { description: 'ok', content: { 'text/plain': { schema: Type.String() } } } },
};
const INFLUX_DATA = {
  operationId: 'getLlamaInfluxData',
  summary: "As Dropbox's LLAMA in Go: the last finished interval, a point for each target",
  tags,
  response: {
    200: Type.Array(
      Type.Object({
        fields: Type.Object(
          {
            loss: Type.Number({ description: 'percent' }),
            lost: Type.Number({ description: 'probes that are lost, unreachable or too big' }),
            rtt: Type.Number({ description: 'mean, ms; 0 when nothing came back' }),
            sent: Type.Number({ description: 'probes' }),
          },
          { description: 'what was measured' },
        ),
        tags: Tags,
        time: Type.String({ description: 'RFC 3339' }),
        measurement: Type.String({ description: 'raw_stats' }),
      }),
      { description: 'points as its scraper reads them' },
    ),
  },
};
const LATENCY = {
  operationId: 'getLlamaLatency',
  summary: "As Dropbox's LLAMA in Python: the last finished interval, rtt (ms) and loss (percent) of each target",
  tags,
  response: {
    200: Type.Array(
      Type.Object({
        tags: Tags,
        data: Type.Array(
          Type.Array(Type.Union([Type.String(), Type.Number()]), {
            description: 'name, value and time in seconds since the epoch',
          }),
        ),
      }),
      { description: 'points as its scraper reads them' },
    ),
  },
};

export function llamaRoutes(app: FastifyInstance, service: CollectorService): void {
  app.get('/status', { schema: STATUS }, (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'));
  app.get('/influxdata', { schema: INFLUX_DATA }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(bodyOf(arrayOf(service.results.latest, goTags, goPoint))),
  );
  app.get('/latency', { schema: LATENCY }, (_request, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .send(bodyOf(arrayOf(service.results.latest, pythonTags(service.config.collector.name), pythonPoint))),
  );
}

async function* arrayOf(
  interval: StoredInterval | undefined,
  tagsOf: (info: StreamInfo) => Tags,
  text: (point: Point, endMs: number) => string,
): AsyncGenerator<Buffer> {
  const chunk = new Chunk();
  chunk.addText('[');
  if (interval !== undefined) {
    const breather = new Breather();
    const points = await pointsOf(interval, tagsOf, breather);
    let first = true;
    for (const point of points) {
      if (breather.due) await breather.breathe();
      chunk.addText(`${first ? '' : ','}${text(point, interval.report.endMs)}`);
      first = false;
      if (chunk.full) yield chunk.take();
    }
  }
  chunk.addText(']');
  yield chunk.take();
}

/** In the order in which their first row is in the results. */
async function pointsOf(
  { report, infos }: StoredInterval,
  tagsOf: (info: StreamInfo) => Tags,
  breather: Breather,
): Promise<Iterable<Point>> {
  const points = new Map<string, Point>();
  for (const [row, info] of infos.entries()) {
    if (breather.due) await breather.breathe();
    const counter = (column: number): number => report.rowCounters[row * COLUMNS + column];
    const sent = counter(SENT);
    const lost = counter(LOST) + counter(UNREACHABLE) + counter(TOO_BIG);
    // No probe was sent, or this host dropped all of them itself: the loss is unknown.
    if (lossShare({ sent, received: counter(RECEIVED), lost, unreachable: 0 }) === null) continue;
    const own = tagsOf(info);
    // The class last: without it, two points could have the same tags.
    const tags = info.group.classes.length > 1 ? { ...own, class: info.class.name } : own;
    const key = JSON.stringify(Object.entries(tags).sort(byKey));
    let point = points.get(key);
    if (point === undefined) {
      point = { tags, sent: 0, lost: 0, rtts: 0, rttSumNs: 0 };
      points.set(key, point);
    }
    point.sent += sent;
    point.lost += lost;
    point.rttSumNs += report.rowRttSumsNs[row];
    for (let bucket = 0; bucket < RTT_BUCKETS; bucket++) point.rtts += report.rowRttBuckets[row * RTT_BUCKETS + bucket];
  }
  return points.values();
}

/** The target's own tags have precedence, as in Go. */
const goTags = ({ source, target }: StreamInfo): Tags => ({
  src_ip: source,
  dst_ip: target.address,
  ...target.tags,
});

const pythonTags =
  (host: string) =>
  ({ target }: StreamInfo): Tags => ({ dst_host: target.address, src_host: host, ...target.tags });

const lossPct = ({ sent, lost }: Point): number => (lost / sent) * 100;
const rttMs = ({ rtts, rttSumNs }: Point): number => (rtts === 0 ? 0 : nsToMs(rttSumNs / rtts));

/** A DataPoint as Go's encoding/json writes it: the keys of maps sorted, the keys of structs in their order. */
function goPoint(point: Point, endMs: number): string {
  const fields = `{"loss":${goFloat(lossPct(point))},"lost":${goFloat(point.lost)},"rtt":${goFloat(rttMs(point))},"sent":${goFloat(point.sent)}}`;
  return `{"fields":${fields},"tags":${goMap(point.tags)},"time":"${goTime(endMs)}","measurement":"raw_stats"}`;
}

/** `%f`, as LLAMA writes every number, so that InfluxDB does not take one for an integer. */
const goFloat = (value: number): string => value.toFixed(6);

/** RFC 3339 with the necessary decimals only. */
export const goTime = (ms: number): string => new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');

/** Go also escapes characters that are special in HTML or JavaScript. */
const GO_ESCAPES = /[<>&\u2028\u2029]/g;

const goMap = (tags: Tags): string => sortedMap(tags).replace(GO_ESCAPES, unicodeEscape);

/** Timestamps are whole seconds in Python. */
function pythonPoint(point: Point, endMs: number): string {
  const seconds = Math.round(msToS(endMs));
  const data = `[["rtt",${pythonFloat(rttMs(point))},${seconds}],["loss",${pythonFloat(lossPct(point))},${seconds}]]`;
  return `{"tags":${pythonMap(point.tags)},"data":${data}}`;
}

/** As Python prints a float: a decimal point always, no zeros behind the first decimal. */
const pythonFloat = (value: number): string => value.toFixed(6).replace(/(\.\d+?)0+$/, '$1');

/** Python escapes all that is not ASCII. */
const NOT_ASCII = /[\u007f-\uffff]/g;

const pythonMap = (tags: Tags): string => sortedMap(tags).replace(NOT_ASCII, unicodeEscape);

function sortedMap(tags: Tags): string {
  const members = Object.entries(tags)
    .sort(byKey)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}

const unicodeEscape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : a > b ? 1 : 0);
