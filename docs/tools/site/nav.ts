/** `docs/nav.yaml`: the pages of the manual and their order. */

import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface NavSection {
  readonly title: string;
  /** Paths from the top of the repository. */
  readonly pages: readonly string[];
}

/** Sections as written; `FOLDER/*` stands for every page of a folder, by name. */
export function readNav(root: URL): NavSection[] {
  const sections: NavSection[] = parse(readFileSync(new URL('docs/nav.yaml', root), 'utf8'));
  return sections.map(({ title, pages }) => ({ title, pages: pages.flatMap((path) => expand(path, root)) }));
}

function expand(path: string, root: URL): string[] {
  if (!path.endsWith('/*')) return [path];
  const folder = path.slice(0, -1);
  const names = readdirSync(new URL(folder, root)).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => folder + name);
}

/** Every page of the repository that belongs to the manual: those at the top, and all below docs. */
export function pagesOf(root: URL): string[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const below = readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' });
  return [...top, ...below.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)].sort();
}

/** The order with what is wrong in it mended, so that a new page can be read before it has its place: see `navProblems`. */
export function completeNav(sections: readonly NavSection[], pages: readonly string[]): NavSection[] {
  const listed = sections.flatMap((section) => section.pages);
  const others = pages.filter((path) => !listed.includes(path));
  const known = sections.map(({ title, pages: paths }) => ({
    title,
    pages: paths.filter((path) => pages.includes(path)),
  }));
  return others.length === 0 ? known : [...known, { title: 'More', pages: others }];
}

/** What is wrong with the order: a page that is missing in it, one that does not exist, one that is there twice. */
export function navProblems(sections: readonly NavSection[], pages: readonly string[]): string[] {
  const listed = sections.flatMap((section) => section.pages);
  return [
    ...pages.filter((path) => !listed.includes(path)).map((path) => `docs/nav.yaml lacks ${path}; add it to a section`),
    ...listed
      .filter((path) => !pages.includes(path))
      .map((path) => `docs/nav.yaml has ${path}, which does not exist; take it out`),
    ...listed.filter((path, i) => listed.indexOf(path) !== i).map((path) => `docs/nav.yaml has ${path} twice`),
  ];
}
