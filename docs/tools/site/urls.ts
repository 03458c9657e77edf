/** Where a file of the repository is in the site. Pure. */

import { posix } from 'node:path';

/**
 * `README.md` -> `index.html`, `docs/guide/top.md` -> `guide/top.html`, `docs/screenshots/pair.png` -> `screenshots/pair.png`,
 * `config/default.yaml` -> `config/default.yaml.html`.
 */
export function siteUrl(path: string): string {
  if (path === 'README.md') return 'index.html';
  const below = path.startsWith('docs/') ? path.slice('docs/'.length) : path;
  if (below.endsWith('.yaml')) return `${below}.html`;
  return below.endsWith('.md') ? `${below.slice(0, -'.md'.length).toLowerCase()}.html` : below;
}

/** `../` for each folder that a page of the site is in. */
export const upFrom = (url: string): string => '../'.repeat(url.split('/').length - 1);

/** The file that a link of a page leads to, from the top of the repository, and what stands behind its `#`. */
export function targetOf(href: string, page: string): { readonly path: string; readonly anchor: string } {
  const [file = '', anchor = ''] = href.split('#');
  const path = file === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(file));
  return { path: path.replace(/\/$/, ''), anchor };
}
