/**
 * `npm run screenshots`: pictures of the page for the README, of a fabric in which one spine drops a part of what it
 * gets from one side. Needs root.
 */

import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { WatchedPage } from '../../support/processes/browser.js';
import { Fabric } from './fabric.js';

const OUT = 'docs/screenshots';
const DROP_PERCENT = 20;
/** So much well, then so much of the fault: charts with a beginning. */
const WELL_MS = 25_000;
const FAULT_MS = 25_000;
const DRAWN_MS = 1_500;
const FAULTY_PAIR = 'view=pair&collector=host-a1&group=mesh&source=10.1.0.2&target=10.2.0.3';

/** Name, query, what must be there, and the size of the window. */
const PICTURES = [
  ['overview', 'view=overview&window=30s', '.answer.bad', 1280, 860],
  ['matrix', 'view=matrix&window=30s&rows=src_rack,source&columns=dst_rack,target', '.worst li', 1280, 620],
  ['matrix-dark', 'view=matrix&window=30s&theme=dark&metric=p99', '.legend', 1280, 620],
  ['pair', `${FAULTY_PAIR}&range=15m`, '.path.bad', 1280, 1250],
  ['phone', 'view=overview&window=30s', '.answer.bad', 390, 844],
] as const;

const fabric = await Fabric.start();
try {
  await delay(WELL_MS);
  await fabric.spines[1].drop({ percent: DROP_PERCENT, from: 'A' });
  await delay(FAULT_MS);
  await mkdir(OUT, { recursive: true });
  const browser = await fabric.browse();
  for (const [name, query, seen, width, height] of PICTURES) {
    const { page, complaints } = await WatchedPage.open(browser, { width, height });
    await page.goto(`${fabric.url}/?${query}`);
    await page.locator(seen).first().waitFor({ timeout: 30_000 });
    await delay(DRAWN_MS);
    await page.screenshot({ path: `${OUT}/${name}.png` });
    console.log(`${OUT}/${name}.png${complaints.length === 0 ? '' : `: ${complaints.join('; ')}`}`);
    await page.close();
  }
  await browser.close();
} finally {
  await fabric.stop();
}
