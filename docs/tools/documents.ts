/** The documents as they are written: Markdown files, their headings, links and named files. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { headingText, uniqueAnchor } from './site/render.js';
import { targetOf } from './site/urls.js';

export interface Page {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A link as written, and its line, from 1. */
export interface Link {
  readonly to: string;
  readonly line: number;
}

/** Tells of a file or folder, by its path from the top of the repository, whether it exists, and the text of a page. */
export interface Repository {
  readonly has: (path: string) => boolean;
  /** Undefined for a folder, and for a file that is no page. */
  readonly textOf: (path: string) => string | undefined;
}

export function readPage(path: string, root: URL): Page {
  return { path, text: readFileSync(new URL(path, root), 'utf8') };
}

/** Markdown files below a folder, by name. */
export function pagesBelow(folder: string, root: URL): Page[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => readPage(`${folder}/${name}`, root));
}

/** All Markdown files at the top of the repository, and below docs and perf. */
export function allPages(root: URL): Page[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  return [...top.map((path) => readPage(path, root)), ...pagesBelow('docs', root), ...pagesBelow('perf', root)];
}

export function repositoryAt(root: URL): Repository {
  const has = (path: string): boolean => !path.startsWith('..') && existsSync(new URL(path, root));
  const textOf = (path: string): string | undefined =>
    path.endsWith('.md') && statSync(new URL(path, root)).isFile() ? readPage(path, root).text : undefined;
  return { has, textOf };
}

/** Lines outside of code blocks; lines inside are empty, so that the numbers of lines stay. */
function proseLines(text: string): string[] {
  let fenced = false;
  return text.split('\n').map((line) => {
    const fence = /^ *```/.test(line);
    if (fence) fenced = !fenced;
    return fence || fenced ? '' : line;
  });
}

export function linksOf({ text }: Pick<Page, 'text'>): Link[] {
  return proseLines(text).flatMap((line, i) =>
    [...line.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => ({ to, line: i + 1 })),
  );
}

/** The anchors of the headings. */
export function anchorsOf({ text }: Pick<Page, 'text'>): ReadonlySet<string> {
  const taken = new Map<string, number>();
  const headings = proseLines(text).flatMap((line) => /^#{1,6} (.*?)\s*$/.exec(line)?.[1] ?? []);
  return new Set(headings.map((heading) => uniqueAnchor(headingText(heading), taken)));
}

/** Links to files or headings that do not exist. Addresses of other servers are not asked. */
export function linkProblems(pages: readonly Page[], { has, textOf }: Repository): string[] {
  return pages.flatMap((page) =>
    linksOf(page).flatMap(({ to, line }) => {
      if (/^(https?|mailto):/.test(to)) return [];
      const { path, anchor } = targetOf(to, page.path);
      if (!has(path)) return [`${page.path}:${line} links to ${to}, which does not exist`];
      const text = anchor === '' ? undefined : textOf(path);
      const isDead = anchor !== '' && (text === undefined || !anchorsOf({ text }).has(anchor));
      return isDead ? [`${page.path}:${line} links to ${to}, a heading that does not exist`] : [];
    }),
  );
}

/** Files and folders of the repository that a page names and that do not exist; source files are named by their whole path. */
export function namedFileProblems(pages: readonly Page[], { has }: Pick<Repository, 'has'>): string[] {
  const named = /`((?:src|workers|test|perf|config)\/[\w./-]*\w|[\w./-]+\.tsx?)`/g;
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(named)]
      .map(([, name]) => name)
      .filter((name) => !has(name))
      .map((name) => `${path} names ${name}, which does not exist; name a source file by its whole path`),
  );
}

/** All problems of the documents of the repository. The changelog and the results of benchmarks speak of their own time. */
export function documentProblems(root: URL): string[] {
  const pages = allPages(root);
  const repository = repositoryAt(root);
  const current = pages.filter(({ path }) => path !== 'CHANGELOG.md' && !path.startsWith('perf/'));
  return [...linkProblems(pages, repository), ...namedFileProblems(current, repository)];
}
