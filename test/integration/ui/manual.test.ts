/** The manual in a real browser, as collectors and scrapers serve it, also behind a proxy with a path. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import type { Browser } from 'playwright-core';
import { buildApi } from '../../../src/api/collector/app.js';
import { buildScraperApi } from '../../../src/api/scraper/app.js';
import { FakeCollector } from '../../support/fakes/fakeCollector.js';
import { FakeScraper } from '../../support/fakes/fakeScraper.js';
import { PREFIX, prefixProxy } from '../../support/fakes/prefixProxy.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';

describe('The manual in Chromium', function () {
  this.timeout(60_000);
  const outside: string[] = [];
  let collector: FastifyInstance;
  let scraper: FastifyInstance;
  let proxy: Server;
  let browser: Browser;
  let watched: WatchedPage;
  const bases = new Map<string, string>();

  before(async function () {
    needsPage(this);
    collector = buildApi(new FakeCollector());
    scraper = buildScraperApi(new FakeScraper());
    const listen = (app: FastifyInstance) => app.listen({ port: 0, host: '127.0.0.1' });
    bases.set('a collector', await listen(collector));
    bases.set('a scraper', await listen(scraper));
    proxy = await prefixProxy(bases.get('a collector') ?? '', outside);
    bases.set('a proxy with a path', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PREFIX}`);
    browser = await launch();
    watched = await WatchedPage.open(browser);
  });
  after(async () => {
    await browser?.close();
    proxy?.closeAllConnections();
    proxy?.close();
    await Promise.all([collector?.close(), scraper?.close()]);
  });

  for (const of of ['a collector', 'a scraper', 'a proxy with a path'])
    it(`opens pages of ${of}, finds a word, and asks nothing of other hosts`, async () => {
      const { page, complaints, hosts } = watched;
      const base = bases.get(of) ?? '';
      complaints.length = 0;
      hosts.clear();
      await page.goto(`${base}/manual`);
      expect(page.url()).to.equal(`${base}/manual/`);
      await page.getByRole('heading', { level: 1, name: 'LLAMA' }).waitFor();
      await page.getByText('Reference', { exact: true }).first().click();
      await page.getByRole('navigation').getByRole('link', { name: 'Errors' }).click();
      await page.getByRole('heading', { level: 1, name: 'Errors' }).waitFor();
      expect(page.url()).to.equal(`${base}/manual/reference/errors.html`);
      await page.getByRole('searchbox').fill('probeMemory');
      const found = page.locator('#results').getByRole('link', { name: 'Options of a collector' });
      await found.click();
      await page.getByRole('heading', { level: 1, name: 'Options of a collector' }).waitFor();
      await page.getByText('LLAMA_COLLECTOR_PROBE_MEMORY').first().waitFor();
      expect(complaints).to.deep.equal([]);
      expect([...hosts]).to.deep.equal([new URL(base).host]);
      expect(outside.filter((path) => path !== '/favicon.ico')).to.deep.equal([]);
    });

  it('finds a word with a slip, by its start, and says when there is nothing', async () => {
    const { page } = watched;
    await page.goto(`${bases.get('a collector')}/manual/`);
    const results = page.locator('#results');
    for (const text of ['scheduleSlips', 'schedul', 'reflecter']) {
      await page.getByRole('searchbox').fill(text);
      await results.getByRole('link').first().waitFor();
    }
    await page.getByRole('searchbox').fill('xyzzyplugh');
    await results.getByText('Nothing found.').waitFor();
    await page.getByRole('searchbox').press('Escape');
    await results.waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    await page.keyboard.type('jitter');
    await results.getByRole('link').first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/#/);
  });

  it('shows its pictures and has no serious fault of accessibility', async () => {
    const { page } = watched;
    await page.goto(`${bases.get('a collector')}/manual/`);
    const widths: unknown = await page.evaluate(
      'Promise.all([...document.images].map((image) => image.decode().then(() => image.naturalWidth)))',
    );
    expect(widths).to.be.an('array').that.is.not.empty.and.does.not.include(0);
    expect(await watched.violations()).to.deep.equal([]);
    await page.goto(`${bases.get('a collector')}/manual/reference/rest-api.html`);
    expect(await watched.violations()).to.deep.equal([]);
  });

  it('opens every page of its order without a complaint', async () => {
    const { page, complaints, hosts } = watched;
    complaints.length = 0;
    hosts.clear();
    await page.goto(`${bases.get('a collector')}/manual/`);
    const urls = await page
      .locator('nav a')
      .evaluateAll((links) => links.map((link) => new URL(link.getAttribute('href') ?? '', link.baseURI).href));
    expect(urls).to.have.length.above(50);
    for (const url of urls) {
      await page.goto(url);
      expect(await page.locator('main h1').count(), url).to.equal(1);
    }
    expect(complaints).to.deep.equal([]);
    expect([...hosts]).to.have.length(1);
  });

  it('is linked from the page, and links back', async () => {
    const { page } = watched;
    await page.goto(`${bases.get('a proxy with a path')}/`);
    await page.getByRole('link', { name: 'Manual' }).click();
    await page.getByRole('heading', { level: 1, name: 'LLAMA' }).waitFor();
    await page.getByRole('link', { name: 'Web page', exact: true }).click();
    expect(page.url()).to.equal(`${bases.get('a proxy with a path')}/`);
  });
});
