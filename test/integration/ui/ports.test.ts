/** A target with two ports, one of which is silent: its own page, and what a probe from a fresh source port says. */

import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { Responder } from '../../support/fakes/responder.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const TARGET = '127.0.4.1';
const SOON_MS = 20_000;

describe('The page of a target with two ports', function () {
  this.timeout(60_000);
  const responders: Responder[] = [];
  let collector: TestCollector;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this);
    browser = await launch();
    watched = await WatchedPage.open(browser);
    for (const kind of ['normal', 'silent'] as const) responders.push(await Responder.start({ kind }, TARGET));
    collector = await TestCollector.start({
      collector: { interval: '1s', workers: 1 },
      source: { address: '127.0.0.1', ports: 2 },
      groups: {
        west: {
          ...{ protocol: 'stamp', port: responders[0].port, period: '200ms', timeout: '1s' },
          targets: responders.map(({ port }) => ({ address: TARGET, port })),
        },
      },
    });
  });

  after(async () => {
    await browser?.close();
    await collector?.stop();
    for (const responder of responders) responder.close();
  });

  it('shows the port that was clicked on, and not the other', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=overview&window=30s`);
    const worst = page.getByRole('region', { name: 'Worst pairs' }).getByRole('button', { name: TARGET });
    await worst.click({ timeout: SOON_MS });
    await page.locator('.numbers .pill.level4', { hasText: 'no answer' }).waitFor();
    const { port } = responders[1];
    expect(new URL(page.url()).searchParams.get('port')).to.equal(String(port));
    await page.locator('.pair-head').getByText(`port ${port}`).waitFor();
    await page.locator('.path.bad').first().waitFor();
    expect(await page.locator('.numbers tbody tr').count(), 'rows of the table').to.equal(1);
    expect(await page.locator('.strip-cells').count(), 'strips of paths').to.equal(1);
    expect(await page.locator('.charts > section').count(), 'charts').to.equal(1);
  });

  it('shows both ports where the address names none', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=pair&source=127.0.0.1&target=${TARGET}`);
    await waitFor('both', async () => (await page.locator('.numbers tbody tr').count()) === 2, SOON_MS);
    await page.locator('.strip-cells').nth(1).waitFor();
  });

  it('says that a fresh source port had no answer either, and that this proves nothing', async () => {
    const { page } = watched;
    await waitFor('the probe', async () => (await collector.status()).freshProbes.length === 1, SOON_MS);
    await page.goto(`${collector.url}/?view=pair&source=127.0.0.1&target=${TARGET}&port=${responders[1].port}`);
    const reasons = page.getByRole('region', { name: 'Why there is no answer' });
    await reasons
      .getByText(/^Asked from a fresh source port at \d\d:\d\d:\d\d: no answer; this proves nothing\.$/)
      .waitFor();
    await page.goto(`${collector.url}/?view=pair&source=127.0.0.1&target=${TARGET}&port=${responders[0].port}`);
    await page.locator('.numbers .pill.level0').waitFor();
    expect(await page.getByText('fresh source port').count(), 'on the page of the port that answers').to.equal(0);
    expect(watched.complaints).to.deep.equal([]);
  });
});
