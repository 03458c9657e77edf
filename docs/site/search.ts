/** What the search index holds, for the builder that makes it and the page that reads it. */

import type { Options } from 'minisearch';

/** A heading of a page with the text up to the next. */
export interface Section {
  readonly id: number;
  readonly title: string;
  /** Title of the page. */
  readonly page: string;
  /** Relative to the folder of the manual. */
  readonly url: string;
  readonly text: string;
}

export const SEARCH_OPTIONS: Options<Section> = {
  fields: ['title', 'page', 'text'],
  storeFields: ['title', 'page', 'url'],
  // Names such as `collector.probeMemory` are found whole and by their parts.
  tokenize: (text) => words(text).flatMap((word) => [word, ...parts(word)]),
  searchOptions: {
    boost: { title: 4, page: 2 },
    combineWith: 'AND',
    prefix: true,
    fuzzy: (term) => (term.length > 4 ? 0.2 : false),
    tokenize: words,
  },
};

function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+(?:[._-][\p{L}\p{N}]+)*/gu) ?? [];
}

/** `collector`, `probeMemory`, `probe` and `Memory` of `collector.probeMemory`. */
function parts(word: string): string[] {
  const pieces = word.split(/[._-]/);
  const ofPieces = pieces.flatMap((piece) => piece.split(/(?<=\p{Ll})(?=\p{Lu})/u));
  return [...new Set([...pieces, ...ofPieces])].filter((piece) => piece !== word);
}
