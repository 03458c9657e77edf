/** The language of comments and test titles: replaced words, and comment lines wider than the formatter's width. Pure. */

/** One comment line or test title, without its markers. */
export interface TextLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly isTitle: boolean;
  /** Columns of the whole line. */
  readonly width: number;
}

/** A block comment must begin its line, so that `/*` in a string or a pattern does not count. */
const BLOCK_START = /^\s*\/\*/;
const LINE_COMMENT = /^\s*\/\//;
const COMMENT = /^\s*(?:\/\*+|\*(?!\/)|\/\/)\s?(.*?)\s*(?:\*\/)?$/;
const TRAILING = /[;,{})\]]\s+\/\/ (.*)$/;
const TITLE = /^\s*(?:describe|it)(?:\.\w+)?\(\s*(['"`])(.*)\1,/;

/** All comments and test titles of a text, line by line. */
export function textLines(text: string): TextLine[] {
  const found: TextLine[] = [];
  let inBlock = false;
  for (const [i, line] of text.split('\n').entries()) {
    inBlock ||= BLOCK_START.test(line);
    const title = TITLE.exec(line)?.[2];
    const isComment = inBlock || LINE_COMMENT.test(line);
    const words = isComment ? COMMENT.exec(line)?.[1] : (title ?? TRAILING.exec(line)?.[1]);
    if (words) found.push({ line: i + 1, text: words, isTitle: words === title, width: line.length });
    if (line.includes('*/')) inBlock = false;
  }
  return found;
}

const OLD_WORDS = /\b(?:whoever|nobody|anew|of which|so many|so long|beside|those (?:that|of)|(?:is|are) none)\b/i;
const OLD_START = /(?:^|[.:] )(What|Whoever|Those|Of) /;

/** The first word of the old language in a line; undefined in plain language. */
export function oldWordIn(text: string): string | undefined {
  return (OLD_START.exec(text)?.[1] ?? OLD_WORDS.exec(text)?.[0])?.toLowerCase();
}

/** Whether a comment line could be wrapped: titles, rows of tables, URLs and single long words are exempt. */
export function isTooWide({ isTitle, text, width }: TextLine, most: number): boolean {
  return width > most && !isTitle && !text.startsWith('|') && !text.includes('://') && text.includes(' ');
}

/** The count of wide comment lines may only go down. */
export function widthProblems(wide: number, most: number, columns: number): string[] {
  if (wide <= most) return [];
  return [`found ${wide} comment lines wider than ${columns} columns, expected at most ${most}; wrap the new ones`];
}
