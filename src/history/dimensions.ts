/** The dimensions that rows and columns of a matrix may have: the fields of every series, and any tag. */

import type { SeriesTable } from './series.js';

/** Stands in a key for a tag that the series does not have. */
export const NONE = '(none)';
/** Names that are no tags; a tag of such a name can't be asked for. */
export const BUILT_IN = ['collector', 'group', 'source', 'target', 'port', 'class'] as const;
type BuiltIn = (typeof BUILT_IN)[number];
/** Most names that nest in rows, and in columns. */
export const MOST_DIMENSIONS = 8;
const SEPARATOR = '\u0000';

/** The names in `text`, separated by commas; undefined when a name is missing or there are too many. */
export function parseDimensions(text: string): string[] | undefined {
  const names = text.split(',').map((name) => name.trim());
  return names.length > MOST_DIMENSIONS || names.includes('') ? undefined : names;
}

/** Sources of two collectors may have the same address: the collector is part of the identity of a source. */
export const withCollector = (tags: readonly string[], others: readonly string[]): readonly string[] =>
  tags.includes('source') && ![...tags, ...others].includes('collector')
    ? tags.flatMap((tag) => (tag === 'source' ? ['collector', tag] : [tag]))
    : tags;

/** Numbers the keys of series by some dimensions: a key is one text for each of them. */
export class Keys {
  private readonly table: SeriesTable;
  private readonly readers: readonly ((series: number) => string)[];
  private readonly numbers = new Map<string, number>();
  private readonly list: string[][] = [];

  constructor(table: SeriesTable, dimensions: readonly string[]) {
    this.table = table;
    this.readers = dimensions.map((name) => this.reader(name));
  }

  get length(): number {
    return this.list.length;
  }

  numberOf(series: number): number {
    const { readers } = this;
    const text = readers.length === 1 ? readers[0](series) : readers.map((read) => read(series)).join(SEPARATOR);
    const known = this.numbers.get(text);
    if (known !== undefined) return known;
    const number = this.list.length;
    this.numbers.set(text, number);
    this.list.push(readers.map((read) => read(series)));
    return number;
  }

  /**
   * The keys in order, and for each number where its key is then. Numbers in texts count as numbers: r2 is before r10.
   */
  sorted(): { readonly keys: readonly (readonly string[])[]; readonly places: Uint32Array } {
    const collator = new Intl.Collator('en', { numeric: true });
    const order = this.list.map((_, number) => number);
    order.sort((a, b) => {
      for (const [i, text] of this.list[a].entries()) {
        const compared = collator.compare(text, this.list[b][i]);
        if (compared !== 0) return compared;
      }
      return a - b;
    });
    const places = new Uint32Array(order.length);
    for (const [place, number] of order.entries()) places[number] = place;
    return { keys: order.map((number) => this.list[number]), places };
  }

  private reader(name: string): (series: number) => string {
    const { table } = this;
    if (name === 'port') return (series) => String(table.port(series));
    // A collector of another kind may not report its group or class.
    if (isBuiltIn(name)) return (series) => table[name](series) || NONE;
    return (series) => {
      const tags = table.tags(series);
      return Object.hasOwn(tags, name) ? tags[name] : NONE;
    };
  }
}

function isBuiltIn(name: string): name is Exclude<BuiltIn, 'port'> {
  return (BUILT_IN as readonly string[]).includes(name);
}
