/**
 * `GET /v1/matrix`: loss or a time between any two sets of tags, over a window that ends with the newest interval or
 * earlier. The same route serves a collector, over its own results, and a scraper, over the results of all collectors.
 */

import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { formatDuration, msToNs, nsToMs, parseDurationNs } from '../../base/units.js';
import { Breather } from '../../base/yielding.js';
import { BUILT_IN, MOST_DIMENSIONS, parseDimensions } from '../../history/dimensions.js';
import type { MatrixHistory } from '../../history/history.js';
import { type Matrix, type MatrixRequest, type MatrixWindow, makeMatrix } from '../../history/matrix.js';
import { whyText } from '../../stats/outcome.js';
import { bodyOf, Chunk } from '../server/bodies.js';
import { MatrixQuery, MatrixSchema } from './matrixSchemas.js';

/** The fields of a cell that its value is based on, in this order. */
const SUMS = [
  'sent',
  'received',
  'lost',
  'unreachable',
  'tooBig',
  'sendErrors',
  'localDrops',
  'samples',
  'series',
  'silentSeries',
  'unmeasuredSeries',
] as const;
/** Fields that are always present: the identity and value of a cell. */
const ALWAYS = ['row', 'column', 'value'] as const;
const FIELDS: readonly string[] = [...ALWAYS, ...SUMS, 'ageMs', 'stale', 'state', 'reason'];

export function matrixRoute(app: FastifyInstance, history: MatrixHistory): void {
  const schema = {
    operationId: 'getMatrix',
    summary: 'Loss or latency between any two sets of tags',
    tags: ['results'],
    querystring: MatrixQuery,
    response: { 200: MatrixSchema },
  };
  app.get<{ Querystring: MatrixQuery }>('/v1/matrix', { schema }, async (request, reply) => {
    const { rows, columns, group, class: className, window, to, metric = 'loss', format = 'cells' } = request.query;
    const wanted = request.query.fields === undefined ? undefined : wantedFields(request.query.fields, format);
    const aheadMs = history.clockAheadMs();
    const asked: MatrixRequest = {
      rows: dimensions('rows', rows ?? 'source'),
      columns: dimensions('columns', columns ?? 'target'),
      group,
      class: className?.toLowerCase(),
      windowMs: windowMs(window ?? '5m', history.horizonMs),
      toMs: to === undefined ? undefined : heldEnd(to, history) - aheadMs,
      metric,
    };
    const matrix = await makeMatrix(history, asked);
    const head = {
      window: { ...onWallClock(matrix.window, aheadMs), askedMs: asked.windowMs },
      newest: matrix.newest,
      metric,
      unit: metric === 'loss' ? '%' : 'us',
      rowTags: asked.rows,
      columnTags: asked.columns,
      refusedRows: history.refused.seriesWithoutRoom,
    };
    return reply
      .type('application/json; charset=utf-8')
      .send(bodyOf(matrixBody(head, matrix, format === 'columns' ? columnsOf(wanted) : cellsOf)));
  });
}

/** 0 and 0 when there are no data. */
function onWallClock({ startMs, endMs, coveredMs }: MatrixWindow, aheadMs: number): MatrixWindow {
  return endMs === 0
    ? { startMs, endMs, coveredMs }
    : { startMs: startMs + aheadMs, endMs: endMs + aheadMs, coveredMs };
}

function dimensions(name: string, text: string): string[] {
  const names = parseDimensions(text);
  if (names !== undefined) return names;
  throw wrong(
    name,
    `found ${JSON.stringify(text)} for the query parameter ${name}, expected 1 to ${MOST_DIMENSIONS} names, separated by commas: tags of the results, or any of ${BUILT_IN.join(', ')}`,
  );
}

/** A matrix of a million cells is some 60 MB with all fields; a client may ask for fewer. */
function wantedFields(text: string, format: string): ReadonlySet<string> {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !FIELDS.includes(name));
  if (unknown !== undefined)
    throw wrong(
      'fields',
      `found ${JSON.stringify(unknown)} in the query parameter fields, expected some of ${FIELDS.join(', ')}, separated by commas`,
    );
  if (format !== 'columns')
    throw wrong('fields', 'found the query parameter fields without format=columns, expected both: add format=columns');
  return new Set([...ALWAYS, ...names]);
}

function windowMs(text: string, horizonMs: number): number {
  const ns = parseDurationNs(text);
  const most = formatDuration(msToNs(horizonMs));
  if (ns === undefined || ns < msToNs(1))
    throw wrong(
      'window',
      `found ${JSON.stringify(text)} for the query parameter window, expected a duration such as 30s, 5m or 1h, at most ${most}`,
    );
  const ms = nsToMs(ns);
  if (ms <= horizonMs) return ms;
  throw wrong(
    'window',
    `found the window ${text}, expected at most ${most}: that is how far the history reaches; ask for a shorter one, or ask the database that a scraper writes to`,
  );
}

/**
 * A window that ends later would show a part as if it were the whole. One that ends before the oldest data would show
 * nothing as if nothing had been measured.
 */
function heldEnd(toMs: number, history: MatrixHistory): number {
  const aheadMs = history.clockAheadMs();
  const nowMs = history.now() + aheadMs;
  if (toMs > Math.max(nowMs, history.newestMs + aheadMs))
    throw wrong(
      'to',
      `found the end of the window ${toMs}, which is in the future, expected epoch milliseconds, at most ${nowMs} (now); leave it out for what is newest`,
    );
  const oldestMs = (history.slots[0]?.fromMs ?? 0) + aheadMs;
  if (toMs > oldestMs) return toMs;
  throw wrong(
    'to',
    `found the end of the window ${toMs} (${new Date(toMs).toISOString()}), which is before all that is held, expected epoch milliseconds after ${oldestMs} (${new Date(oldestMs).toISOString()}); ask the database that a scraper writes to`,
  );
}

function wrong(name: string, message: string): LlamaError {
  return new LlamaError('LLAMA_REQUEST_INVALID', message, { problems: [{ path: `/query/${name}`, message }] });
}

type Layout = (matrix: Matrix, breather: Breather) => AsyncGenerator<string>;

async function* matrixBody(head: object, matrix: Matrix, layout: Layout): AsyncGenerator<Buffer> {
  const breather = new Breather();
  const chunk = new Chunk();
  chunk.addText(JSON.stringify(head).slice(0, -1));
  for (const name of ['rows', 'columns'] as const) {
    chunk.addText(`,"${name}":[`);
    for (const [i, key] of matrix[name].entries()) {
      if (breather.due) await breather.breathe();
      chunk.addText(`${i === 0 ? '' : ','}${JSON.stringify(key)}`);
      if (chunk.full) yield chunk.take();
    }
    chunk.addText(']');
  }
  for await (const text of layout(matrix, breather)) {
    chunk.addText(text);
    if (chunk.full) yield chunk.take();
  }
  chunk.addText('}');
  yield chunk.take();
}

/** The last slot of a window in the past may contain data from a little after its end. */
const ageMs = (atMs: number, newestMs: number): number => Math.max(0, atMs - newestMs);

/** JSON has no NaN: a missing measurement is null. */
const number = (value: number): string => (Number.isNaN(value) ? 'null' : String(value));

const stateText = (matrix: Matrix, cell: number): string => `"${matrix.cells.sums.answering(cell)}"`;

/** Always there for a cell without an answer. */
function reasonText(matrix: Matrix, cell: number): string {
  const reason = matrix.cells.reason(cell);
  const state = matrix.cells.sums.answering(cell);
  if (reason === null && state === 'answers') return 'null';
  return JSON.stringify(whyText(state, matrix.cells.sums.countsOf(cell), reason));
}

async function* cellsOf(matrix: Matrix, breather: Breather): AsyncGenerator<string> {
  const { atMs } = matrix;
  const { row, column, value, sums, stale } = matrix.cells;
  yield ',"cells":[';
  let texts = '';
  for (let cell = 0; cell < value.length; cell++) {
    const counts = SUMS.map((name) => `,"${name}":${sums[name][cell]}`).join('');
    texts +=
      `${cell === 0 ? '' : ','}{"row":${row[cell]},"column":${column[cell]},"value":${number(value[cell])}${counts},` +
      `"ageMs":${ageMs(atMs, sums.newestMs[cell])},"stale":${stale[cell] === 1},"state":${stateText(matrix, cell)},"reason":${reasonText(matrix, cell)}}`;
    if (!breather.due) continue;
    yield texts;
    texts = '';
    await breather.breathe();
  }
  yield `${texts}]`;
}

const columnsOf =
  (wanted: ReadonlySet<string> | undefined): Layout =>
  (matrix, breather) =>
    columnsText(matrix, breather, wanted);

async function* columnsText(
  matrix: Matrix,
  breather: Breather,
  wanted: ReadonlySet<string> | undefined,
): AsyncGenerator<string> {
  const { atMs } = matrix;
  const { row, column, value, sums, stale } = matrix.cells;
  const all: readonly (readonly [string, (cell: number) => string])[] = [
    ['row', (cell) => String(row[cell])],
    ['column', (cell) => String(column[cell])],
    ['value', (cell) => number(value[cell])],
    ...SUMS.map((name) => [name, (cell: number) => String(sums[name][cell])] as const),
    ['ageMs', (cell) => String(ageMs(atMs, sums.newestMs[cell]))],
    ['stale', (cell) => String(stale[cell] === 1)],
    ['state', (cell) => stateText(matrix, cell)],
    ['reason', (cell) => reasonText(matrix, cell)],
  ];
  const fields = all.filter(([name]) => wanted === undefined || wanted.has(name));
  yield ',"cells":{';
  for (const [i, [name, text]] of fields.entries()) {
    let texts = `${i === 0 ? '' : ','}"${name}":[`;
    for (let cell = 0; cell < value.length; cell++) {
      texts += cell === 0 ? text(cell) : `,${text(cell)}`;
      if (!breather.due) continue;
      yield texts;
      texts = '';
      await breather.breathe();
    }
    yield `${texts}]`;
  }
  yield '}';
}
