/**
 * Text in a terminal: its width, cutting, and colours. Text from a server reaches the terminal through `clean` only.
 */

export type Style = 'plain' | 'dim' | 'title' | 'good' | 'warn' | 'bad' | 'alert';

/** Colours a text by its style; its width is final already. */
export type Paint = (style: Style, text: string) => string;

export const withoutColour: Paint = (_, text) => text;

/**
 * Bad values are orange, reversed, on the terminal's own colours: people who cannot tell red from green see the
 * difference in brightness, and every such value also has a mark.
 */
const SGR: Readonly<Record<Style, string>> = {
  plain: '',
  dim: '2',
  title: '1',
  good: '38;5;75',
  warn: '38;5;214',
  bad: '1;7;38;5;208',
  alert: '1;7',
};

export const withColour: Paint = (style, text) =>
  SGR[style] === '' || text === '' ? text : `\u001b[${SGR[style]}m${text}\u001b[0m`;

/**
 * Names come over the network: a control character in one (C0, C1, or one that changes the direction of writing) could
 * take over the terminal.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export const clean = (text: string): string => text.replaceAll(UNSAFE, '?');

const ELLIPSIS = '…';
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/**
 * East Asian Wide and Fullwidth, and characters that terminals show as emoji (Unicode Annex 11), by first and last code
 * point.
 */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** Columns of the terminal that a text needs. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The longest beginning of a text that fits a width. */
function front(characters: readonly string[], width: number): string {
  let taken = '';
  let left = width;
  for (const character of characters) {
    left -= characterWidth(character);
    if (left < 0) break;
    taken += character;
  }
  return taken;
}

/** At most `width` wide; a cut name keeps both ends, for hosts and addresses of one site differ at the end. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  if (width < 5) return front([...text], width - 1) + ELLIPSIS;
  const tail = Math.floor((width - 1) / 2);
  const back = [...front([...text].reverse(), tail)].reverse().join('');
  return front([...text], width - 1 - tail) + ELLIPSIS + back;
}

/** A sentence loses its end, not its middle. */
export function cutEnd(text: string, width: number): string {
  return widthOf(text) <= width ? text : front([...text], Math.max(0, width - 1)) + (width > 0 ? ELLIPSIS : '');
}

export function padEnd(text: string, width: number): string {
  const short = cut(text, width);
  return short + ' '.repeat(Math.max(0, width - widthOf(short)));
}

export function padStart(text: string, width: number): string {
  const short = cut(text, width);
  return ' '.repeat(Math.max(0, width - widthOf(short))) + short;
}
