/**
 * The web page with a matrix of a million cells, from a recorded answer: the first picture, panning, a refresh, memory.
 * Needs Chromium and a built page.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';

const UI = fileURLToPath(new URL('../../ui/', import.meta.url));
const CHROMIUM = '/usr/bin/chromium';
const SIDE = 1_000;
const PAN_STEPS = 90;
/** Part of the URL of the page's periodic requests. */
const NEWEST = 'fields=stale';
/** From the last byte of an answer to when it is drawn, at most. */
const SETTLED_MS = 1_500;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** A cell in a thousand loses something; the numbers are the same in every run. */
function matrixAnswer(fields: string): Buffer {
  const cells = SIDE * SIDE;
  const numbers = (value: (cell: number) => string): string =>
    Array.from({ length: cells }, (_, cell) => value(cell)).join();
  const columns: Record<string, string> = {
    row: numbers((cell) => String(Math.floor(cell / SIDE))),
    column: numbers((cell) => String(cell % SIDE)),
    value: numbers((cell) => ((cell * 7919) % 1009 === 0 ? ((cell % 97) / 10).toFixed(1) : '0')),
  };
  if (fields.includes('stale')) {
    columns.stale = numbers((cell) => String((cell * 31) % 100_003 === 0));
    columns.series = numbers(() => '1');
    columns.silentSeries = numbers(() => '0');
    columns.unmeasuredSeries = numbers(() => '0');
  }
  const head = {
    window: { startMs: 0, endMs: 60_000, coveredMs: 60_000, askedMs: 60_000 },
    newest: { ageMs: 0, staleAfterMs: 25_000 },
    ...{ metric: 'loss', unit: '%', rowTags: ['source'], columnTags: ['target', 'class'], refusedRows: 0 },
    rows: Array.from({ length: SIDE }, (_, i) => [`10.1.${i >> 8}.${i & 255}`]),
    columns: Array.from({ length: SIDE }, (_, i) => [`10.2.${i >> 8}.${i & 255}`, 'cs0']),
  };
  const body = Object.entries(columns).map(([name, list]) => `"${name}":[${list}]`);
  return Buffer.from(`${JSON.stringify(head).slice(0, -1)},"cells":{${body.join()}}}`);
}

/** The page's files, and the answers that it asks for. */
async function serve(): Promise<Server> {
  const answers = new Map<string, Buffer>();
  const status = { version: '0', uptimeMs: 1, collectors: [], writers: [], warnings: [] };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://page');
    const json = (body: Buffer | object): void => {
      response.setHeader('content-type', 'application/json');
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    if (url.pathname === '/v1/matrix') json(answers.get((url.searchParams.get('fields') ?? '').split(',')[0]) ?? {});
    else if (url.pathname === '/v1/status') json(status);
    else if (url.pathname === '/v1/history') json({ startMs: [], endMs: [], total: SIDE * SIDE, series: [] });
    else if (url.pathname === '/v1/stream') {
      response.setHeader('content-type', 'text/event-stream');
      response.write('retry: 1000\n\n');
    } else {
      const file = join(UI, url.pathname === '/' ? 'index.html' : url.pathname);
      response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain');
      if (file.startsWith(UI) && existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(404).end();
    }
  });
  for (const fields of ['stale', 'value']) answers.set(fields, matrixAnswer(fields));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

async function firstPicture(page: Page, url: string): Promise<number> {
  const started = performance.now();
  await page.goto(url);
  await page.locator(`canvas[data-rows="${SIDE}"]`).waitFor();
  // The effects of this iteration are on the screen after the next frame.
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  return round(performance.now() - started);
}

/** Frame times while the matrix is dragged about, zoomed in to a tenth. */
async function panning(page: Page): Promise<number[]> {
  await page.mouse.move(500, 450);
  for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -200);
  await page.evaluate(`
    globalThis.frames2 = [];
    let last = performance.now();
    const frame = (now) => { globalThis.frames2.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
  `);
  await page.mouse.down();
  for (let i = 0; i < PAN_STEPS; i++) await page.mouse.move(500 + 200 * Math.sin(i / 7), 450 + 120 * Math.cos(i / 9));
  await page.mouse.up();
  const frames: number[] = await page.evaluate('globalThis.frames2.slice(1)');
  return frames;
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** µs. */
  readonly dur?: number;
  readonly args: { readonly name?: string };
}

/**
 * The longest task of the page's main thread while a newer answer arrives and is drawn: during it the page does not
 * react to pointer or keys.
 */
async function refreshBlock(browser: Browser, page: Page): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  const next = await page.waitForResponse((response) => response.url().includes(NEWEST));
  await next.finished();
  await page.waitForFunction(`performance.now() > ${await page.evaluate('performance.now()')} + ${SETTLED_MS}`);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const mains = traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid} ${tid}`);
  const tasks = traceEvents.filter(
    ({ name, pid, tid }) => name === 'ThreadControllerImpl::RunTask' && mains.includes(`${pid} ${tid}`),
  );
  return round(Math.max(...tasks.map(({ dur = 0 }) => dur)) / 1000);
}

/** Anonymous memory of the page's process, MiB, after its garbage is collected. */
async function memoryMb(browser: Browser, page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo');
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  return Math.max(...sizes);
}

const percentile95 = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1];
};

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  if (!existsSync(join(UI, 'index.html'))) throw new Error('the page is not built: npm run build');
  const server = await serve();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?view=matrix`;
  const samples: Record<string, number[]> = {
    firstPictureMs: [],
    frameMsP95: [],
    frameMsMax: [],
    refreshBlockMs: [],
    memoryMb: [],
  };
  try {
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      // The sandbox needs namespaces that root in a container may not have.
      const browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
      });
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const normal = page.waitForResponse((response) => response.url().includes('fields=value'));
      // Seen where it is awaited; the first picture may fail before.
      normal.catch(() => {});
      samples.firstPictureMs.push(await firstPicture(page, url));
      await (await normal).finished();
      const frames = await panning(page);
      samples.frameMsP95.push(round(percentile95(frames)));
      samples.frameMsMax.push(round(Math.max(...frames)));
      samples.refreshBlockMs.push(await refreshBlock(browser, page));
      samples.memoryMb.push(round(await memoryMb(browser, page)));
      progress(
        `round ${i + 1}: ${samples.firstPictureMs[i]} ms, ${samples.frameMsP95[i]} ms, ${samples.refreshBlockMs[i]} ms, ${samples.memoryMb[i]} MiB`,
      );
      await browser.close();
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { fields: Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, median(list)])), samples };
}

export const pageScenario: Scenario = {
  name: 'page',
  about: 'the web page in Chromium with a matrix of 1,000 x 1,000 cells',
  goals: [
    { field: 'firstPictureMs', atMost: 1_500, floor: 8_000 },
    { field: 'frameMsP95', atMost: 33, floor: 150 },
    { field: 'refreshBlockMs', atMost: 50, floor: 300 },
    { field: 'memoryMb', atMost: 300, floor: 400 },
  ],
  run,
};
