/**
 * The page over the lab's fabric: one spine goes bad, and the page shows where and on which source ports, and nothing
 * else.
 */

import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { SLOT_MS } from '../../../src/history/history.js';
import { fieldText } from '../../../src/ui/lib/time.js';
import { WELL } from '../../../src/ui/worker/grid.js';
import { A_ADDRESS, B_ADDRESSES } from '../../lab/network.js';
import { Lab, REFLECTOR_PORT } from '../../lab/suites/lab.js';
import type { PathsAnswer } from '../../support/harness/contract.js';
import { waitFor } from '../../support/harness/wait.js';
import { needsPage, WatchedPage } from '../../support/processes/browser.js';
import { launchInside } from './inside.js';

/** Few, so that no spine has flows to every target. */
const SOURCE_PORTS = 4;
const INTERVAL_MS = 2_000;
/**
 * Of 20 probes that a path sends in an interval half is lost: that a bad path shows none has the odds of a millionth.
 */
const PERIOD_MS = 100;
const DROP_PERCENT = 50;
const CLASSES = ['cs0', 'ef'];
const SOON_MS = 20_000;

/** What the page shows in one moment: the bad cells by target, and the end of the newest interval that they are of. */
const SHOWN = `(() => {
  const canvas = document.querySelector('canvas[data-end-ms]');
  const cells = [...document.querySelectorAll('.worst .where')].map((cell) => cell.textContent.split(' → ')[1]);
  return { endMs: Number(canvas?.dataset.endMs), cells };
})()`;

describe('The page over a fabric with a bad spine', function () {
  this.timeout(50_000);
  let lab: Lab;
  let browser: Browser;
  let watched: WatchedPage;
  /** By target: the source ports whose probes pass the bad spine. */
  const bad = new Map<string, readonly number[]>();
  /** Until then all was well. */
  let wellMs = 0;

  before(async function () {
    needsPage(this, 'root', 'ip', 'nft');
    lab = await Lab.start({
      collector: { interval: `${INTERVAL_MS}ms`, workers: 1 },
      source: { address: A_ADDRESS, ports: SOURCE_PORTS },
      groups: {
        fabric: {
          port: REFLECTOR_PORT,
          period: `${PERIOD_MS}ms`,
          timeout: '1s',
          classes: CLASSES,
          targets: B_ADDRESSES.map((address) => ({ address })),
        },
      },
    });
    browser = await launchInside(lab.network, 'A');
    watched = await WatchedPage.open(browser);
  });

  after(async () => {
    await browser?.close();
    await lab?.stop();
  });

  it('shows every target as well while the spines are', async () => {
    const { page } = watched;
    await page.goto(`${lab.collector.url}/?view=matrix&window=30s`);
    await waitFor(
      'every target is well',
      async () => (await watched.cells()).codes[WELL] === B_ADDRESSES.length,
      SOON_MS,
    );
    expect(await page.locator('.worst li').count()).to.equal(0);
  });

  it('colours the cells of the targets behind the spine, and no other, within two intervals', async () => {
    const { page } = watched;
    const flows = [...(await lab.flows('A')).values()];
    const portsBySpine = lab.network.spines.map((_, spine) => {
      const ports = new Map<string, Set<number>>();
      for (const flow of flows.filter((one) => one.spine === spine))
        ports.set(flow.target, (ports.get(flow.target) ?? new Set()).add(flow.sourcePort));
      return ports;
    });
    const spine = portsBySpine.findIndex(({ size }) => size > 0 && size < B_ADDRESSES.length);
    expect(spine, 'a spine with flows to some targets and not to others').to.be.at.least(0);
    for (const [target, ports] of portsBySpine[spine])
      bad.set(
        target,
        [...ports].sort((a, b) => a - b),
      );

    // A whole slot of the history must be over in which all was well.
    const first = JSON.parse((await lab.collector.get('/v1/history?limit=1')).body) as { endMs: number[] };
    wellMs = await waitFor(
      'a slot without the drop is over',
      () => {
        const slotEndMs = Math.floor(Date.now() / SLOT_MS) * SLOT_MS;
        return slotEndMs > first.endMs[0] && slotEndMs;
      },
      SLOT_MS + 1_000,
    );
    // Probes of the paths that stay well must not be lost to the machine.
    const dropsBefore = await lab.dropsOfTheMachine();
    const droppedAtMs = Date.now();
    await lab.network.spines[spine].drop({ percent: DROP_PERCENT, from: 'A' });
    const targets = [...bad.keys()].sort();
    const shown = await waitFor(
      `the bad cells are those of ${targets}`,
      async () => {
        const { endMs, cells }: { endMs: number; cells: string[] } = await page.evaluate(SHOWN);
        expect(targets, 'bad cells').to.include.members(cells);
        return cells.length === targets.length && { endMs };
      },
      SOON_MS,
    );
    expect(shown.endMs - droppedAtMs, 'ms from the drop to the end of the interval that shows it').to.be.within(
      0,
      2 * INTERVAL_MS,
    );
    expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(dropsBefore);
  });

  it('marks in the view of each pair the source ports behind the spine and no other, and the way that is bad', async () => {
    const { page } = watched;
    const all = JSON.parse((await lab.collector.get('/v1/paths?limit=1000')).body) as PathsAnswer;
    for (const [target, ports] of bad) {
      const known = all.paths.filter((path) => path.target === target && path.class === CLASSES[0]);
      expect(known.map(({ sourcePort }) => sourcePort)).to.include.members([...ports]);
      await page.goto(`${lab.collector.url}/?view=pair&source=${A_ADDRESS}&target=${target}`);
      const marked = async (): Promise<readonly string[]> =>
        page.locator('.strip-cells').evaluateAll((strips) =>
          strips.map((strip) =>
            [...strip.querySelectorAll('[data-port]')]
              .filter((cell) => Number(cell.getAttribute('data-level')) > 0)
              .map((cell) => cell.getAttribute('data-port'))
              .join(),
          ),
        );
      const expected = CLASSES.map(() => ports.join());
      await waitFor(`${ports} are marked`, async () => (await marked()).join(' ') === expected.join(' '), SOON_MS);
      // A direction is stated only when enough losses agree on it.
      const figure = page.locator('.strip figcaption').first();
      const told = /[1-9]\d* on the way there, 0 on the way back/;
      await waitFor('the way is told', async () => told.test((await figure.textContent()) ?? ''), SOON_MS);
    }
  });

  it('shows any time of the history as it was, for as long as it is looked at, and comes back to now', async () => {
    const { page } = watched;
    const { recorder } = lab.collector;
    await page.goto(`${lab.collector.url}/?view=matrix&window=30s`);
    await page
      .locator('.worst li')
      .nth(bad.size - 1)
      .waitFor();
    await page.getByLabel('until', { exact: true }).fill(fieldText(String(wellMs)));
    await page.getByText('The past.').waitFor();
    const isWell = async (): Promise<boolean> => (await watched.cells()).codes[WELL] === B_ADDRESSES.length;
    await waitFor('every target was well', isWell, SOON_MS);
    expect(new URL(page.url()).searchParams.get('to')).to.equal(String(wellMs));
    let normal = false;
    page.on('response', (response) => {
      if (response.url().includes('fields=value')) void response.finished().then(() => (normal = true));
    });
    await page.reload();
    await page.getByText('The past.').waitFor();
    await waitFor('the same after a reload', isWell, SOON_MS);
    // What is normal is asked for once as well; then nothing more, though intervals come.
    await waitFor('what is normal is there', async () => normal, SOON_MS);
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/v1/matrix')) asked.push(request.url());
    });
    await recorder.interval(Date.now() + INTERVAL_MS, SOON_MS);
    expect(asked, 'asked for again').to.deep.equal([]);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('No loss.').waitFor();
    expect(await watched.violations()).to.deep.equal([]);
    await page.getByRole('button', { name: 'Back to now' }).click();
    await page.locator('.answer.bad').waitFor();
    expect(new URL(page.url()).searchParams.get('to')).to.equal(null);
  });

  it('says the same on the first page: the network, and not the tool', async () => {
    const { page } = watched;
    await page.goto(`${lab.collector.url}/?window=30s`);
    const network = page.locator('.answer').first();
    await page.locator('.answer.bad').waitFor();
    await network.getByText(`${bad.size * CLASSES.length} of ${B_ADDRESSES.length * CLASSES.length}`).waitFor();
    expect(await page.locator('.answer').nth(1).textContent()).to.contain('LLAMA is healthy.');
    expect(watched.complaints).to.deep.equal([]);
    expect([...watched.hosts]).to.deep.equal([new URL(lab.collector.url).host]);
  });
});
