/**
 * A network that became slower without any loss, on the page and in `llama top`; and one slow reply, which is no
 * trouble.
 */

import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import type { Browser } from 'playwright-core';
import { buildApi } from '../../../src/api/collector/app.js';
import { FakeCollector } from '../../support/fakes/fakeCollector.js';
import { seededRandom } from '../../support/harness/random.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { llamaEnds } from '../../support/processes/command.js';

const INTERVAL_MS = 10_000;
/** Ten minutes, of which the last one is looked at. */
const INTERVALS = 60;
const PROBES = 20;

describe('The latency of a network without loss', function () {
  this.timeout(40_000);
  let browser: Browser;
  const apps: FastifyInstance[] = [];

  before(async function () {
    needsPage(this);
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    for (const app of apps) await app.close();
  });

  /** A collector whose round trips `change` makes of those of a healthy network; resolves with its address. */
  async function collectorOf(change: (ns: number, interval: number, probe: number) => number): Promise<string> {
    const collector = new FakeCollector('groups: { west: { targets: [10.2.0.2] } }');
    const random = seededRandom(3).next;
    const lastMs = Math.floor(Date.now() / INTERVAL_MS) * INTERVAL_MS;
    for (let i = 1; i <= INTERVALS; i++) {
      const rttsNs = Array.from({ length: PROBES }, (_, n) => change(Math.round(80_000 + random() * 30_000), i, n));
      const row = { sent: PROBES, received: PROBES, rttsNs };
      collector.finish(lastMs - (INTERVALS - i) * INTERVAL_MS, { numbers: new Map([[0, row]]) });
    }
    await waitFor('the history has all', () => collector.history.newestMs === lastMs);
    const app = buildApi(collector);
    apps.push(app);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  }

  it('is in the verdict when it is a thousand times its own normal', async () => {
    const url = await collectorOf((ns, interval) => (interval > INTERVALS - 5 ? ns * 1_000 : ns));
    const { page } = await WatchedPage.open(browser);
    await page.goto(url);
    await page.locator('.answer.warn', { hasText: 'Slow: 1 of 1 pairs. No loss.' }).waitFor();
    const slower = page.getByRole('region', { name: 'Slower than normal' });
    await slower.getByText(/10\.9\.0\.1 → 10\.2\.0\.2/).waitFor();
    const { out } = await llamaEnds(['top', '--once', '--url', url]);
    expect(out).to.match(/^network: 1 pair: no loss on 1; slow: 1 of 1$/m);
    expect(out).to.match(/^ +! \S+ to 10\.2\.0\.2: median \S+ms, normal \S+us$/m);
  });

  it('is normal after a single slow reply', async () => {
    const url = await collectorOf((ns, interval, probe) =>
      interval === INTERVALS - 2 && probe === 7 ? ns * 10_000 : ns,
    );
    const { page } = await WatchedPage.open(browser);
    await page.goto(url);
    await page.locator('.answer.good', { hasText: 'Latency is normal.' }).waitFor();
    const { out } = await llamaEnds(['top', '--once', '--url', url]);
    expect(out).to.match(/^network: 1 pair: no loss on 1; latency normal$/m);
  });
});
