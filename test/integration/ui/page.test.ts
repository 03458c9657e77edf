/** The page in a real browser, over a collector that probes responders of which some drop. */

import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { GONE, isWorse, STALE, WELL } from '../../../src/ui/worker/grid.js';
import { Responder } from '../../support/fakes/responder.js';
import type { PathsAnswer } from '../../support/harness/contract.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const TARGETS = ['127.0.3.1', '127.0.3.2', '127.0.3.3'];
const INTERVAL_MS = 1000;
const SOURCE_PORTS = 8;
/** The responders share a thread with the tests: a reply may be late, and is not to count as lost. */
const TIMEOUT = '2s';
/** A few intervals on a busy machine. */
const SOON_MS = 20_000;

describe('The page in Chromium', function () {
  this.timeout(40_000);
  const responders: Responder[] = [];
  let collector: TestCollector;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this);
    // First, because its start takes the machine: probes that are lost to that would be real ones.
    browser = await launch();
    watched = await WatchedPage.open(browser);
    await watched.page.goto('about:blank');
    responders.push(await Responder.start({ kind: 'normal' }, TARGETS[0]));
    const { port } = responders[0];
    for (const address of TARGETS.slice(1)) responders.push(await Responder.start({ kind: 'normal' }, address, port));
    collector = await TestCollector.start({
      collector: { interval: `${INTERVAL_MS}ms`, workers: 1 },
      source: { address: '127.0.0.1', ports: SOURCE_PORTS },
      groups: {
        west: {
          protocol: 'stamp',
          port,
          period: '200ms',
          timeout: TIMEOUT,
          classes: ['cs0', 'ef'],
          targets: TARGETS.slice(0, 2).map((address, i) => ({ address, tags: { dst_rack: `r${i}` } })),
        },
      },
    });
  });

  after(async () => {
    await browser?.close();
    await collector?.stop();
    for (const responder of responders) responder.close();
  });

  const worse = (codes: readonly number[]): number =>
    codes.reduce((sum, count, code) => sum + (isWorse(code) ? count : 0), 0);
  const worstCell = () => watched.page.locator('.worst li').first();

  it('shows every target, and says on the first page that the network is well', async () => {
    const { page } = watched;
    await page.goto(collector.url);
    await page.getByText('No loss.').waitFor();
    await page.getByRole('link', { name: 'Matrix' }).click();
    const cells = await waitFor(
      'the matrix is drawn',
      async () => {
        const found = await watched.cells();
        return found.codes[WELL] === 2 && found;
      },
      SOON_MS,
      50,
    );
    expect(cells).to.deep.include({ rows: 1, columns: 2 });
    expect(worse(cells.codes)).to.equal(0);
  });

  it('colours the cell of a drop within two intervals, and the pair view marks the source ports that lose', async () => {
    const { page } = watched;
    // The first interval may be too short for all of them.
    const ports = await waitFor('all source ports', async () => {
      const { body } = await collector.get(`/v1/paths?target=${TARGETS[1]}`);
      const found = new Set((JSON.parse(body) as PathsAnswer).paths.map(({ sourcePort }) => sourcePort));
      return found.size === SOURCE_PORTS && [...found].sort((a, b) => a - b);
    });
    const bad = [ports[1], ports[5]];
    const droppedAtMs = Date.now();
    responders[1].mode = { kind: 'dropPorts', ports: bad };
    await worstCell().waitFor({ timeout: SOON_MS });
    const held = await collector.get(`/v1/results?target=${TARGETS[1]}`);
    const { intervals } = JSON.parse(held.body) as { intervals: { endMs: number }[] };
    // The one in which it began is not among them.
    const whole = intervals.filter(({ endMs }) => endMs > droppedAtMs + INTERVAL_MS);
    expect(whole.length, 'whole intervals since the drop').to.be.at.most(2);
    expect(await worstCell().textContent()).to.contain(`127.0.0.1 → ${TARGETS[1]}`);
    expect(worse((await watched.cells()).codes)).to.equal(1);
    await worstCell().getByRole('button').click();
    await page.getByRole('heading', { name: TARGETS[1] }).waitFor();
    await waitFor(
      'the strips mark the bad source ports and no other',
      async () => {
        const marked = await page
          .locator('.strip-cells')
          .evaluateAll((strips) =>
            strips.map((strip) =>
              [...strip.querySelectorAll('[data-port]')]
                .filter((cell) => Number(cell.getAttribute('data-level')) > 0)
                .map((cell) => Number(cell.getAttribute('data-port'))),
            ),
          );
        return marked.length === 2 && marked.every((list) => list.join() === bad.join());
      },
      SOON_MS,
      50,
    );
  });

  it('keeps the view over a reload', async () => {
    const { page } = watched;
    const before = page.url();
    await page.reload();
    await page.getByRole('heading', { name: TARGETS[1] }).waitFor();
    await page.locator('.distribution rect').first().waitFor({ state: 'attached' });
    expect(page.url()).to.equal(before);
    // Table and distribution are of the same histogram.
    const shown: { readonly table: string[][]; readonly figures: string[] } = await page.evaluate(`({
      table: [...document.querySelectorAll('.numbers tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText)),
      figures: [...document.querySelectorAll('.distribution figcaption')].map((one) => one.innerText),
    })`);
    for (const [i, cells] of shown.table.entries()) {
      const [p50, p90, p99] = cells.slice(5, 8);
      expect(shown.figures[i]).to.include(`p50 ${p50} · p90 ${p90} · p99 ${p99} ·`);
    }
    expect(shown.table).to.have.length(2);
    await page.goto(`${collector.url}/?view=matrix&columns=dst_rack%2Ctarget&metric=p99&sort=worst&columnFilter=r1`);
    await waitFor(
      'only what the filter lets through is shown',
      async () => (await watched.cells()).columns === 1,
      SOON_MS,
      50,
    );
    await page.reload();
    await waitFor('the same after a reload', async () => (await watched.cells()).columns === 1, SOON_MS, 50);
    expect(await page.getByLabel('filter columns').inputValue()).to.equal('r1');
    expect(await page.getByLabel('measure').inputValue()).to.equal('p99');
  });

  it('adds a group after a dry run, and shows its first result', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=groups`);
    await page.getByRole('button', { name: 'Add a group' }).click();
    await page.getByLabel('name').fill('east');
    await page.getByLabel('port', { exact: true }).fill(String(responders[2].port));
    await page.getByLabel('period of a path').fill('200ms');
    await page.getByLabel('timeout').fill(TIMEOUT);
    await page.getByLabel(/^targets/).fill(`${TARGETS[2]} dst_rack=r9`);
    await page.getByRole('button', { name: 'Show what it would do' }).click();
    await page.getByText('8 added').waitFor();
    expect(await page.locator('[data-group=east]').count(), 'a dry run changes nothing').to.equal(0);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.locator('[data-group=east]').waitFor();
    await page.getByRole('link', { name: 'Matrix' }).click();
    await waitFor('its target is in the matrix', async () => (await watched.cells()).columns === 3, SOON_MS, 50);
  });

  it('has no serious violation of accessibility in any view, light or dark', async () => {
    const { page } = watched;
    const pair = `view=pair&source=127.0.0.1&target=${TARGETS[1]}`;
    const ready = {
      'view=overview': '.answer.bad',
      'view=matrix': '.worst li',
      [pair]: '.path.bad',
      'view=groups': '[data-group]',
    };
    for (const [view, seen] of Object.entries(ready))
      for (const theme of ['light', 'dark']) {
        await page.goto(`${collector.url}/?${view}&theme=${theme}`);
        await page.locator(seen).first().waitFor({ timeout: SOON_MS });
        expect(await watched.violations(), `${view} ${theme}`).to.deep.equal([]);
      }
  });

  it('asks no other host for anything and logs no error', () => {
    expect([...watched.hosts]).to.deep.equal([new URL(collector.url).host]);
    expect(watched.complaints).to.deep.equal([]);
  });

  it('turns everything stale when the collector stops: nothing stays the colour of health', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=matrix`);
    await waitFor('the matrix is drawn', async () => (await watched.cells()).columns === 3, SOON_MS, 50);
    await collector.process.stop();
    await page.getByText('Showing old data.').waitFor();
    const { codes } = await waitFor('no cell is well or worse', async () => {
      const found = await watched.cells();
      return found.codes[WELL] === 0 && worse(found.codes) === 0 && found;
    });
    expect(codes[STALE] + codes[GONE]).to.equal(3);
    expect(codes[STALE]).to.be.at.least(2);
  });
});
