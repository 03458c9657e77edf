/** The page of a scraper: what one collector of several does not tell any more must not look well. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { isWorse, STALE, WELL } from '../../../src/ui/worker/grid.js';
import { Responder } from '../../support/fakes/responder.js';
import { waitFor } from '../../support/harness/wait.js';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';
import { llamaEnds } from '../../support/processes/command.js';
import { freePort } from '../../support/processes/http.js';
import { type Running, startLlama } from '../../support/processes/process.js';

const NAMES = ['host-a', 'host-b'];
const SOON_MS = 20_000;

describe('The page of a scraper', function () {
  this.timeout(40_000);
  const collectors: TestCollector[] = [];
  let directory: string;
  let responder: Responder;
  let scraper: Running;
  let url: string;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this);
    browser = await launch();
    watched = await WatchedPage.open(browser);
    responder = await Responder.start({ kind: 'normal' }, '127.0.5.1');
    const { port } = responder;
    directory = await mkdtemp(join(tmpdir(), 'llama-page-'));
    // Not there yet.
    const mesh = {
      mesh: {
        protocol: 'stamp',
        port,
        period: '200ms',
        timeout: '2s',
        fromFile: { path: join(directory, 'targets.json') },
      },
    };
    for (const name of NAMES)
      collectors.push(
        await TestCollector.start({
          collector: { name, interval: '1s', workers: 1 },
          source: { address: '127.0.0.1', ports: 2 },
          groups: {
            west: { protocol: 'stamp', port, period: '200ms', timeout: '2s', targets: [{ address: '127.0.5.1' }] },
            ...(name === 'host-b' ? mesh : {}),
          },
        }),
      );
    const file = join(directory, 'scraper.json');
    const listen = `127.0.0.1:${await freePort()}`;
    url = `http://${listen}`;
    await writeFile(file, JSON.stringify({ collectors: collectors.map((one) => one.url), writers: [] }));
    scraper = startLlama(['scraper', '--config', file, '--listen', listen]);
    await scraper.until('it listens', async () => (await fetch(`${url}/healthz`)).ok, SOON_MS);
  });

  after(async () => {
    await browser?.close();
    await scraper?.stop();
    for (const collector of collectors) await collector.stop();
    responder?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it('shows the troubles that each collector reports as troubles of the tool and not of the network', async () => {
    const { page } = watched;
    await page.goto(`${url}/?view=overview`);
    const own = page.getByRole('region', { name: 'The tool itself' });
    await own.getByText(/host-b: .*targets\.json/).waitFor({ timeout: SOON_MS });
    expect(await own.getByText(/host-a: /).count()).to.equal(0);
    await page.getByText('No loss.').waitFor();
    await writeFile(join(directory, 'targets.json'), JSON.stringify([{ targets: [`127.0.5.1:${responder.port}`] }]));
    await waitFor('it is gone', async () => (await own.getByText(/host-b: /).count()) === 0, SOON_MS);
  });

  it('tells two collectors with one source address apart: in the matrix, in the strips of a pair, and in top', async () => {
    const { page } = watched;
    await page.goto(`${url}/?view=matrix&group=west&window=1m`);
    await waitFor('a row for each', async () => (await watched.cells()).rows === NAMES.length, SOON_MS);
    await page.goto(`${url}/?view=pair&source=127.0.0.1&target=127.0.5.1&group=west`);
    for (const name of NAMES) {
      const strip = page.locator('.strip', { hasText: `cs0 (${name})` });
      await strip.getByText('no loss on any of 2 source ports').waitFor({ timeout: SOON_MS });
      expect(await strip.locator('[data-port]').count()).to.equal(2);
      await page.locator('.numbers th', { hasText: `cs0 (${name})` }).waitFor();
    }
    const { out } = await llamaEnds(['top', '--once', '--url', url]);
    for (const name of NAMES) expect(out).to.match(new RegExp(`^${name}/127\\.0\\.0\\.1 `, 'm'));
  });

  it('turns the row of a collector that stops stale, and leaves the others as they are', async () => {
    const { page } = watched;
    await page.goto(`${url}/?view=matrix&rows=collector&window=1m`);
    const codes = async (): Promise<readonly number[]> => (await watched.cells()).codes;
    await waitFor('both are well', async () => (await codes())[WELL] === NAMES.length, SOON_MS);
    await collectors[1].process.stop();
    const found = await waitFor(
      'one is stale',
      async () => {
        const now = await codes();
        return now[STALE] === 1 && now;
      },
      SOON_MS,
    );
    expect(found[WELL]).to.equal(1);
    expect(found.some((count, code) => count > 0 && isWorse(code))).to.equal(false);
  });

  it('says on the first page that it is the tool, and which collector, and not the network', async () => {
    const { page } = watched;
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('No loss.').waitFor();
    await page.locator('.answer.warn').waitFor({ timeout: SOON_MS });
    const line = page.getByRole('region', { name: 'Collectors' }).locator('tr').first();
    await waitFor(
      'the stalest is the one that stopped',
      async () => {
        const text = (await line.textContent()) ?? '';
        return text.includes('host-b') && /down|behind/.test(text);
      },
      SOON_MS,
    );
    expect([...watched.hosts]).to.deep.equal([new URL(url).host]);
    expect(watched.complaints).to.deep.equal([]);
  });
});
