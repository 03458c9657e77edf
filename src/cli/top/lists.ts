/** The worst pairs and the worst paths as lines of text. */

import { answeringOf, countsOf, failureRank, failuresOf, reasonOf } from '../../stats/outcome.js';
import { within } from './matrixView.js';
import { clean, cut, cutEnd, type Paint, padEnd, padStart, type Style, widthOf } from './text.js';
import type { Pair, PathAnswer, Picture, Section, View } from './types.js';
import { isStale, lossRank, lossStyle, lossText, markOf, median, timeStyle, timeText } from './values.js';

/** Title and names of columns. */
export const LIST_HEAD = 2;
const GAP = 2;
/** Names may be cut to this width, numbers never. */
const NARROWEST_NAME = 7;

interface Row {
  readonly names: readonly string[];
  readonly numbers: readonly string[];
  /** Behind all columns, as far as there is space. */
  readonly note?: string;
  readonly style: Style;
}

interface ListPlace {
  readonly width: number;
  /** With the head. */
  readonly height: number;
  readonly sinceMs: number;
}

interface ListShown {
  readonly lines: readonly string[];
  readonly top: number;
}

type Order = Pick<View, 'sort' | 'filter'>;

/** Worst first: loss and then time, or the other way round. */
function worstPairs(pairs: readonly Pair[], order: Order): readonly Pair[] {
  const names = (pair: Pair): string => `${pair.source}>${pair.target} ${pair.collector} ${pair.group} ${pair.class}`;
  return sorted(
    pairs,
    order,
    names,
    ({ timeUs }) => timeUs,
    ({ lossPct, state }) => lossRank(lossPct, state),
  );
}

function worstPaths(paths: readonly PathAnswer[], order: Order): readonly PathAnswer[] {
  const names = (path: PathAnswer): string =>
    `${path.source}:${path.sourcePort}>${path.target} ${path.collector ?? ''} ${path.group} ${path.class}`;
  const rank = (path: PathAnswer): number => failureRank(path.received, failuresOf(countsOf(path)));
  return sorted(paths, order, names, ({ rttUs }) => rttUs?.mean ?? null, rank);
}

/** Caches sorted lists: a frame is drawn every second, and a large list takes long to sort. */
const done = new WeakMap<readonly object[], { readonly key: string; readonly result: readonly object[] }>();

function sorted<Item extends object>(
  items: readonly Item[],
  { sort, filter }: Order,
  names: (item: Item) => string,
  timeOf: (item: Item) => number | null,
  rank: (item: Item) => number,
): readonly Item[] {
  const key = `${sort} ${filter}`;
  const before = done.get(items);
  if (before?.key === key) return before.result as readonly Item[];
  const parts = filter.toLowerCase().split('>');
  const matches = (item: Item): boolean => {
    const text = names(item).toLowerCase();
    if (parts.length === 1) return text.includes(filter.toLowerCase());
    const [from, to] = text.split('>');
    return from.includes(parts[0].trim()) && to.includes(parts[1].trim());
  };
  // The difference of two infinities is not a number.
  const loss = (a: Item, b: Item): number => rank(b) - rank(a) || 0;
  const time = (a: Item, b: Item): number => (timeOf(b) ?? -1) - (timeOf(a) ?? -1);
  const [first, second] = sort === 'time' ? [time, loss] : [loss, time];
  const result = (filter === '' ? [...items] : items.filter(matches)).sort((a, b) => first(a, b) || second(a, b));
  done.set(items, { key, result });
  return result;
}

const times = new WeakMap<readonly object[], readonly (number | null)[]>();

/** Median of all, shown or not. */
function middleTime<Item extends object>(items: readonly Item[], timeOf: (item: Item) => number | null): number {
  const all = times.get(items) ?? items.map(timeOf);
  times.set(items, all);
  return median(all);
}

interface Place {
  readonly group: string;
  readonly port: number;
}

const several = new WeakMap<readonly Place[], { readonly groups: boolean; readonly ports: boolean }>();

/** One group needs no name, one port no number. */
export function severalOf(items: readonly Place[]): { readonly groups: boolean; readonly ports: boolean } {
  const known = several.get(items) ?? {
    groups: items.some(({ group }) => group !== items[0].group),
    ports: items.some(({ port }) => port !== items[0].port),
  };
  several.set(items, known);
  return known;
}

export function pairLines(picture: Picture, view: View, place: ListPlace, paint: Paint): ListShown {
  const { timeMetric, tool } = picture;
  const many = tool.kind === 'scraper';
  const { groups, ports } = severalOf(picture.pairs);
  const pairs = worstPairs(picture.pairs, view);
  const mid = middleTime(picture.pairs, ({ timeUs }) => timeUs);
  const head = {
    names: [
      ...[...(many ? ['collector'] : []), ...(groups ? ['group'] : [])],
      ...['source', 'target', ...(ports ? ['to port'] : []), 'class'],
    ],
    numbers: ['loss %', 'lost', 'sent', timeMetric, 'age'],
  };
  const row = (pair: Pair): Row => {
    const answers = pair.state === 'answers' ? lossStyle(pair.lossPct) : 'bad';
    const style = worse(answers, pair.timeUs === null ? 'plain' : timeStyle(pair.timeUs, mid));
    // A pair that no longer answers and lost no probe before: a 0 would look healthy.
    const shown = pair.lossPct === 0 && pair.state !== 'answers' ? null : pair.lossPct;
    const stale = isStale(pair.stale, pair.ageMs, place.sinceMs, tool.intervalMs);
    const age = `${Math.floor((pair.ageMs + place.sinceMs) / 1_000)}s`;
    return {
      names: [
        ...[...(many ? [pair.collector] : []), ...(groups ? [pair.group] : [])],
        ...[pair.source, pair.target, ...(ports ? [String(pair.port)] : []), pair.class],
      ],
      numbers: [
        lossText(shown),
        String(pair.lost + pair.unreachable),
        String(pair.sent),
        pair.timeUs === null ? '-' : timeText(pair.timeUs),
        `${age}${stale ? '~' : markOf(style)}`,
      ],
      note: pair.reason ?? '',
      style: stale ? 'dim' : style,
    };
  };
  const title = `WORST PAIRS  ${orderText(view)}`;
  return listLines('pairs', title, head, pairs, row, view, place, paint);
}

export function pathLines(picture: Picture, view: View, place: ListPlace, paint: Paint): ListShown {
  const { tool, paths: answer } = picture;
  const many = tool.kind === 'scraper';
  const paths = worstPaths(answer.paths, view);
  const { groups, ports } = severalOf(answer.paths);
  const mid = middleTime(answer.paths, ({ rttUs }) => rttUs?.mean ?? null);
  const head = {
    names: [
      ...[...(many ? ['collector'] : []), ...(groups ? ['group'] : [])],
      ...['source', 'target', ...(ports ? ['to port'] : []), 'class'],
    ],
    numbers: ['port', 'loss %', 'lost', 'sent', 'mean', 'max '],
  };
  const row = (path: PathAnswer): Row => {
    const style = worse(outcomeStyle(path), path.rttUs === null ? 'plain' : timeStyle(path.rttUs.mean, mid));
    return {
      names: [
        ...[...(many ? [path.collector ?? ''] : []), ...(groups ? [path.group] : [])],
        ...[path.source, path.target, ...(ports ? [String(path.port)] : []), path.class],
      ],
      numbers: [
        path.sourcePort === null ? '-' : String(path.sourcePort),
        lossText(path.lossPct),
        String(path.lost + path.unreachable),
        String(path.sent),
        path.rttUs === null ? '-' : timeText(path.rttUs.mean),
        `${path.rttUs === null ? '-' : timeText(path.rttUs.max)}${markOf(style)}`,
      ],
      note: reasonOf(path) ?? '',
      style,
    };
  };
  const cutOff = answer.total > answer.paths.length ? `, of the ${answer.paths.length} with most loss` : '';
  const title = `WORST PATHS  last interval, ${orderText(view)}${cutOff}`;
  return listLines('paths', title, head, paths, row, view, place, paint, answer.total);
}

/** By the failures of network and target; probes that this host dropped are a warning. */
function outcomeStyle(path: PathAnswer): Style {
  const counts = countsOf(path);
  if (answeringOf(counts) === 'unmeasured') return 'warn';
  const byNetwork = lossStyle(100 * failureRank(counts.received, failuresOf({ ...counts, sendErrors: 0 })));
  return worse(byNetwork, counts.sendErrors > 0 ? 'warn' : 'plain');
}

const orderText = (view: View): string => (view.sort === 'time' ? 'by time' : 'by loss');

const RANK: readonly Style[] = ['plain', 'warn', 'bad'];
const worse = (a: Style, b: Style): Style => (RANK.indexOf(a) > RANK.indexOf(b) ? a : b);

function listLines<Item>(
  section: Section,
  title: string,
  head: Pick<Row, 'names' | 'numbers'>,
  items: readonly Item[],
  rowOf: (item: Item) => Row,
  view: View,
  place: ListPlace,
  paint: Paint,
  total = items.length,
): ListShown {
  const body = Math.max(0, place.height - LIST_HEAD);
  const top = within(view.top[section], items.length - body);
  const rows = items.slice(top, top + body).map(rowOf);
  const shown = rows.length === 0 ? '0' : `${top + 1}-${top + rows.length}`;
  const all = view.filter === '' ? total : items.length;
  const text = `${view.focus === section ? '>' : ' '}${title}  ${shown} of ${all}`;
  const layout = layoutOf([{ ...head, style: 'dim' }, ...rows], place.width);
  return {
    top,
    lines: [
      paint('title', cut(text, place.width)),
      paint('dim', cutEnd(lineOf({ ...head, style: 'dim' }, layout, place.width), place.width)),
      ...rows.map((row) => paint(row.style, cutEnd(lineOf(row, layout, place.width), place.width))),
    ],
  };
}

interface Layout {
  readonly names: readonly number[];
  readonly numbers: readonly number[];
}

/** Numbers keep their width; the excess is taken from the widest names, step by step. */
function layoutOf(rows: readonly Row[], width: number): Layout {
  const widest = (of: (row: Row) => readonly string[]): number[] =>
    of(rows[0]).map((_, i) => Math.max(...rows.map((row) => widthOf(clean(of(row)[i])))));
  const names = widest((row) => row.names);
  const numbers = widest((row) => row.numbers);
  const sum = (widths: readonly number[]): number => widths.reduce((all, one) => all + one + GAP, 0);
  let tooMuch = sum(names) + sum(numbers) - GAP - width;
  while (tooMuch > 0) {
    const i = names.indexOf(Math.max(...names));
    if (names[i] <= NARROWEST_NAME) break;
    names[i] -= 1;
    tooMuch -= 1;
  }
  return { names, numbers };
}

/** A shorter note says nothing. */
const LEAST_NOTE = 12;

function lineOf({ names, numbers, note = '' }: Row, layout: Layout, width: number): string {
  const texts = [
    ...names.map((name, i) => padEnd(clean(name), layout.names[i])),
    ...numbers.map((number, i) => padStart(number, layout.numbers[i])),
  ];
  const text = texts.join(' '.repeat(GAP));
  const isSpace = note !== '' && widthOf(text) + GAP + LEAST_NOTE <= width;
  return (isSpace ? text + ' '.repeat(GAP) + clean(note) : text).trimEnd();
}
