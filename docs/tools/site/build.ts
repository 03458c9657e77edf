/** The static site out of the pages of the repository: HTML, images, styles and the search index. */

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import MiniSearch from 'minisearch';
import { SEARCH_OPTIONS, type Section } from '../../site/search.js';
import { completeNav, pagesOf, readNav } from './nav.js';
import { escapeHtml, type RenderedPage, renderPage } from './render.js';
import { framed, type NavLinks } from './template.js';
import { siteUrl } from './urls.js';

/** What `tsc -p docs/site` makes of the scripts of the page: beside `dist/docs/tools`. */
const COMPILED = new URL('../../browser/', import.meta.url);
/** Files outside the order that a page may show or link to. */
const CARRIED = /^(?:config\/.*\.yaml|docs\/screenshots\/.*|perf\/results\/.*\.md)$/;

/** Builds the site of the repository at `root` into `target`, in place of what is there. */
export function buildSite(root: URL, target: URL): void {
  const sections = completeNav(readNav(root), pagesOf(root));
  const ordered = sections.flatMap(({ pages }) => pages);
  const has = (file: string): boolean => ordered.includes(file) || (CARRIED.test(file) && isFile(new URL(file, root)));
  const pages = new Map<string, RenderedPage>();
  const files = new Set<string>();
  /** Renders a page and all that it leads to. */
  const add = (path: string): void => {
    if (pages.has(path) || files.has(path)) return;
    if (!/\.(?:md|yaml)$/.test(path)) {
      files.add(path);
      return;
    }
    const text = readFileSync(new URL(path, root), 'utf8');
    const page = path.endsWith('.md') ? renderPage(path, text, has) : sourcePage(path, text);
    pages.set(path, page);
    for (const file of page.files) add(file);
  };
  for (const path of ordered) add(path);
  rmSync(target, { recursive: true, force: true });
  const nav: NavLinks[] = sections.map(({ title, pages: paths }) => ({
    title,
    pages: paths.map((path) => ({ path, title: pages.get(path)?.title ?? path })),
  }));
  for (const [path, { title, html }] of pages) write(target, siteUrl(path), framed(path, title, html, nav));
  for (const file of files) {
    const to = new URL(siteUrl(file), target);
    mkdirSync(new URL('.', to), { recursive: true });
    copyFileSync(new URL(file, root), to);
  }
  write(target, 'search.json', searchIndex(pages));
  copyFileSync(new URL('docs/site/manual.css', root), new URL('manual.css', target));
  copyFileSync(new URL('src/ui/icon.svg', root), new URL('icon.svg', target));
  addScripts(target);
}

/** A config file as a page. */
function sourcePage(path: string, text: string): RenderedPage {
  const html = `<h1>${path}</h1>\n<pre tabindex="0"><code>${escapeHtml(text)}</code></pre>\n`;
  return { title: path, html, sections: [{ title: path, anchor: '', text }], files: [] };
}

function searchIndex(pages: ReadonlyMap<string, RenderedPage>): string {
  const index = new MiniSearch<Section>(SEARCH_OPTIONS);
  const documents = [...pages].flatMap(([path, { title: page, sections }]) =>
    sections.map(({ title, anchor, text }) => ({
      ...{ title, page, text },
      url: siteUrl(path) + (anchor === '' ? '' : `#${anchor}`),
    })),
  );
  index.addAll(documents.map((document, id) => ({ id, ...document })));
  return JSON.stringify(index);
}

/** The compiled scripts. The browser knows no packages: they get the module beside them. */
function addScripts(target: URL): void {
  for (const name of ['manual.js', 'search.js']) {
    const script = readFileSync(new URL(name, COMPILED), 'utf8');
    write(target, name, script.replace("from 'minisearch'", "from './minisearch.js'"));
  }
  const module = readFileSync(new URL(import.meta.resolve('minisearch')), 'utf8');
  write(target, 'minisearch.js', module.replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}

const isFile = (file: URL): boolean => existsSync(file) && statSync(file).isFile();

function write(target: URL, path: string, text: string): void {
  const file = new URL(path, target);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
