/** The page on a phone, on paper and by keyboard alone. */

import { expect } from 'chai';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { LIGHT } from '../../../src/ui/lib/palette.js';
import { WELL } from '../../../src/ui/worker/grid.js';
import { Responder } from '../../support/fakes/responder.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const TARGETS = Array.from({ length: 12 }, (_, i) => `127.0.4.${i + 1}`);
const PHONE = { width: 390, height: 844 };
const SOON_MS = 20_000;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Fingers that go straight from one place to another, all at once. */
async function gesture(session: CDPSession, fingers: readonly (readonly [Point, Point])[], steps = 8): Promise<void> {
  const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', share: number): Promise<unknown> =>
    session.send('Input.dispatchTouchEvent', {
      type,
      touchPoints:
        type === 'touchEnd'
          ? []
          : fingers.map(([from, to], id) => ({
              id,
              x: from.x + (to.x - from.x) * share,
              y: from.y + (to.y - from.y) * share,
            })),
    });
  await send('touchStart', 0);
  for (let step = 1; step <= steps; step++) await send('touchMove', step / steps);
  await send('touchEnd', 1);
}

describe('The page on other devices', function () {
  this.timeout(40_000);
  const responders: Responder[] = [];
  let collector: TestCollector;
  let browser: Browser;

  before(async function () {
    needsPage(this);
    browser = await launch();
    responders.push(await Responder.start({ kind: 'normal' }, TARGETS[0]));
    const { port } = responders[0];
    for (const address of TARGETS.slice(1)) responders.push(await Responder.start({ kind: 'normal' }, address, port));
    collector = await TestCollector.start({
      collector: { interval: '1s', workers: 1 },
      source: { address: '127.0.0.1', ports: 2 },
      groups: {
        west: {
          protocol: 'stamp',
          ...{ port, period: '200ms', timeout: '2s' },
          classes: ['cs0'],
          targets: TARGETS.map((address) => ({ address })),
        },
      },
    });
  });

  after(async () => {
    await browser?.close();
    await collector?.stop();
    for (const responder of responders) responder.close();
  });

  async function open(query: string, size?: typeof PHONE, hasTouch = false): Promise<WatchedPage> {
    const watched = await WatchedPage.open(browser, size, hasTouch);
    await watched.page.goto(`${collector.url}/?view=matrix${query}`);
    await waitFor(
      'every target is in the matrix',
      async () => (await watched.cells()).codes[WELL] === TARGETS.length,
      SOON_MS,
    );
    return watched;
  }

  /** The cell at a place, as the page says it to those who do not see it. */
  async function cellAt(page: Page, { x, y }: Point): Promise<number> {
    await page.mouse.move(x, y - 1);
    await page.mouse.move(x, y);
    const spoken = await waitFor('a cell is told', async () => (await page.locator('.spoken').textContent()) || false);
    return TARGETS.indexOf(/→ ([\d.]+)/.exec(spoken)?.[1] ?? '');
  }

  it('zooms with two fingers where they are, pans with one, and opens a pair with a tap', async () => {
    const { page, complaints } = await open('', PHONE, true);
    const box = await page.locator('canvas.grid-canvas').boundingBox();
    if (box === null) throw new Error('no canvas');
    const session = await page.context().newCDPSession(page);
    // In the only row, which is below the labels before and after, in the middle of the columns.
    const centre = { x: box.x + box.width * 0.66, y: box.y + 98 };
    const edge = { x: box.x + box.width - 12, y: centre.y };
    const [middle, last] = [await cellAt(page, centre), await cellAt(page, edge)];
    expect(last - middle, 'columns from the middle to the edge').to.be.at.least(3);

    const finger = (dx: number): Point => ({ x: centre.x + dx, y: centre.y });
    await gesture(session, [
      [finger(-20), finger(-80)],
      [finger(20), finger(80)],
    ]);
    const zoomed = await cellAt(page, edge);
    expect(await cellAt(page, centre), 'what is between the fingers stays there').to.equal(middle);
    expect(zoomed, 'less is seen').to.be.below(last);

    await gesture(session, [[finger(0), finger(-120)]]);
    expect(await cellAt(page, edge), 'panned to the right').to.be.above(zoomed);
    const there = await cellAt(page, centre);
    await page.touchscreen.tap(centre.x, centre.y);
    await page.getByRole('heading', { name: TARGETS[there] }).waitFor();
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('has the settings folded away on a phone, and nothing wider than it in any view', async () => {
    const { page } = await open('', PHONE, true);
    expect(await page.getByLabel('measure').isVisible()).to.equal(false);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('measure').selectOption('p99');
    expect(page.url()).to.contain('metric=p99');
    const pair = `view=pair&source=127.0.0.1&target=${TARGETS[0]}`;
    for (const [view, ready] of [
      ['view=overview', '.answer.good'],
      ['view=matrix', '.legend'],
      [pair, '.distribution'],
      ['view=groups', '[data-group]'],
    ]) {
      await page.goto(`${collector.url}/?${view}`);
      await page.locator(ready).first().waitFor({ timeout: SOON_MS });
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect(width, view).to.be.at.most(PHONE.width);
    }
    await page.close();
  });

  it('prints the visible data on white, with their time, and without controls', async () => {
    const { page } = await open('&theme=dark');
    await page.emulateMedia({ media: 'print' });
    const style = 'getComputedStyle(document.documentElement)';
    await waitFor(
      'the colours are those of paper',
      async () => (await page.evaluate(`${style}.getPropertyValue('--level0')`)) === LIGHT.levels[0],
    );
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).to.equal('rgb(255, 255, 255)');
    for (const hidden of ['nav', '.toolbar', '.zoom', '.settings'])
      expect(await page.locator(hidden).first().isVisible(), hidden).to.equal(false);
    expect(await page.locator('.data-of').textContent()).to.match(
      /^loss by source and target · worst of all classes · data of \d+ \w+ \d{4}, /,
    );
    const boxes = await Promise.all(
      ['.data-of', '.canvas-box', '.worst', '.legend'].map((one) => page.locator(one).boundingBox()),
    );
    for (const [i, box] of boxes.slice(1).entries())
      expect(box?.y, 'nothing lies on another').to.be.at.least((boxes[i]?.y ?? 0) + (boxes[i]?.height ?? 0));
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).to.equal('%PDF-');
    expect(pdf.toString('latin1').match(/\/Type\s*\/Page[^s]/g), 'pages').to.have.length(1);
    await page.close();
  });

  it('can be used by keyboard alone, from the first page to a pair', async () => {
    const { page } = await open('');
    const tabTo = async (selector: string): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        if (await page.locator(selector).evaluate((one) => one.ownerDocument.activeElement === one)) return;
      }
      throw new Error(`the Tab key does not lead to ${selector}`);
    };
    await tabTo('canvas.grid-canvas');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft']) await page.keyboard.press(key);
    await waitFor('the cell is told', async () =>
      (await page.locator('.spoken').textContent())?.includes(`127.0.0.1 → ${TARGETS[1]}: 0 %`),
    );
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: TARGETS[1], exact: false }).waitFor();
    await tabTo('.raw a >> nth=0');
    await page.keyboard.press('Enter');
    await waitFor('back in the matrix', async () => (await watchedColumns(page)) === TARGETS.length, SOON_MS);
    await page.close();
  });

  const watchedColumns = async (page: Page): Promise<number> =>
    Number(await page.locator('canvas[data-columns]').getAttribute('data-columns'));
});
