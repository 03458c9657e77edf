/**
 * `GET /v1/matrix`: loss or a time between any two sets of tags, over a window that ends with the newest interval. The same for a collector,
 * over its own results, and for a scraper, over those of all.
 */

import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../errors.js';
import { BUILT_IN, MOST_DIMENSIONS, parseDimensions } from '../matrix/dimensions.js';
import type { MatrixHistory } from '../matrix/history.js';
import { type Matrix, type MatrixRequest, makeMatrix } from '../matrix/matrix.js';
import { formatDuration, msToNs, nsToMs, parseDurationNs } from '../stats/units.js';
import { Breather, bodyOf, Chunk } from './bodies.js';
import { MatrixQuery, MatrixSchema } from './matrixSchemas.js';

/** What a cell says of what is behind its value, in this order. */
const SUMS = ['sent', 'received', 'lost', 'unreachable', 'samples', 'series'] as const;

export function matrixRoute(app: FastifyInstance, history: MatrixHistory): void {
  const schema = {
    operationId: 'getMatrix',
    summary: 'Loss or latency between any two sets of tags',
    tags: ['results'],
    querystring: MatrixQuery,
    response: { 200: MatrixSchema },
  };
  app.get<{ Querystring: MatrixQuery }>('/v1/matrix', { schema }, async (request, reply) => {
    const { rows, columns, group, class: className, window, metric = 'loss', format = 'cells' } = request.query;
    const asked: MatrixRequest = {
      rows: dimensions('rows', rows ?? 'source'),
      columns: dimensions('columns', columns ?? 'target'),
      group,
      class: className?.toLowerCase(),
      windowMs: windowMs(window ?? '5m', history.horizonMs),
      metric,
    };
    const matrix = await makeMatrix(history, asked);
    const head = {
      window: { ...matrix.window, askedMs: asked.windowMs },
      metric,
      unit: metric === 'loss' ? '%' : 'us',
      rowTags: asked.rows,
      columnTags: asked.columns,
      refusedRows: history.refused.seriesWithoutRoom,
    };
    return reply
      .type('application/json; charset=utf-8')
      .send(bodyOf(matrixBody(head, matrix, format === 'columns' ? columnsOf : cellsOf)));
  });
}

function dimensions(name: string, text: string): string[] {
  const names = parseDimensions(text);
  if (names !== undefined) return names;
  throw wrong(
    name,
    `found ${JSON.stringify(text)} for the query parameter ${name}, expected 1 to ${MOST_DIMENSIONS} names, separated by commas: tags of the results, or any of ${BUILT_IN.join(', ')}`,
  );
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

/** JSON has no NaN: what was not measured is null. */
const number = (value: number): string => (Number.isNaN(value) ? 'null' : String(value));

async function* cellsOf({ cells, nowMs }: Matrix, breather: Breather): AsyncGenerator<string> {
  const { row, column, value, sums, stale } = cells;
  yield ',"cells":[';
  let texts = '';
  for (let cell = 0; cell < value.length; cell++) {
    const counts = SUMS.map((name) => `,"${name}":${sums[name][cell]}`).join('');
    texts +=
      `${cell === 0 ? '' : ','}{"row":${row[cell]},"column":${column[cell]},"value":${number(value[cell])}${counts},` +
      `"ageMs":${nowMs - sums.newestMs[cell]},"stale":${stale[cell] === 1}}`;
    if (!breather.due) continue;
    yield texts;
    texts = '';
    await breather.breathe();
  }
  yield `${texts}]`;
}

async function* columnsOf({ cells, nowMs }: Matrix, breather: Breather): AsyncGenerator<string> {
  const { row, column, value, sums, stale } = cells;
  const fields: readonly (readonly [string, (cell: number) => string])[] = [
    ['row', (cell) => String(row[cell])],
    ['column', (cell) => String(column[cell])],
    ['value', (cell) => number(value[cell])],
    ...SUMS.map((name) => [name, (cell: number) => String(sums[name][cell])] as const),
    ['ageMs', (cell) => String(nowMs - sums.newestMs[cell])],
    ['stale', (cell) => String(stale[cell] === 1)],
  ];
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
