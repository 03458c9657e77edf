/** What a poller meets, for tests: a collector over HTTP that does whatever it is told, a delivery that remembers, and a clock that runs fast. */

import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Timing } from '../../../src/base/timing.js';
import type { CollectorAddress } from '../../../src/config/scraper/types.js';
import type { Positions } from '../../../src/scraper/polling/poller.js';
import { CollectorEpochs } from '../../../src/scraper/results/collectorEpochs.js';
import type { CollectedInterval, Delivery, ResultRow } from '../../../src/scraper/results/types.js';
import { drawCursorStart } from '../../../src/stats/cursorStart.js';

/** The system's clock, `factor` times as fast. */
export class FastTiming implements Timing {
  private readonly factor: number;
  private readonly startMs = Date.now();
  private readonly since = performance.now();

  constructor(factor: number) {
    this.factor = factor;
  }

  nowMs(): number {
    return this.startMs + (performance.now() - this.since) * this.factor;
  }

  after(ms: number, run: () => void): () => void {
    const timer = setTimeout(run, ms / this.factor);
    return () => clearTimeout(timer);
  }

  random(): number {
    return Math.random();
  }
}

export function row(target: string, numbers: Partial<ResultRow> = {}): ResultRow {
  return {
    ...{ group: 'west', protocol: 'stamp', source: '10.1.0.2', target, port: 8100, class: 'cs0', dscp: 0 },
    ...{ tags: { dst_rack: 'r1' }, sent: 10, received: 9, lost: 1, unreachable: 0, lossPct: 10 },
    ...{ late: 0, duplicates: 0, reordered: 0, sendErrors: 0, localDrops: 0, residenceUs: 4.1, jitterUs: null },
    rttUs: { min: 61, mean: 80.2, stddev: 9.1, p50: 79, p90: 92, p99: 110, p999: 131, max: 131 },
    ...numbers,
  };
}

/** What the collector does with the next requests: answers, or one of the ways to fail. */
export type Manner = 'ok' | 'hang' | 'reset' | 'fail' | 'garbage' | 'drip' | 'cut' | 'redirect' | 'refuse' | 'nothing';

export interface Asked {
  readonly path: string;
  readonly after: number;
  readonly headers: IncomingHttpHeaders;
  readonly atMs: number;
}

function begin() {
  const start = drawCursorStart();
  return { incarnation: start, cursor: start, endMs: 0, clockEpoch: 0 };
}

/** Intervals are made by `finish()`, or by `run()` as time passes. */
export class CollectorServer {
  url = '';
  name = 'host-a';
  /** False: as a collector of an older version, without `incarnation`. */
  tellsIncarnation = true;
  intervalMs = 1_000;
  retention = 60;
  manner: Manner = 'ok';
  /** Its clock less everybody else's, ms; null: no Date. */
  aheadMs: number | null = 0;
  /** Sent instead of the right one. */
  body: string | undefined;
  readonly asked: Asked[] = [];
  /** What it says of itself; undefined: it has no such page. */
  status: unknown;
  statusAsked = 0;
  /** Requests that are not answered yet. */
  open = 0;
  private held: {
    readonly endMs: number;
    readonly cursor: number;
    readonly follows: number;
    readonly incarnation: number;
    readonly clockEpoch: number;
    readonly aheadMs: number;
    readonly rows: readonly ResultRow[];
  }[] = [];
  private droppedCursor = 0;
  private last = begin();
  private measured = false;
  private readonly timing: Timing;
  private readonly server: Server;
  private timer: (() => void) | undefined;

  private constructor(timing: Timing) {
    this.timing = timing;
    this.server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const url = new URL(request.url ?? '/', 'http://x');
      if (url.pathname === '/v1/status') {
        this.statusAsked += 1;
        if (this.status === undefined) response.writeHead(404).end();
        else response.end(JSON.stringify(this.status));
        return;
      }
      const after = Number(url.searchParams.get('after') ?? 0);
      this.asked.push({ path: request.url ?? '', after, headers: request.headers, atMs: timing.nowMs() });
      this.open += 1;
      response.on('close', () => {
        this.open -= 1;
      });
      this.answer(url, after, response);
    });
  }

  static async start(timing: Timing, port = 0): Promise<CollectorServer> {
    const collector = new CollectorServer(timing);
    await new Promise<void>((resolve) => collector.server.listen(port, '127.0.0.1', resolve));
    collector.url = `http://127.0.0.1:${(collector.server.address() as AddressInfo).port}`;
    return collector;
  }

  get address(): CollectorAddress {
    return { url: this.url, kind: 'collector', tokenFile: null, intervalMs: 30_000 };
  }

  get newestCursor(): number {
    return this.last.cursor;
  }

  get clockMs(): number {
    return this.timing.nowMs() + (this.aheadMs ?? 0);
  }

  /** Ends an interval at `endMs`. */
  finish(endMs: number, rows: readonly ResultRow[] = [row('10.2.0.2')]): void {
    const { last } = this;
    const clockEpoch = endMs > last.endMs ? last.clockEpoch : last.clockEpoch + 1;
    this.last = { incarnation: last.incarnation, cursor: last.cursor + 1, endMs, clockEpoch };
    const follows = this.measured ? last.cursor : 0;
    this.measured = true;
    this.held.push({ ...this.last, follows, aheadMs: this.aheadMs ?? 0, rows });
    while (this.held.length > this.retention) this.droppedCursor = this.held.shift()?.cursor ?? 0;
  }

  /** Finishes intervals by its own clock from now on, each ready `readyMs` after its end. */
  run(readyMs = 200): void {
    let endMs = (Math.floor(this.clockMs / this.intervalMs) + 1) * this.intervalMs;
    const next = (): void => {
      this.timer = this.timing.after(endMs + readyMs - this.clockMs, () => {
        this.finish(endMs);
        endMs += this.intervalMs;
        next();
      });
    };
    next();
  }

  /** As a new process: it holds nothing, and knows nothing. */
  restart(): void {
    this.held = [];
    this.droppedCursor = 0;
    this.last = begin();
    this.measured = false;
  }

  /** Steps its clock; what it holds was measured before. */
  stepClock(ms: number): void {
    this.aheadMs = (this.aheadMs ?? 0) + ms;
  }

  async close(): Promise<void> {
    this.timer?.();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(url: URL, after: number, response: ServerResponse): void {
    response.sendDate = false;
    if (this.aheadMs !== null) response.setHeader('date', new Date(this.clockMs).toUTCString());
    switch (this.manner) {
      case 'hang':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'fail':
        response.writeHead(500).end('{"code":"LLAMA_INTERNAL"}');
        return;
      case 'refuse':
        response.writeHead(401).end('{"code":"LLAMA_UNAUTHORIZED"}');
        return;
      case 'nothing':
        response.writeHead(404).end();
        return;
      case 'redirect':
        response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
        return;
      case 'garbage':
        response.end('<html>');
        return;
      case 'drip': {
        response.write('{');
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
        return;
      }
      case 'cut': {
        const text = this.text(url, after);
        response.setHeader('content-length', text.length + 1);
        response.write(text.slice(0, -1), () => response.socket?.destroy());
        return;
      }
      case 'ok':
        response.setHeader('content-type', 'application/json');
        response.end(this.body ?? this.text(url, after));
        return;
      default:
        this.manner satisfies never;
    }
  }

  private text(url: URL, after: number): string {
    const limit = Number(url.searchParams.get('limit') ?? 10_000);
    const { incarnation, cursor: newest } = this.last;
    const unknown = this.measured && after > 0 && (after < incarnation || after > newest);
    const from = unknown ? 0 : after;
    const page = this.held.filter(({ cursor }) => cursor > from).slice(0, limit);
    return JSON.stringify({
      collector: this.name,
      intervalMs: this.intervalMs,
      ...(this.aheadMs === null ? {} : { nowMs: Math.round(this.clockMs) }),
      next: page.at(-1)?.cursor ?? from,
      oldest: this.held[0]?.cursor ?? 0,
      gap: unknown || (after > 0 && after < this.droppedCursor),
      intervals: page.map(({ endMs, cursor, follows, incarnation, clockEpoch, aheadMs, rows }) => ({
        ...(this.tellsIncarnation ? { incarnation } : {}),
        ...{ cursor, follows, clockEpoch, clockAheadMs: aheadMs - (this.aheadMs ?? 0) },
        start: new Date(endMs - this.intervalMs).toISOString(),
        end: new Date(endMs).toISOString(),
        endMs,
        results: rows,
      })),
    });
  }
}

/** With rows that may be read for ever. */
export type KeptInterval = CollectedInterval & { readonly rows: readonly ResultRow[] };

export const kept = (interval: CollectedInterval): KeptInterval => ({ ...interval, rows: [...interval.rows] });

/** Takes every interval at once, or when told. */
export class RecordingDelivery implements Delivery {
  readonly delivered: KeptInterval[] = [];
  /** While true, nothing is safe. */
  holding = false;
  private waiting: (() => void)[] = [];

  async deliver(interval: CollectedInterval): Promise<void> {
    this.delivered.push(kept(interval));
    if (this.holding) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Makes the oldest of those that wait safe. */
  release(count = Number.POSITIVE_INFINITY): void {
    for (const resolve of this.waiting.splice(0, count)) resolve();
  }

  ends(collector?: string): number[] {
    return this.delivered
      .filter((one) => collector === undefined || one.collector === collector)
      .map(({ endMs }) => endMs);
  }
}

export class MapPositions implements Positions {
  readonly ends: Map<string, number>;
  readonly epochs = new CollectorEpochs();

  /** `ends`: those of an earlier process. */
  constructor(ends: ReadonlyMap<string, number> = new Map()) {
    this.ends = new Map(ends);
  }

  get(key: string): number | undefined {
    return this.ends.get(key);
  }

  advance(key: string, endMs: number): void {
    if (endMs > (this.ends.get(key) ?? 0)) this.ends.set(key, endMs);
  }

  forget(key: string): void {
    this.ends.delete(key);
  }
}
