/**
 * The page's files as they are served: who may have them, how long they are kept, what they may do, how large they are.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { buildApi } from '../../../../src/api/collector/app.js';
import { buildScraperApi } from '../../../../src/api/scraper/app.js';
import { resultRoutes } from '../../../../src/api/scraper/routes.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';
import { FakeScraper } from '../../../support/fakes/fakeScraper.js';

const BUILT = fileURLToPath(new URL('../../../../ui/', import.meta.url));
const MOST_BYTES = 150 * 1024;

describe("the page's files", () => {
  const app = buildApi(new FakeCollector());
  let assets: string[] = [];

  before(() => {
    if (!existsSync(BUILT)) throw new Error('the page is not built: npm run build');
    assets = readdirSync(join(BUILT, 'assets')).map((name) => `/assets/${name}`);
  });
  after(() => app.close());

  it('are served by collectors and scrapers at /, never from a cache without asking', async () => {
    const service = new FakeScraper();
    const scraper = buildScraperApi(service, {
      routes: (to) => resultRoutes(to, service, { memory: undefined, access: {} }),
    });
    for (const one of [app, scraper]) {
      const answer = await one.inject('/');
      expect(answer.statusCode).to.equal(200);
      expect(answer.headers['content-type']).to.match(/^text\/html/);
      expect(answer.headers['cache-control']).to.equal('no-cache');
      expect(answer.body).to.contain('<div id="app">');
    }
    await scraper.close();
  });

  it('are kept for long when their name has a hash of their content', async () => {
    expect(assets.length).to.be.at.least(3);
    for (const path of assets) {
      expect(path).to.match(/-[\w-]{8}\.(js|css|svg)$/);
      const answer = await app.inject(path);
      expect(answer.statusCode, path).to.equal(200);
      expect(answer.headers['cache-control']).to.equal('public, max-age=31536000, immutable');
    }
  });

  it('have a policy without inline scripts or styles, which the documentation of the API alone has', async () => {
    const policy = String((await app.inject('/')).headers['content-security-policy']);
    expect(policy).to.contain("script-src 'self';");
    expect(policy).not.to.match(/unsafe|data:|https?:/);
    const ofDocs = String((await app.inject('/docs/static/index.html')).headers['content-security-policy']);
    expect(ofDocs).to.contain("style-src 'self' 'unsafe-inline'");
    const html = readFileSync(join(BUILT, 'index.html'), 'utf8');
    expect(html).not.to.match(/<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=/);
  });

  it('are answered as everywhere when there are none: a problem document', async () => {
    const answer = await app.inject('/assets/none.js');
    expect(answer.statusCode).to.equal(404);
    expect(answer.json().code).to.equal('LLAMA_NOT_FOUND');
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).to.equal(405);
  });

  it('do not leave their directory', async () => {
    for (const path of ['/..%2f..%2fpackage.json', '/assets/..%2f..%2fsrc/base/version.js', '/.%2e/package.json'])
      expect((await app.inject(path)).statusCode, path).to.equal(404);
  });

  it(`are less than ${MOST_BYTES / 1024} KB together, compressed`, () => {
    const files = ['index.html', ...assets.map((path) => path.slice(1))];
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(BUILT, file))).length, 0);
    expect(bytes).to.be.within(1, MOST_BYTES);
  });
});
