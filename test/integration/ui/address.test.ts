/** The page by its address: what is wrong in it is said or mended, and a path prefix is kept. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { PREFIX, prefixProxy } from '../../support/fakes/prefixProxy.js';
import { Responder } from '../../support/fakes/responder.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const SOON_MS = 20_000;

describe('The address of the page', function () {
  this.timeout(60_000);
  const outside: string[] = [];
  let responder: Responder;
  let collector: TestCollector;
  let proxy: Server;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this);
    browser = await launch();
    watched = await WatchedPage.open(browser);
    responder = await Responder.start({ kind: 'normal' }, '127.0.7.1');
    collector = await TestCollector.start({
      collector: { workers: 1 },
      source: { address: '127.0.0.1', ports: 2 },
      groups: {
        west: {
          ...{ protocol: 'stamp', port: responder.port, period: '200ms', timeout: '1s' },
          targets: [{ address: '127.0.7.1' }],
        },
      },
    });
    proxy = await prefixProxy(collector.url, outside);
  });

  after(async () => {
    await browser?.close();
    proxy?.closeAllConnections();
    proxy?.close();
    await collector?.stop();
    responder?.close();
  });

  const prefixed = (path: string): string =>
    `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PREFIX}${path}`;

  it('with a view that there is not is the first page', async () => {
    await watched.page.goto(`${collector.url}/?view=nonsense`);
    await watched.page.getByText('No loss.').waitFor({ timeout: SOON_MS });
  });

  it('with an end in the future is of now, and not called the past', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=overview&to=${Date.now() + 3_600_000}`);
    await page.getByText('No loss.').waitFor({ timeout: SOON_MS });
    expect(await page.getByText('The past.').count()).to.equal(0);
    await page.locator('.live [role=status]', { hasText: /^live$/ }).waitFor();
  });

  it('with bad thresholds says so, and which are in use', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=matrix&loss=5,1,2,3`);
    await page.getByText('Found "5,1,2,3", expected four rising numbers').waitFor();
    await page.getByText('The default is in use.').waitFor();
    await page.getByLabel('thresholds, %').fill('1, 2');
    await page.getByLabel('thresholds, %').press('Tab');
    await page.getByText('Found "1, 2", expected four rising numbers').waitFor();
  });

  it('shows the problem of a group once', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=groups`);
    await page.getByRole('button', { name: 'Add a group' }).click();
    await page.getByLabel('name').fill('east');
    await page.getByLabel('period of a path').fill('1s');
    await page.getByLabel('timeout').fill('soon');
    await page.getByLabel(/^targets/).fill('127.0.7.1');
    await page.getByRole('button', { name: 'Show what it would do' }).click();
    const notice = page.locator('.notice');
    await notice.waitFor();
    const text = ((await notice.textContent()) ?? '').replaceAll(/\s+/g, ' ');
    const said = text.split('"soon"').length - 1;
    expect(said, text).to.equal(1);
  });

  it('may have a path prefix: the page, /docs, and requests from there stay below it', async () => {
    const { page } = watched;
    await page.goto(prefixed('/'));
    await page.getByText('No loss.').waitFor({ timeout: SOON_MS });
    for (const docs of ['/docs', '/docs/']) {
      await page.goto(prefixed(docs));
      await page.getByRole('heading', { name: /LLAMA collector/ }).waitFor();
    }
    const operation = page.locator('#operations-service-getStatus');
    await operation.locator('.opblock-summary').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    const answered = page.waitForResponse((response) => response.url().endsWith('/v1/status'));
    await operation.getByRole('button', { name: 'Execute' }).click();
    const response = await answered;
    expect([response.url(), response.status()]).to.deep.equal([prefixed('/v1/status'), 200]);
    await waitFor(
      'nothing was asked of the root',
      () => outside.filter((path) => path !== '/favicon.ico').length === 0,
    );
  });
});
