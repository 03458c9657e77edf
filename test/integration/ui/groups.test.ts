/**
 * The groups page where a change needs a token: without one nothing changes, with one groups are changed and removed,
 * after a look at what that does.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { launch, needsPage, WatchedPage } from '../../support/processes/browser.js';
import { TestCollector } from '../../support/processes/collector.js';

const TOKEN = 'a-token-for-this-test-only';

describe('The groups page with a token', function () {
  this.timeout(40_000);
  let directory: string;
  let collector: TestCollector;
  let browser: Browser;
  let watched: WatchedPage;

  before(async function () {
    needsPage(this);
    browser = await launch();
    watched = await WatchedPage.open(browser);
    directory = await mkdtemp(join(tmpdir(), 'llama-page-'));
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
    collector = await TestCollector.start({
      collector: { interval: '1s', workers: 1 },
      source: { address: '127.0.0.1', ports: 4 },
      api: { tokenFile, writes: 'token' },
      groups: { west: { port: 9, period: '500ms', timeout: '1s', targets: [{ address: '127.0.6.1' }] } },
    });
  });

  after(async () => {
    await browser?.close();
    await collector?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const targetsOf = async (name: string): Promise<readonly { address: string }[] | undefined> => {
    const { status, body } = await collector.get(`/v1/groups/${name}`);
    return status === 200 ? (JSON.parse(body) as { targets: { address: string }[] }).targets : undefined;
  };

  it('shows groups to everybody, and says that a change needs a token', async () => {
    const { page } = watched;
    await page.goto(`${collector.url}/?view=groups`);
    await page.locator('[data-group=west]').getByRole('button', { name: 'Change' }).click();
    await page.getByLabel(/^targets/).fill('127.0.6.1\n127.0.6.2');
    await page.getByRole('button', { name: 'Show what it would do' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).to.match(/token/i);
    expect(await targetsOf('west')).to.have.length(1);
  });

  it('changes a group with the token, after a dry run', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Token' }).click();
    await page.getByLabel(/^Token, kept/).fill(TOKEN);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.getByRole('button', { name: 'Show what it would do' }).click();
    await page.locator('.dry-run').waitFor();
    expect(await page.locator('.dry-run').textContent()).to.contain('4 added');
    expect(await targetsOf('west'), 'a dry run changes nothing').to.have.length(1);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('west is changed.').waitFor();
    expect((await targetsOf('west'))?.map(({ address }) => address)).to.deep.equal(['127.0.6.1', '127.0.6.2']);
  });

  it('removes a group, after a dry run', async () => {
    const { page } = watched;
    await page.locator('[data-group=west]').getByRole('button', { name: 'Remove' }).click();
    await page.locator('.dry-run').waitFor();
    expect(await targetsOf('west')).to.have.length(2);
    await page.getByRole('button', { name: 'Remove it' }).click();
    await page.getByText('west is removed.').waitFor();
    await page.locator('[data-group=west]').waitFor({ state: 'detached' });
    expect(await targetsOf('west')).to.equal(undefined);
  });

  it('keeps the token out of the address and out of other tabs', async () => {
    expect(watched.page.url()).to.not.contain(TOKEN);
    const other = await WatchedPage.open(browser);
    await other.page.goto(`${collector.url}/?view=groups`);
    expect(await other.page.evaluate('sessionStorage.length + localStorage.length')).to.equal(0);
  });
});
