/** The files of the manual as collectors and scrapers serve them. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import Fastify from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { buildScraperApi } from '../../../../src/api/scraper/app.js';
import { manualRoutes } from '../../../../src/api/server/manual.js';
import { Tokens } from '../../../../src/api/server/tokens.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';
import { FakeScraper } from '../../../support/fakes/fakeScraper.js';

describe('/manual/', () => {
  it('is served by collectors and scrapers, with the policy of the page', async () => {
    for (const app of [buildApi(new FakeCollector()), buildScraperApi(new FakeScraper())]) {
      const answer = await app.inject('/manual/');
      expect(answer.statusCode, 'the manual is built by "npm run build"').to.equal(200);
      expect(answer.headers['content-type']).to.match(/^text\/html/);
      expect(answer.headers['cache-control']).to.equal('no-cache');
      const policy = String(answer.headers['content-security-policy']);
      expect(policy)
        .to.contain("script-src 'self';")
        .and.not.match(/unsafe|data:|https?:/);
      expect(answer.body).not.to.match(/<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=/);
      await app.close();
    }
  });

  it('is where /manual leads to, by a path that holds below a prefix too', async () => {
    const app = buildApi(new FakeCollector());
    const { statusCode, headers } = await app.inject('/manual');
    await app.close();
    expect([statusCode, headers.location]).to.deep.equal([308, 'manual/']);
  });

  it('needs no token, as the page needs none, and is not in the document of the API', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'llama-manual-'));
    const files = { tokenFile: join(directory, 'write'), readTokenFile: join(directory, 'read') };
    for (const [name, file] of Object.entries(files)) writeFileSync(file, `${name}-secret-of-a-test`, { mode: 0o600 });
    const app = buildApi(new FakeCollector(), { tokens: new Tokens(files, () => {}, 'api') });
    try {
      expect((await app.inject('/v1/status')).statusCode).to.equal(401);
      for (const path of ['/manual', '/manual/', '/manual/search.json', '/manual/reference/errors.html'])
        expect((await app.inject(path)).statusCode, path).to.be.below(400);
      expect((await app.inject('/openapi.json')).body).not.to.contain('/manual');
    } finally {
      await app.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('has no way out of its folder, and says as everywhere that a page is not there', async () => {
    const app = buildApi(new FakeCollector());
    for (const path of [
      '/manual/none.html',
      '/manual/reference',
      '/manual/..%2f..%2fpackage.json',
      '/manual/%2e%2e/src/base/version.js',
    ]) {
      const answer = await app.inject(path);
      expect([path, answer.statusCode, answer.json().code]).to.deep.equal([path, 404, 'LLAMA_NOT_FOUND']);
    }
    await app.close();
  });

  it('says how it is built when it was not', async () => {
    const app = Fastify();
    manualRoutes(app, '/nonexistent/manual');
    for (const path of ['/manual/', '/manual/reference/cli.html'])
      expect((await app.inject(path)).json().message).to.equal(
        'found no manual in this installation, expected it in dist/manual; "npm run docs:site" builds it',
      );
    await app.close();
  });
});
