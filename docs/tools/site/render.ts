/** A page of Markdown as HTML and as sections for the search. Pure. */

import { Marked, type Tokens } from 'marked';
import { siteUrl, targetOf, upFrom } from './urls.js';

export interface RenderedSection {
  readonly title: string;
  readonly anchor: string;
  readonly text: string;
}

export interface RenderedPage {
  readonly title: string;
  readonly html: string;
  readonly sections: readonly RenderedSection[];
  /** Files of the repository that it shows or links to, and that are in the site. */
  readonly files: readonly string[];
}

/** Renders the page at `path`; `has` tells which files of the repository the site has. */
export function renderPage(path: string, markdown: string, has: (file: string) => boolean): RenderedPage {
  const up = upFrom(siteUrl(path));
  const sections: { title: string; anchor: string; words: string[] }[] = [];
  const files = new Set<string>();
  const taken = new Map<string, number>();
  /** Of a file in the site, where it is; else undefined. */
  const inside = (href: string): string | undefined => {
    const { path: file, anchor } = targetOf(href, path);
    if (!has(file)) return undefined;
    files.add(file);
    return up + siteUrl(file) + (anchor === '' ? '' : `#${anchor}`);
  };
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading) {
        const anchor = uniqueAnchor(text, taken);
        sections.push({ title: headingText(text), anchor, words: [] });
        return `<h${depth} id="${anchor}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link) {
        const label = this.parser.parseInline(tokens);
        if (/^https?:/.test(href)) return `<a href="${escapeHtml(href)}" rel="noreferrer">${label}</a>`;
        const url = inside(href);
        // The rest of the repository is not carried by the package.
        return url === undefined ? `<span class="file">${label}</span>` : `<a href="${escapeHtml(url)}">${label}</a>`;
      },
      image({ href, text }: Tokens.Image) {
        return `<img src="${escapeHtml(inside(href) ?? '')}" alt="${escapeHtml(text)}">`;
      },
      table(token: Tokens.Table) {
        const row = (cells: readonly Tokens.TableCell[], tag: string): string =>
          `<tr>${cells.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join('')}</tr>\n`;
        const body = token.rows.map((cells) => row(cells, 'td')).join('');
        return `<div class="table" tabindex="0"><table>\n<thead>${row(token.header, 'th')}</thead>\n<tbody>${body}</tbody></table></div>\n`;
      },
      html({ text }: Tokens.HTML | Tokens.Tag) {
        return escapeHtml(text);
      },
      code({ text }: Tokens.Code) {
        return `<pre tabindex="0"><code>${escapeHtml(text)}\n</code></pre>\n`;
      },
    },
  });
  const tokens = marked.lexer(markdown);
  const html = tokens
    .map((token) => {
      const text = marked.parser([token]);
      if (token.type !== 'heading') sections.at(-1)?.words.push(plainText(token.raw));
      return text;
    })
    .join('');
  return {
    title: sections[0]?.title ?? path,
    html,
    sections: sections.map(({ title, anchor, words: all }) => ({ title, anchor, text: all.join(' ').trim() })),
    files: [...files],
  };
}

/** As GitHub makes it; of equal ones the later ones get a number. */
export function uniqueAnchor(heading: string, taken: Map<string, number>): string {
  const anchor = headingText(heading)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
  const before = taken.get(anchor) ?? 0;
  taken.set(anchor, before + 1);
  return before === 0 ? anchor : `${anchor}-${before}`;
}

export const headingText = (markdown: string): string =>
  markdown.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');

/** Markdown without its marks. */
function plainText(markdown: string): string {
  return markdown
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/^\s*(?:\|?[\s|:-]+\||```.*)$/gm, '')
    .replaceAll(/[`*|]/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (char) => entities[char]);
}
