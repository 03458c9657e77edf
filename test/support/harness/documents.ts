/** The documents: the Markdown files of the repository, their code blocks, headings and links. */

import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

const ROOT = new URL('../../../../', import.meta.url);

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A link of a page: its text as written, and its line, from 1. */
export interface Link {
  readonly to: string;
  readonly line: number;
}

export function page(path: string): Page {
  return { path, text: readFileSync(new URL(path, ROOT), 'utf8') };
}

/** Markdown files below a folder. */
export function pagesBelow(folder: string): Page[] {
  return readdirSync(new URL(`${folder}/`, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => page(posix.join(folder, name)));
}

/** README.md, and all pages of docs/. */
export function manual(): Page[] {
  return [page('README.md'), ...pagesBelow('docs')];
}

/** All Markdown files that somebody reads as a document. */
export function allPages(): Page[] {
  const others = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...others.map(page), ...pagesBelow('docs'), ...pagesBelow('perf')];
}

/** The texts of all code blocks of a language, also of those inside lists. */
export function codeBlocks({ text }: Page, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'));
  return [...blocks].map(([, indent, block]) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** Lines outside of code blocks; those inside are empty, so that numbers of lines stay. */
function proseLines(text: string): string[] {
  let fenced = false;
  return text.split('\n').map((line) => {
    const fence = /^ *```/.test(line);
    if (fence) fenced = !fenced;
    return fence || fenced ? '' : line;
  });
}

export function links({ text }: Page): Link[] {
  return proseLines(text).flatMap((line, i) =>
    [...line.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => ({ to, line: i + 1 })),
  );
}

/** The anchors of a page, as GitHub makes them of headings: a repeated one gets a number. */
export function anchors({ text }: Page): ReadonlySet<string> {
  const made = new Set<string>();
  const times = new Map<string, number>();
  for (const line of proseLines(text)) {
    const [, heading] = /^#{1,6} (.*?)\s*$/.exec(line) ?? [];
    if (heading === undefined) continue;
    const base = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\p{Mark}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const before = times.get(base) ?? 0;
    times.set(base, before + 1);
    made.add(before === 0 ? base : `${base}-${before}`);
  }
  return made;
}
