/**
 * The whole picture as lines of text: head, matrix, worst pairs, worst paths, keys. A pure function of the fetched data
 * and the view.
 */

import { LIST_HEAD, pairLines, pathLines } from './lists.js';
import { arrange, LEGEND, MATRIX_HEAD, matrixLines } from './matrixView.js';
import { clean, cutEnd, type Paint, widthOf } from './text.js';
import type { Connection, Picture, Section, View } from './types.js';
import { agoText, isStale } from './values.js';
import { networkOf } from './verdict.js';

export interface FrameInput {
  readonly picture: Picture;
  readonly view: View;
  readonly connection: Connection;
  /** Time since the snapshot was fetched. */
  readonly sinceMs: number;
  /** Infinite: the natural size. */
  readonly width: number;
  readonly height: number;
  readonly paint: Paint;
}

export interface Frame {
  readonly lines: readonly string[];
  /** Offsets as shown, limited to the valid range. */
  readonly top: Readonly<Record<Section, number>>;
  readonly left: number;
  /** The size of a page. */
  readonly page: Readonly<Record<Section, number>>;
  readonly pageColumns: number;
}

const MOST_TROUBLES = 3;
/** For a list without a limit of its height. */
const LIST_ROWS = 10;
const LEAST_SECTION = 4;

/** Below, not even one cell and its names fit. */
const LEAST_WIDTH = 30;
const LEAST_HEIGHT = 8;

function tooSmall(width: number): Frame {
  const none = { matrix: 0, pairs: 0, paths: 0 };
  return { lines: [cutEnd('the terminal is too small', width)], top: none, left: 0, page: none, pageColumns: 1 };
}

export function frame(input: FrameInput): Frame {
  const { picture, view, width, height, sinceMs, paint } = input;
  if (width < LEAST_WIDTH || height < LEAST_HEIGHT) return tooSmall(width);
  const head = headLines(input);
  const foot = footLines(input);
  const heights = sectionHeights(input, height - head.length - foot.length);
  const place = (section: Section): { width: number; height: number; sinceMs: number } => ({
    width,
    height: heights[section],
    sinceMs,
  });
  const matrix = matrixLines(picture, view, place('matrix'), paint);
  const pairs = pairLines(picture, view, place('pairs'), paint);
  const paths = pathLines(picture, view, place('paths'), paint);
  const room = (section: Section, lines: readonly string[]): string[] => [...lines.slice(0, heights[section]), ''];
  const body = [...room('matrix', matrix.lines), ...room('pairs', pairs.lines), ...room('paths', paths.lines)];
  if (Number.isFinite(height)) {
    const space = Math.max(0, height - head.length - foot.length);
    body.length = Math.min(body.length, space);
    while (body.length < space) body.push('');
  }
  const lines = [...head, ...body, ...foot];
  return {
    lines: Number.isFinite(height) ? lines.slice(0, height) : lines,
    top: { matrix: matrix.top, pairs: pairs.top, paths: paths.top },
    left: matrix.left,
    page: {
      matrix: Math.max(1, matrix.rows),
      pairs: Math.max(1, heights.pairs - LIST_HEAD),
      paths: Math.max(1, heights.paths - LIST_HEAD),
    },
    pageColumns: matrix.columns,
  };
}

/**
 * The matrix gets its size up to half of the space, each list up to half of the rest; unused space goes to the others.
 * An empty line follows each.
 */
function sectionHeights({ picture, view }: FrameInput, space: number): Record<Section, number> {
  const need = {
    matrix: MATRIX_HEAD + Math.max(1, arrange(picture.matrix, view).rows.length),
    pairs: LIST_HEAD + Math.max(1, picture.pairs.length),
    paths: LIST_HEAD + Math.max(1, picture.paths.paths.length),
  };
  if (!Number.isFinite(space)) {
    const few = (rows: number): number => Math.min(rows, LIST_HEAD + LIST_ROWS);
    return { matrix: need.matrix, pairs: few(need.pairs), paths: few(need.paths) };
  }
  const lines = Math.max(0, space - 3);
  const half = Math.max(LEAST_SECTION, Math.floor(lines / 2));
  const quarter = Math.max(LEAST_SECTION, Math.floor((lines - half) / 2));
  const given = {
    matrix: Math.min(need.matrix, half),
    pairs: Math.min(need.pairs, quarter),
    paths: Math.min(need.paths, quarter),
  };
  let left = lines - given.matrix - given.pairs - given.paths;
  for (const section of ['matrix', 'pairs', 'paths'] as const) {
    const more = Math.max(0, Math.min(left, need[section] - given[section]));
    given[section] += more;
    left -= more;
  }
  return given;
}

function headLines(input: FrameInput): string[] {
  const { picture, view, connection, sinceMs, width, paint } = input;
  const { tool, matrix, ageMs } = picture;
  const line = (text: string): string => cutEnd(text, width);
  const who = `LLAMA ${tool.kind === 'scraper' ? `scraper of ${tool.name}` : `collector ${clean(tool.name)}`}  ${clean(picture.url)}`;
  const stale = ageMs !== null && isStale(false, ageMs, Math.max(1, sinceMs), tool.intervalMs);
  const state = { live: stale ? 'STALE' : 'LIVE', once: clean(picture.takenAt), away: 'AWAY' }[connection.state];
  const room = Number.isFinite(width) ? width - widthOf(state) - 1 : widthOf(who) + 1;
  const left = cutEnd(who, room);
  const spaces = ' '.repeat(Math.max(1, room + 1 - widthOf(left)));
  const old = ageMs === null ? undefined : ageMs + sinceMs;
  const { coveredMs } = matrix.window;
  // The numbers below belong to the previous request until the answer arrives.
  const waited =
    view.asked.class === picture.asked.class && view.asked.metric === picture.asked.metric
      ? undefined
      : `(waiting for class ${view.asked.class ?? 'all'}, metric ${view.asked.metric})`;
  const facts = [
    `interval ${tool.intervalMs === null ? '?' : `${tool.intervalMs / 1_000}s`}`,
    old === undefined ? 'no data yet' : `data ${agoText(old)} old${stale ? ', STALE' : ''}`,
    `window ${clean(picture.asked.window)} (${agoText(coveredMs)} held)`,
    `class ${picture.asked.class ?? 'all'}`,
    `metric ${picture.asked.metric}`,
    ...(waited === undefined ? [] : [waited]),
    ...(view.filter === '' && !view.typing ? [] : [`filter ${JSON.stringify(view.filter)}`]),
  ];
  const lines = [
    `${paint('title', left)}${spaces}${paint(connection.state === 'away' || stale ? 'alert' : 'good', state)}`,
    paint(stale ? 'alert' : 'plain', line(facts.join('  '))),
  ];
  if (connection.state === 'away') {
    const { awayMs, retryMs, reason } = connection;
    const next = retryMs > 0 ? `next try in ${Math.ceil(retryMs / 1_000)}s` : 'trying now';
    lines.push(paint('alert', line(`STALE: no connection for ${agoText(awayMs)}, ${next}: ${clean(reason)}`)));
  }
  const network = networkOf(picture, sinceMs);
  lines.push(paint(network.style, line(`network: ${network.text}`)));
  for (const example of network.examples) lines.push(paint(network.style, line(`         ! ${clean(example)}`)));
  const well = tool.troubles.length === 0;
  lines.push(paint(well ? 'plain' : 'warn', line(`tool:    ${well ? 'well' : 'NOT WELL'}  ${tool.facts.join('  ')}`)));
  for (const trouble of tool.troubles.slice(0, MOST_TROUBLES))
    lines.push(paint('warn', line(`         ! ${clean(trouble)}`)));
  const more = tool.troubles.length - MOST_TROUBLES;
  if (more > 0) lines.push(paint('warn', line(`         ! and ${more} more, see ${clean(picture.url)}/v1/status`)));
  return [...lines, ''];
}

function footLines({ view, width, connection, paint }: FrameInput): string[] {
  if (connection.state === 'once') return [LEGEND];
  const keys = view.typing
    ? `filter: ${clean(view.filter)}_   (Enter takes it, Esc clears it; "a>b": rows with a, columns with b)`
    : 'q quit  m metric  c class  s sort  / filter  Tab section  arrows scroll  ? help';
  const legend = width >= widthOf(keys) + widthOf(LEGEND) + 3 ? `   ${LEGEND}` : '';
  return [paint('dim', cutEnd(`${keys}${legend}`, width))];
}

export function helpLines(width: number, height: number): string[] {
  return HELP.slice(0, height).map((line) => cutEnd(line, width));
}

const HELP: readonly string[] = [
  'llama top: loss and latency between all pairs, live',
  '',
  '  q, Ctrl-C      quit',
  '  m, M           next or previous metric: loss, p50 ... max, min, jitter',
  '  c, C           next or previous class; all of them together',
  '  s              sort: worst by loss, worst by time, rows by name',
  '  /              filter names: "r1" rows or else columns with r1; "r1>r2" both',
  '  Esc            clear the filter, leave this page',
  '  Tab            which section the arrows scroll: matrix, pairs, paths',
  '  arrows, PgUp, PgDn, Home, End, h j k l   scroll',
  '  r              ask again now',
  '  Ctrl-Z         suspend',
  '',
  `  ${LEGEND}`,
  `  Loss: + above 0, ! from 1 %. Times against the median of all shown: + from twice`,
  '  and 100us more, ! from five times and 1ms more.',
  '  "no answer": nothing was received in the window. "not measured": this host sent nothing.',
  '  "slow": median 1.5 times that of the hour before, and 100us more.',
  '  "stale": its newest interval ended more than 2.5 intervals ago; nobody knows what is now.',
  '  "tool" is about the measuring hosts: slips are probes that they did not send in time,',
  '  overflows and local drops what they lost themselves. None of it is loss in the network.',
];
