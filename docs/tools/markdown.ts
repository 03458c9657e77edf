/** Pieces of Markdown. Pure. */

/** A table; a `|` within a cell is escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const cell = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');

export const code = (text: unknown): string => `\`${text}\``;

export function codeBlock(language: string, lines: readonly string[]): string {
  return [`\`\`\`${language}`, ...lines, '```'].join('\n');
}

/** Sections with an empty line between them; empty ones are left out. */
export function page(...sections: readonly (string | readonly string[])[]): string {
  return `${sections
    .flat()
    .filter((section) => section !== '')
    .join('\n\n')}\n`;
}

/** A default as it is written in a config; `none` when there is none. */
export function standard(value: unknown): string {
  if (value === undefined) return 'none';
  return code(typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', ''));
}

/** A text as a sentence: with a capital and a full stop. */
export function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
