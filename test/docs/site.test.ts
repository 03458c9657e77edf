/** The site as it was built: every page is in the order, and every link leads to something. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect } from 'chai';
import MiniSearch from 'minisearch';
import { SEARCH_OPTIONS, type Section } from '../../docs/site/search.js';
import { completeNav, navProblems, pagesOf, readNav } from '../../docs/tools/site/nav.js';
import { renderPage } from '../../docs/tools/site/render.js';
import { siteUrl, targetOf, upFrom } from '../../docs/tools/site/urls.js';

const ROOT = new URL('../../../', import.meta.url);
const SITE = new URL('dist/manual/', ROOT);
const nav = readNav(ROOT);

describe('the manual', () => {
  const files = new Map<string, string>();

  before(() => {
    if (!existsSync(SITE)) throw new Error('the manual is not built: npm run docs:site');
    for (const name of readdirSync(SITE, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.html')) files.set(name, readFileSync(new URL(name, SITE), 'utf8'));
  });

  it('has every page of the repository, once, in the order of docs/nav.yaml', () => {
    expect(navProblems(nav, pagesOf(ROOT))).to.deep.equal([]);
    for (const path of nav.flatMap(({ pages }) => pages)) expect([...files.keys()]).to.include(siteUrl(path));
  });

  it('names a page that is missing in the order, one that does not exist, and one that is there twice', () => {
    const order = [{ title: 'All', pages: ['a.md', 'b.md', 'a.md'] }];
    expect(navProblems(order, ['a.md', 'c.md'])).to.deep.equal([
      'docs/nav.yaml lacks c.md; add it to a section',
      'docs/nav.yaml has b.md, which does not exist; take it out',
      'docs/nav.yaml has a.md twice',
    ]);
    expect(completeNav([{ title: 'All', pages: ['a.md', 'b.md'] }], ['a.md', 'c.md'])).to.deep.equal([
      { title: 'All', pages: ['a.md'] },
      { title: 'More', pages: ['c.md'] },
    ]);
  });

  it('leads to a file and a heading with every link, and takes nothing from other hosts', () => {
    for (const [name, html] of files)
      for (const [, attribute, url] of html.matchAll(/ (href|src)="([^"]*)"/g)) {
        if (/^https?:/.test(url)) {
          expect(attribute, `${name}: ${url}`).to.equal('href');
          continue;
        }
        const [path, anchor] = url.split('#');
        const file = path === '' ? name : posix.join(posix.dirname(name), path);
        // The web page of the service, one folder above.
        if (file === '../') continue;
        expect(existsSync(new URL(file, SITE)), `${name}: ${url}`).to.equal(true);
        if (anchor !== undefined) expect(files.get(file), `${name}: ${url}`).to.include(` id="${anchor}"`);
      }
  });

  it('has no script or style within a page, which the policy of the service forbids', () => {
    for (const [name, html] of files)
      expect(html, name).not.to.match(/<style|<script(?![^>]*\ssrc=)|<[^>]*\s(?:style|on\w+)=/);
  });

  it('is carried by the package', () => {
    const { files: carried, scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
    expect(carried).to.include('dist/manual');
    expect(scripts.build).to.match(/ && node dist\/docs\/tools\/site\.js$/);
    expect(scripts.prepack).to.include('npm run -s build');
  });

  it('finds the sections of a word', () => {
    const index = MiniSearch.loadJSON<Section>(readFileSync(new URL('search.json', SITE), 'utf8'), SEARCH_OPTIONS);
    const urls = (text: string): unknown[] => index.search(text).map(({ url }) => url);
    expect(urls('LLAMA_GROUP_EXISTS')).to.include('reference/errors.html#errors');
    expect(urls('probe memory')).to.include('reference/options.html#options-of-a-collector');
    for (const text of ['probeMemory', 'collector.probeMemory', 'LLAMA_COLLECTOR_PROBE_MEMORY'])
      expect(urls(text), text).to.include('reference/options.html#options-of-a-collector');
    expect(urls('dry run')).to.include('reference/rest-api.html#dry-run');
  });
});

describe('a page of the manual', () => {
  it('is where its place in the repository says', () => {
    expect(siteUrl('README.md')).to.equal('index.html');
    expect(siteUrl('SECURITY.md')).to.equal('security.html');
    expect(siteUrl('docs/guide/top.md')).to.equal('guide/top.html');
    expect(siteUrl('config/default.yaml')).to.equal('config/default.yaml.html');
    expect(upFrom('guide/top.html')).to.equal('../');
    expect(targetOf('../../config/x.yaml#a', 'docs/guide/top.md')).to.deep.equal({
      path: 'config/x.yaml',
      anchor: 'a',
    });
  });

  it('has its links turned, links to the rest of the repository as text, and no HTML of its own', () => {
    const text = '# T\n\n[a](b.md#c) [d](../../src/x.ts) [e](https://example.net/) <b onclick="x">\n';
    const { html, files } = renderPage('docs/guide/a.md', text, (file) => file === 'docs/guide/b.md');
    expect(html).to.include('<a href="../guide/b.html#c">a</a>').and.include('<span class="file">d</span>');
    expect(html).to.include('<a href="https://example.net/" rel="noreferrer">e</a>').and.not.include('<b onclick');
    expect(files).to.deep.equal(['docs/guide/b.md']);
  });

  it('has the anchors of GitHub, and a section for each heading', () => {
    const text = '# A `b`: c/d\n\none\n\n## GET /v1/x\n\n| h |\n| --- |\n| two |\n\n## GET /v1/x\n';
    const { title, sections } = renderPage('docs/a.md', text, () => false);
    expect(title).to.equal('A b: c/d');
    expect(sections).to.deep.equal([
      { title: 'A b: c/d', anchor: 'a-b-cd', text: 'one' },
      { title: 'GET /v1/x', anchor: 'get-v1x', text: 'h two' },
      { title: 'GET /v1/x', anchor: 'get-v1x-1', text: '' },
    ]);
  });
});
