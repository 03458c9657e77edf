/** A real Chromium, looking at the page: what it complained about and asked for is kept. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Need, needs } from '../harness/needs.js';

export const CHROMIUM = '/usr/bin/chromium';
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** `--no-sandbox`: it runs as root in tests, and sees nothing but our page. */
export const launch = (executablePath = CHROMIUM): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

const BUILT = fileURLToPath(new URL('../../../ui/index.html', import.meta.url));

/** As `needs`, for suites about the page: it must be built too. */
export function needsPage(suite: Context, ...more: Need[]): void {
  needs(suite, 'chromium', ...more);
  if (!existsSync(BUILT)) throw new Error('the page is not built: npm run build');
}

export class WatchedPage {
  readonly page: Page;
  /** Errors of the console and of scripts. */
  readonly complaints: string[] = [];
  /** Hosts of all requests. */
  readonly hosts = new Set<string>();

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)));
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host));
  }

  static async open(browser: Browser, size = { width: 1280, height: 800 }, hasTouch = false): Promise<WatchedPage> {
    const page = await browser.newPage({ viewport: size, hasTouch });
    page.setDefaultTimeout(10_000);
    return new WatchedPage(page);
  }

  /** What the matrix that is shown has: cells by their code. */
  async cells(): Promise<{ readonly rows: number; readonly columns: number; readonly codes: readonly number[] }> {
    const { rows, columns, codes } = await this.page
      .locator('canvas[data-codes]')
      .evaluate((canvas) => ({ ...(canvas as unknown as { dataset: Record<string, string> }).dataset }));
    return { rows: Number(rows), columns: Number(columns), codes: codes.split(',').map(Number) };
  }

  /** Serious and critical violations of accessibility that axe finds. */
  async violations(): Promise<readonly Violation[]> {
    await this.page.evaluate(await readFile(AXE, 'utf8'));
    const found: readonly Violation[] = await this.page.evaluate(
      'axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations)',
    );
    return found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  }
}
