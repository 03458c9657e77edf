/**
 * Many collectors and a database in one process, for the benchmark of the scraper, so that the scraper's process
 * contains only the scraper's work.
 *
 * Each collector is a server of its own that answers `/v1/results` like `llama collector`, with rows and histograms
 * made beforehand and moving times: an interval is finished some time after it ends. The database reads requests to the
 * end, acknowledges them and counts the lines; it stores nothing. Arguments: collectors, rows of each, length of their
 * intervals, and the time after its end when one is finished (ms). Prints one line of JSON with all URLs.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzip } from 'node:zlib';
import { PROBER_COUNTERS } from '../../src/ring/control.js';
import { HdrTextEncoder } from '../../src/stats/hdrText.js';
import { RttHistogram } from '../../src/stats/histogram.js';

const [collectors = 0, rows = 0, intervalMs = 0, settleMs = 0] = process.argv.slice(2).map(Number);
const RETENTION = 60;
/** Different sets of rows: an interval's numbers differ from the interval before. */
const SETS = 4;
const SAMPLES = 160;
const NEWLINE = 10;

const encoder = new HdrTextEncoder();
const startedMs = Date.now();
let points = 0;
let requests = 0;

/** As collectors write microseconds. */
const thousandths = (us: number): number => Math.round(us * 1000) / 1000;
const oneWay = (us: number): object => ({
  ...{
    min: 0.004,
    mean: thousandths(us),
    max: thousandths(us * 1.5),
    variation: thousandths(us * 0.1),
    relative: true,
  },
});

/** All that a collector says of a target; 1.2 KB, a third of it the histogram. */
function makeRow(index: number): object {
  const histogram = new RttHistogram();
  const centerNs = 60_000 + 400 * index;
  for (let i = 0; i < SAMPLES; i++)
    histogram.record(Math.round(centerNs * (0.9 + 0.2 * Math.random() + (i === 0 ? 1 : 0))));
  const lost = index % 50 === 0 ? 1 : 0;
  const us = centerNs / 1000;
  return {
    ...{
      group: 'mesh',
      protocol: 'stamp',
      source: '10.1.0.2',
      target: `10.2.${index >> 8}.${index & 255}`,
      port: 8100,
    },
    ...{ class: index % 2 === 0 ? 'cs0' : 'ef', dscp: index % 2 === 0 ? 0 : 46 },
    tags: { dst_rack: `r${index % 40}`, dst_region: `west-${index % 5}`, dst_cluster: `c${index % 10}` },
    ...{ sent: SAMPLES + lost, received: SAMPLES, lost, unreachable: 0, lossPct: (100 * lost) / (SAMPLES + lost) },
    ...{ late: 0, duplicates: 0, reordered: 0, sendErrors: 0, localDrops: 0, tooBig: 0, mtu: null },
    rttUs: {
      ...{ min: thousandths(us * 0.9), mean: us, stddev: 9.123, p50: us, p90: thousandths(us * 1.08) },
      ...{ p99: thousandths(us * 1.1), p999: us * 2, max: us * 2 },
    },
    ...{ residenceUs: 4.125, jitterUs: thousandths(3.375 + Math.random()) },
    ...{ lostForward: lost, lostReverse: 0, lostUnknown: 0, forwardUs: oneWay(us * 0.4), reverseUs: oneWay(us * 0.6) },
    ...{ dscpForward: null, dscpReverse: 0, remarked: 0, ceMarks: 0, hopsForward: 3, hopsReverse: 3, hopChanges: 0 },
    hdr: encoder.encode(histogram),
  };
}

const COUNTERS = Object.fromEntries(PROBER_COUNTERS.map((counter) => [counter, 123_456_789]));
const sets = Array.from({ length: SETS }, () => Array.from({ length: rows }, (_, index) => makeRow(index)));
const text = (set: readonly object[], histograms: boolean): Buffer =>
  Buffer.from(JSON.stringify(histograms ? set : set.map((row) => ({ ...row, hdr: undefined }))));
const withHistograms = sets.map((set) => text(set, true));
const without = sets.map((set) => text(set, false));

/** As long as that of a collector with two threads. */
const status = JSON.stringify({
  ...{ name: 'host', version: '0', state: 'running', warnings: [] },
  totals: COUNTERS,
  workers: [0, 1].map((i) => ({
    thread: `prober-${i}`,
    state: 'running',
    restarts: 0,
    lastError: null,
    totals: COUNTERS,
  })),
  aggregator: { thread: 'aggregator', state: 'running', restarts: 0, lastError: null },
});

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
  if (pathname === '/v1/status') {
    response.end(status);
    return;
  }
  const after = Number(searchParams.get('after') ?? 0);
  const limit = Number(searchParams.get('limit') ?? RETENTION);
  const bodies = searchParams.get('histograms') === '1' ? withHistograms : without;
  const newest = Math.floor((Date.now() - settleMs) / intervalMs) * intervalMs;
  const oldest = Math.max(newest - (RETENTION - 1) * intervalMs, Math.ceil(startedMs / intervalMs) * intervalMs);
  const parts: Buffer[] = [];
  let next = after;
  for (let endMs = oldest; endMs <= newest; endMs += intervalMs) {
    if (endMs <= after || parts.length >= 3 * limit) continue;
    const [start, end] = [endMs - intervalMs, endMs].map((ms) => new Date(ms).toISOString());
    const comma = parts.length === 0 ? '' : ',';
    parts.push(
      Buffer.from(`${comma}{"start":"${start}","end":"${end}","endMs":${endMs},"results":`),
      bodies[(endMs / intervalMs) % SETS],
      Buffer.from('}'),
    );
    next = endMs;
  }
  const head = `{"collector":"${name}","intervalMs":${intervalMs},"next":${next},"oldest":${newest < oldest ? 0 : oldest},"gap":false,"intervals":[`;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(Buffer.concat([Buffer.from(head), ...parts, Buffer.from(']}')]));
}

/** 204 at once: the work of a real database is not measured. The lines are counted afterwards. */
async function acknowledge(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    response.end(JSON.stringify({ points, requests }));
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  response.writeHead(204).end();
  requests += 1;
  const body = Buffer.concat(chunks);
  if (request.headers['content-encoding'] !== 'gzip') count(body);
  else
    gunzip(body, (error, lines) => {
      if (error !== null) throw error;
      count(lines);
    });
}

function count(lines: Buffer): void {
  points += 1;
  for (let at = lines.indexOf(NEWLINE); at !== -1 && at < lines.length - 1; at = lines.indexOf(NEWLINE, at + 1))
    points += 1;
}

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer({ keepAliveTimeout: 120_000 }, handle).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const urls: string[] = [];
for (let index = 0; index < collectors; index++) urls.push(await serve((...all) => answer(`host-${index}`, ...all)));
const database = await serve((request, response) => void acknowledge(request, response));
process.stdout.write(`${JSON.stringify({ collectors: urls, database })}\n`);
