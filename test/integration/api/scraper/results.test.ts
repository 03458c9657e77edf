import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Compile } from 'typebox/schema';
import { buildApi } from '../../../../src/api/collector/app.js';
import { buildScraperApi } from '../../../../src/api/scraper/app.js';
import { resultRoutes } from '../../../../src/api/scraper/routes.js';
import { Collector } from '../../../../src/collector/collector.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { parseScraperConfig } from '../../../../src/config/scraper/config.js';
import { Reflector } from '../../../../src/reflector/reflector.js';
import { ScraperMemory } from '../../../../src/scraper/recent/memory.js';
import type { ResultRow } from '../../../../src/scraper/results/types.js';
import { Scraper } from '../../../../src/scraper/scraper.js';
import { type KeptInterval, kept, MapPositions, RecordingDelivery } from '../../../support/fakes/scraped.js';
import { UdpPeer } from '../../../support/fakes/udpPeer.js';
import { SseClient } from '../../../support/harness/sse.js';
import { waitFor } from '../../../support/harness/wait.js';

const logger = pino({ level: 'silent' });

interface Page {
  readonly next: number;
  readonly gap: boolean;
  readonly intervals: readonly {
    readonly collector: string;
    readonly cursor: number;
    readonly endMs: number;
    readonly results: readonly (ResultRow & { readonly collector: string })[];
  }[];
}

interface MatrixAnswer {
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: readonly Readonly<
    Record<'row' | 'column' | 'value' | 'sent' | 'received' | 'samples' | 'series' | 'ageMs', number> & {
      stale: boolean;
    }
  >[];
}

/** Two collectors that measure, a scraper that polls them over HTTP, and its API. */
describe('the results of all collectors, through a scraper', function () {
  this.timeout(60_000);
  let reflector: Reflector;
  const collectors: Collector[] = [];
  const apis: FastifyInstance[] = [];
  let memory: ScraperMemory;
  let scraper: Scraper;
  let app: FastifyInstance;
  let origin = '';
  const fetched: KeptInterval[] = [];

  before(async () => {
    const peer = await UdpPeer.open();
    const { port } = peer;
    await peer.close();
    reflector = await Reflector.start(
      { listen: [{ address: '127.0.0.1', family: 4, port }], threads: 1, maxPps: null, allow: [], stateful: null },
      logger,
    );
    const urls: string[] = [];
    for (const name of ['host-a', 'host-b']) {
      const config = parseConfig(
        `
collector: { name: ${name}, interval: 500ms, workers: 1, timestamps: receive }
source: { ports: 2 }
groups:
  west: { period: 10ms, timeout: 100ms, port: ${port}, classes: [cs0, ef], targets: [{ address: 127.0.0.1, tags: { dst_rack: r1 } }] }
  lost: { period: 50ms, timeout: 100ms, port: 9, targets: [{ address: 127.0.0.3, tags: { dst_rack: r2 } }] }
`,
        'test.yaml',
        {},
      );
      const collector = await Collector.start(config, { logger });
      collectors.push(collector);
      const api = buildApi(collector);
      apis.push(api);
      urls.push(await api.listen({ port: 0, host: '127.0.0.1' }));
      await collector.measure();
    }
    const { config } = parseScraperConfig(
      `writers: []\ncollectors: [${urls.join(', ')}, "http://127.0.0.1:1"]`,
      's.yaml',
      {},
    );
    memory = new ScraperMemory({ hours: 6, memoryBytes: 64 * 2 ** 20, logger });
    const sinks = {
      ...{ delivery: new RecordingDelivery(), positions: new MapPositions() },
      ...{ status: () => [], save: async () => {}, close: async () => {} },
    };
    scraper = new Scraper(config, { logger, sinks, histograms: () => true });
    scraper.onInterval((interval) => {
      fetched.push(kept(interval));
      return memory.take(interval);
    });
    app = buildScraperApi(scraper, {
      routes: (to) => resultRoutes(to, scraper, { memory, access: {}, pageBytes: 20_000 }),
    });
    origin = await app.listen({ port: 0, host: '127.0.0.1' });
    scraper.start();
    // Of each: under load, one of them may start seconds after the other.
    const fiveOf = (name: string): boolean => fetched.filter(({ collector }) => collector === name).length >= 5;
    await waitFor('five intervals of each', () => fiveOf('host-a') && fiveOf('host-b'), 30_000);
    await memory.settled();
  });
  after(async () => {
    await scraper?.close();
    await app?.close();
    await Promise.all(apis.map((api) => api.close()));
    await Promise.all(collectors.map((collector) => collector.close(0)));
    await reflector?.close();
  });

  const results = async (query: string): Promise<Page> => (await app.inject(`/v1/results?${query}`)).json();

  it('are the results of all collectors, each with its collector, page by page without a loss', async () => {
    await memory.settled();
    const upTo = memory.recent.end;
    const read: Page['intervals'][number][] = [];
    let cursor = 0;
    let pages = 0;
    while (cursor < upTo) {
      const page = await results(`after=${cursor}&histograms=1&limit=3`);
      expect(page.gap).to.equal(false);
      expect(page.intervals.length).to.be.within(1, 3);
      read.push(...page.intervals);
      cursor = page.next;
      pages += 1;
    }
    expect(pages).to.be.greaterThan(3);
    const known = new Map(fetched.map((interval) => [`${interval.collector} ${interval.endMs}`, interval]));
    expect(read.length).to.be.at.least(10);
    expect(new Set(read.map((one) => `${one.collector} ${one.endMs}`)).size).to.equal(read.length);
    for (const one of read) {
      const rows = known
        .get(`${one.collector} ${one.endMs}`)
        ?.rows.map((row) => ({ collector: one.collector, ...row }));
      expect(one.results).to.deep.equal(rows);
    }
  });

  it('can be filtered; an empty page continues after the intervals that it examined', async () => {
    const { intervals } = await results('collector=host-b&group=west&class=ef&target=127.0.0.1');
    expect(intervals.length).to.be.greaterThan(0);
    for (const { collector, results: rows } of intervals) {
      expect(collector).to.equal('host-b');
      for (const row of rows) expect(row).to.include({ collector: 'host-b', group: 'west', class: 'ef' });
    }
    const before = memory.recent.end;
    const none = await results('collector=nobody');
    expect(none.intervals).to.deep.equal([]);
    expect(none.next).to.be.at.least(before);
  });

  it('make a matrix whose cells are the sums of the fetched results', async () => {
    // One answer during which nothing came: then it is of all that was fetched. Under load, intervals are fetched late
    // at times: then cells are stale, as they should be.
    const { rows, columns, cells } = await waitFor<MatrixAnswer>('a quiet moment with fresh data', async () => {
      await memory.settled();
      const before = fetched.length;
      const answer = await app.inject('/v1/matrix?rows=collector&columns=dst_rack,class&window=1h&metric=loss');
      await memory.settled();
      const matrix: MatrixAnswer = answer.json();
      for (const { stale, ageMs } of matrix.cells) expect(stale).to.equal(ageMs > 1_250);
      return fetched.length === before && matrix.cells.every(({ stale }) => !stale) && matrix;
    });
    expect(rows).to.deep.equal([['host-a'], ['host-b']]);
    expect(columns).to.deep.equal([
      ['r1', 'cs0'],
      ['r1', 'ef'],
      ['r2', 'cs0'],
    ]);
    expect(cells).to.have.length(6);
    for (const cell of cells) {
      const [collector] = rows[cell.row];
      const [rack, className] = columns[cell.column];
      const behind = fetched
        .filter((one) => one.collector === collector)
        .flatMap((one) => one.rows)
        .filter((row) => row.tags.dst_rack === rack && row.class === className);
      const sent = behind.reduce((sum, row) => sum + row.sent, 0);
      expect(cell.sent, `${collector} ${rack} ${className}`).to.equal(sent);
      expect(cell.stale).to.equal(false);
      expect(cell.series).to.equal(1);
      if (rack === 'r2') expect(cell.value).to.equal(100);
      else expect(cell.samples).to.equal(cell.received);
    }
  });

  it('make a matrix that ends in the past, of the results fetched until then', async () => {
    const [{ fromMs }] = memory.history.slots;
    const toMs = fromMs + 1;
    // The first slot, in a moment during which nothing comes into it: then it is of all that was fetched of it.
    const sums = async () => {
      const { cells, window } = (await app.inject(`/v1/matrix?rows=group&columns=class&window=1m&to=${toMs}`)).json();
      const within = fetched.filter(({ endMs }) => endMs <= fromMs + 10_000).flatMap(({ rows }) => rows);
      const sent = (of: readonly { sent: number }[]): number => of.reduce((sum, one) => sum + one.sent, 0);
      return { cells: sent(cells), fetched: sent(within), endMs: window.endMs };
    };
    await waitFor('the sums agree', async () => {
      const { cells, fetched: all } = await sums();
      return cells > 0 && cells === all;
    });
    expect((await sums()).endMs).to.be.within(toMs, fromMs + 10_000);
    const ahead = await app.inject(`/v1/matrix?to=${Date.now() + 60_000}`);
    expect([ahead.statusCode, ahead.json().problems[0].path]).to.deep.equal([400, '/query/to']);
  });

  it('have histories by pair', async () => {
    const { startMs, series, total } = (await app.inject('/v1/history?collector=host-a&group=west&class=ef')).json();
    expect(total).to.equal(1);
    expect(series[0]).to.include({ collector: 'host-a', target: '127.0.0.1' });
    expect(series[0].p50).to.have.length(startMs.length);
    expect(Math.max(...series[0].max)).to.be.greaterThan(0);
  });

  it('have paths, worst first, with the collectors that could not be asked', async () => {
    interface Path {
      readonly collector: string;
      readonly group: string;
      readonly class: string;
      readonly sent: number;
      readonly received: number;
    }
    // Under load, a prober may skip a path's only probes of an interval, and a reply may come after its timeout.
    const { collectors: asked, paths } = await waitFor('an interval of all paths without loss in west', async () => {
      const answer: { collectors: { error: string | null }[]; paths: Path[]; total: number } = (
        await app.inject('/v1/paths')
      ).json();
      expect(answer.paths).to.have.length(answer.total);
      const whole = ({ group, sent, received }: Path): boolean => group === 'lost' || sent === received;
      return answer.total === 12 && answer.paths.every(whole) && answer;
    });
    expect(asked.map(({ error }) => error === null)).to.deep.equal([true, true, false]);
    expect(paths.slice(0, 4).map(({ group }) => group)).to.deep.equal(Array(4).fill('lost'));
    const one = (await app.inject('/v1/paths?collector=host-b&class=ef&limit=1')).json();
    expect(one.collectors).to.have.length(1);
    expect(one.paths).to.have.length(1);
    expect(one.paths[0]).to.include({ collector: 'host-b', class: 'ef' });
    expect(one.paths[0].sent).to.be.greaterThan(0);
  });

  it('come as events, also to a reader of one collector', async () => {
    const client = await SseClient.open(`${origin}/v1/stream?collector=host-a&group=lost`);
    await waitFor('three events', () => client.events.length >= 3);
    client.close();
    const ids = client.events.map(({ id }) => Number(id));
    expect(ids).to.deep.equal(ids.toSorted((a, b) => a - b));
    for (const { event, data } of client.events) {
      expect(event).to.equal('interval');
      const { collector, interval } = JSON.parse(data);
      expect(collector).to.equal('host-a');
      expect(interval.results.map((row: ResultRow) => row.group)).to.deep.equal(['lost']);
    }
    const from = client.events[0].id;
    const again = await SseClient.open(`${origin}/v1/stream?collector=host-a&limit=2`, {
      headers: { 'last-event-id': from },
    });
    await waitFor('the end', () => again.ended);
    expect(again.events.map(({ id }) => id)).to.deep.equal(client.events.slice(1, 3).map(({ id }) => id));
  });

  it('keep no place among the streams for a reader whose filter is refused', async () => {
    for (let i = 0; i < 300; i++) {
      const refused = await fetch(`${origin}/v1/stream?class=nonsense`);
      expect(refused.status, await refused.text()).to.equal(400);
    }
    const client = await SseClient.open(`${origin}/v1/stream`);
    expect(client.status).to.equal(200);
    client.close();
  });

  it('answer as they are documented', async () => {
    const document = (await app.inject('/openapi.json')).json();
    for (const url of [
      '/v1/results?histograms=1',
      '/v1/matrix?metric=p99',
      '/v1/matrix?format=columns',
      `/v1/matrix?to=${memory.history.newestMs}`,
      '/v1/history',
      '/v1/paths',
    ]) {
      const answer = await app.inject(url);
      const schema = document.paths[url.split('?')[0]].get.responses['200'].content['application/json'].schema;
      const [valid, errors] = Compile({ ...closed(schema), components: document.components }).Errors(answer.json());
      expect(valid, `${url}: ${answer.body.slice(0, 500)} ${JSON.stringify(errors)}`).to.equal(true);
    }
    const wrong = await app.inject({ url: '/v1/stream', headers: { 'last-event-id': 'x' } });
    expect([wrong.statusCode, wrong.json().code]).to.deep.equal([400, 'LLAMA_REQUEST_INVALID']);
  });

  it('are not there when nothing is kept, but for the paths', async () => {
    const bare = buildScraperApi(scraper, {
      routes: (to) => resultRoutes(to, scraper, { memory: undefined, access: {} }),
    });
    expect((await bare.inject('/v1/matrix')).statusCode).to.equal(404);
    expect((await bare.inject('/v1/paths?collector=nobody')).json()).to.deep.equal({
      collectors: [],
      total: 0,
      paths: [],
    });
    await bare.close();
  });
});

/** Objects have the documented properties and no other. */
function closed(schema: unknown): Record<string, unknown> {
  const close = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(close);
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part).map(([key, value]) => [key, close(value)]);
    const shut = 'properties' in part && 'type' in part && !('additionalProperties' in part);
    return { ...Object.fromEntries(entries), ...(shut ? { additionalProperties: false } : {}) };
  };
  return close(schema) as Record<string, unknown>;
}
