/** The frame of every page of the site. Pure. */

import { escapeHtml } from './render.js';
import { siteUrl, upFrom } from './urls.js';

export interface NavLinks {
  readonly title: string;
  readonly pages: readonly { readonly path: string; readonly title: string }[];
}

/** A whole page; `html` is what stands in it, `path` its place in the repository. */
export function framed(path: string, title: string, html: string, nav: readonly NavLinks[]): string {
  const up = upFrom(siteUrl(path));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · LLAMA</title>
<link rel="icon" href="${up}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${up}manual.css">
<script type="module" src="${up}manual.js"></script>
</head>
<body>
<header>
<a class="name" href="${up}index.html">LLAMA manual</a>
<search><input id="search" type="search" placeholder="Search, key /" aria-label="Search the manual" hidden>
<ul id="results" hidden></ul></search>
<a href="${up}../">Web page</a>
</header>
<nav aria-label="Pages">
${nav.map((section) => navSection(section, path, up)).join('\n')}
</nav>
<main>
${html}${neighbours(path, nav, up)}</main>
</body>
</html>
`;
}

function navSection({ title, pages }: NavLinks, path: string, up: string): string {
  const open = pages.some((page) => page.path === path) ? ' open' : '';
  const items = pages.map((page) => {
    const current = page.path === path ? ' aria-current="page"' : '';
    return `<li>${link(page, up, current)}</li>`;
  });
  return `<details${open}><summary>${escapeHtml(title)}</summary><ul>${items.join('')}</ul></details>`;
}

const link = (page: NavLinks['pages'][number], up: string, attributes = ''): string =>
  `<a href="${up}${siteUrl(page.path)}"${attributes}>${escapeHtml(page.title)}</a>`;

/** Links to the pages before and after; none for a page outside the order. */
function neighbours(path: string, nav: readonly NavLinks[], up: string): string {
  const pages = nav.flatMap((section) => section.pages);
  const at = pages.findIndex((page) => page.path === path);
  if (at === -1) return '';
  const [before, after] = [pages[at - 1], pages[at + 1]];
  const parts = [
    before === undefined ? '' : `<span>← ${link(before, up)}</span>`,
    after === undefined ? '' : `<span>${link(after, up)} →</span>`,
  ];
  return `<p class="neighbours">${parts.join(' ')}</p>\n`;
}
