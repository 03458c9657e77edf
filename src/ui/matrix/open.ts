/** The target of a click on a cell: a pair, or a finer matrix of the cell's parts. */

import { go, type ViewState } from '../lib/store.js';
import { withTerm } from '../lib/terms.js';
import type { MatrixAsk } from './query.js';

export function openCell(view: ViewState, ask: MatrixAsk, row: readonly string[], column: readonly string[]): void {
  const said: Record<string, string> = {};
  for (const term of [...ask.rowTerms, ...ask.columnTerms]) if (term.name !== undefined) said[term.name] = term.text;
  for (const [i, name] of ask.rowTags.entries()) said[name] = row[i] ?? '';
  for (const [i, name] of ask.columnTags.entries()) said[name] = column[i] ?? '';
  const { source, target, collector = '', group = view.group, port = '' } = said;
  if (source !== undefined && target !== undefined) {
    go({ view: 'pair', source, target, port, collector, group, class: said.class ?? view.class });
    return;
  }
  const terms = (text: string, names: readonly string[], key: readonly string[]): string =>
    names.reduce((sum, name, i) => withTerm(sum, name, key[i] ?? ''), text);
  const turned = ask.rowTags.includes('target') || ask.columnTags.includes('source');
  const [first, second] = turned ? ['target', 'source'] : ['source', 'target'];
  go({
    rows: nested(ask.rowTags, first),
    columns: nested(ask.columnTags, second),
    rowFilter: terms(view.rowFilter, ask.rowTags, row),
    columnFilter: terms(view.columnFilter, ask.columnTags, column),
  });
}

const nested = (names: readonly string[], name: string): string =>
  [...names.filter((one) => one !== name), name].join();
