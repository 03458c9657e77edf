/** Pairs without an answer, on the page and in `llama top`: none looks well, and each says why. */

import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { UNMEASURED, WELL } from '../../../src/ui/worker/grid.js';
import { TwoHosts } from '../../lab/twoHosts.js';
import type { GroupSpec } from '../../support/harness/contract.js';
import { waitFor } from '../../support/harness/wait.js';
import { needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';
import { runLlama } from '../../support/processes/process.js';
import { launchIn } from './inside.js';

const GOOD = '10.9.0.2';
const TOO_BIG = '10.12.0.2';
const NO_ROUTE = '10.5.0.1';
const MTU = 1400;
const LOST_PORT = 8101;
const CLOSED_PORT = 8102;
const SOON_MS = 30_000;

/** By group: why there is no answer. */
const WHY = {
  closed: `unreachable (port unreachable, from ${GOOD})`,
  lost: 'no answer',
  noRoute: `not sent: no route to ${NO_ROUTE} (ENETUNREACH)`,
  tooBig: `too big for the path (mtu ${MTU})`,
};

const RULES = `table inet refuse {
  chain input { type filter hook input priority 0; udp dport ${LOST_PORT} drop; }
}`;

const spec = (address: string, more: Partial<GroupSpec> = {}): GroupSpec => ({
  ...{ port: 8100, period: '100ms', timeout: '400ms', targets: [{ address }] },
  ...more,
});

describe('Pairs without an answer', function () {
  this.timeout(60_000);
  let hosts: TwoHosts;
  let collector: TestCollector;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create(2);
    for (const [host, last] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      await hosts.ip(host, `address add 10.9.0.${last}/24 dev eth0`);
      await hosts.ip(host, `address add 10.12.0.${last}/24 dev eth1`);
      await hosts.ip(host, `link set eth1 mtu ${MTU}`);
    }
    await hosts.nft('b', RULES);
    await hosts.reflector('b');
    const groups = {
      good: spec(GOOD),
      lost: spec(GOOD, { port: LOST_PORT }),
      closed: spec(GOOD, { port: CLOSED_PORT }),
      tooBig: spec(TOO_BIG, { payloadBytes: MTU, dontFragment: true }),
      noRoute: spec(NO_ROUTE),
    };
    collector = await TestCollector.start({ source: { ports: 2 }, groups }, hosts.at('a'));
    browser = await launchIn(hosts.spaces.name('a'));
    watched = await WatchedPage.open(browser);
  });

  after(async () => {
    try {
      await browser?.close();
      await collector?.stop();
    } finally {
      await hosts?.destroy();
    }
  });

  it('have no colour of health in the matrix, and say why', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=matrix&rows=group&columns=class&window=30s`);
    const { codes } = await waitFor(
      'all five groups are shown',
      async () => {
        const found = await watched.cells();
        return found.rows === 5 && found.codes[UNMEASURED] === 1 && found;
      },
      SOON_MS,
    );
    expect(codes[WELL], 'only the good one').to.equal(1);
    expect(codes[UNMEASURED + 4], 'silent ones').to.equal(3);
    const worst = await page.locator('.worst li').allTextContents();
    expect(worst).to.have.length(4);
    for (const group of ['tooBig', 'noRoute'] as const)
      expect(
        worst.filter((text) => text.includes(group) && text.includes(WHY[group])),
        group,
      ).to.have.length(1);
  });

  it('are in the verdict: silent ones of the network, unmeasured ones of the tool', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=overview&window=30s`);
    await page.locator('.answer.bad', { hasText: 'No answer from 3 of 5 pairs.' }).waitFor();
    await page.locator('.answer.warn', { hasText: WHY.noRoute }).waitFor();
    const pairs = page.getByRole('region', { name: 'Worst pairs' });
    for (const why of Object.values(WHY)) await pairs.locator('.pill', { hasText: why }).waitFor();
    expect(await pairs.locator('.pill.level0').count()).to.equal(0);
  });

  it('say on their own page why, with kind and origin of each ICMP error', async () => {
    const { page } = watched;
    const of = async (group: string, target: string): Promise<void> => {
      const { body } = await collector.get(`/v1/history?group=${group}&limit=1`);
      const [{ source }] = (JSON.parse(body) as { series: { source: string }[] }).series;
      await page.goto(`${collector.url}/?view=pair&source=${source}&group=${group}&target=${target}`);
    };
    await of('closed', GOOD);
    await page.locator('.numbers .pill.level4', { hasText: WHY.closed }).waitFor();
    const reasons = page.getByRole('region', { name: 'Why there is no answer' });
    await reasons.getByText(/^cs0: unreachable: \d+ × port unreachable from 10\.9\.0\.2$/).waitFor();
    await of('tooBig', TOO_BIG);
    await page.locator('.numbers .pill.level4', { hasText: WHY.tooBig }).waitFor();
    await page.locator('.path.bad').first().waitFor();
    await of('noRoute', NO_ROUTE);
    await page.locator('.numbers .pill.unmeasured', { hasText: WHY.noRoute }).waitFor();
    await page.getByText('2 of 2 source ports not measured').waitFor();
    expect(watched.complaints).to.deep.equal([]);
  });

  it('are told apart by llama top, each with its reason', async () => {
    const { code, stdout } = await runLlama(
      ['top', '--once', '--url', collector.url, '--rows', 'group'],
      hosts.at('a'),
    );
    expect(code).to.equal(0);
    const verdict = stdout.split('\n').find((line) => line.startsWith('network:'));
    expect(verdict)
      .to.match(/5 pairs: no answer from 3, not measured: 1, no loss on 1/)
      .and.match(/not measured: 1/);
    const text = stdout.slice(stdout.indexOf('WORST PAIRS'));
    for (const why of Object.values(WHY)) expect(text).to.include(why);
    expect(text.slice(text.indexOf('WORST PATHS'))).to.include(WHY.closed);
    expect(stdout)
      .to.match(/^tooBig +· +· +-!/m)
      .and.to.match(/^noRoute +\?\+/m);
  });
});
