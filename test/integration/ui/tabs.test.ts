/** Many tabs of one page: a browser opens six connections to a host, and each tab must be live nevertheless. */

import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { Responder } from '../../support/fakes/responder.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const TABS = 8;
const TARGET = '127.0.6.1';
const SOON_MS = 30_000;

describe('Eight tabs of the page', function () {
  this.timeout(90_000);
  let responder: Responder;
  let collector: TestCollector;
  let browser: Browser;
  let context: BrowserContext;
  const tabs: Page[] = [];

  before(async function () {
    needsPage(this);
    browser = await launch();
    responder = await Responder.start({ kind: 'normal' }, TARGET);
    collector = await TestCollector.start({
      collector: { interval: '2s', workers: 1 },
      source: { address: '127.0.0.1', ports: 2 },
      groups: {
        west: {
          protocol: 'stamp',
          port: responder.port,
          period: '200ms',
          timeout: '1s',
          targets: [{ address: TARGET }],
        },
      },
    });
    // One context, as one browser is: tabs share its connections.
    context = await browser.newContext();
    for (let i = 0; i < TABS; i++) {
      const tab = await context.newPage();
      tab.setDefaultTimeout(SOON_MS);
      tabs.push(tab);
      await tab.goto(`${collector.url}/?view=${i % 2 === 0 ? 'matrix' : 'overview'}&window=30s`);
    }
  });

  after(async () => {
    await browser?.close();
    await collector?.stop();
    responder?.close();
  });

  const mark = async (tab: Page): Promise<string> => (await tab.locator('.live [role=status]').textContent()) ?? '';
  /** End of the data that a tab shows, as its own text has it. */
  const shown = async (tab: Page): Promise<string> => (await tab.locator('.data-of').textContent()) ?? '';
  const allSay = (text: string): Promise<unknown> =>
    waitFor(
      `every tab says ${text}`,
      async () => (await Promise.all(tabs.map(mark))).every((said) => said === text),
      SOON_MS,
    );
  const openStreams = async (): Promise<number> => {
    const { body } = await collector.get('/metrics');
    return Number(/^llama_streams(?:\{[^}]*\})? (\d+)$/m.exec(body)?.[1]);
  };
  /** A browser without a screen shows every tab: this one is told that nobody looks. */
  const setHidden = (tab: Page, hidden: boolean): Promise<void> =>
    tab.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
      document.dispatchEvent(new Event('visibilitychange'));`);

  it('are all live, and go on with new data, over one stream', async () => {
    await allSay('live');
    const before = await Promise.all(tabs.map(shown));
    for (const [i, tab] of tabs.entries())
      await waitFor(`tab ${i} shows newer data`, async () => (await shown(tab)) !== before[i], SOON_MS);
    expect(await openStreams()).to.equal(1);
  });

  it('ask for nothing while they are hidden, and are live again when they are looked at', async () => {
    for (const tab of tabs) await setHidden(tab, true);
    await waitFor('no stream is open', async () => (await openStreams()) === 0, SOON_MS);
    let asked = 0;
    context.on('request', () => {
      asked += 1;
    });
    await allSay('old data');
    expect(asked).to.be.at.most(TABS);
    for (const tab of tabs) await setHidden(tab, false);
    await allSay('live');
    expect(await openStreams()).to.equal(1);
  });

  it('say live of the data and not of the stream: a tab without new data is not', async () => {
    const [stuck, ...others] = tabs;
    await stuck.route('**/v1/matrix*', () => undefined);
    await waitFor('it says so', async () => (await mark(stuck)) === 'old data', SOON_MS);
    await stuck.getByText('Showing old data.').waitFor();
    expect(await openStreams()).to.equal(1);
    for (const tab of others) expect(await mark(tab)).to.equal('live');
    await stuck.unroute('**/v1/matrix*');
    await stuck.reload();
    await allSay('live');
  });

  it('are not live when the service does not answer, and are again when it does', async () => {
    collector.process.kill('SIGSTOP');
    try {
      await waitFor('no tab is live', async () => !(await Promise.all(tabs.map(mark))).includes('live'), SOON_MS);
    } finally {
      collector.process.kill('SIGCONT');
    }
    await allSay('live');
  });
});
