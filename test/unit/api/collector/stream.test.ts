import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { type ApiOptions, buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector, rowOf } from '../../../support/fakes/fakeCollector.js';
import { readExposition } from '../../../support/harness/exposition.js';
import { SseClient } from '../../../support/harness/sse.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;
const STEP = 10_000;
/** Twenty of these are more than all buffers between two programs on this host take. */
const HUGE_PADDING = 2 ** 20;

describe('GET /v1/stream', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;
  let origin: string;
  const clients: SseClient[] = [];

  async function serve(text?: string, options: ApiOptions = {}): Promise<void> {
    collector = new FakeCollector(text);
    app = buildApi(collector, options);
    origin = await app.listen({ port: 0, host: '127.0.0.1' });
  }
  async function open(query = '', options: Parameters<typeof SseClient.open>[1] = {}): Promise<SseClient> {
    const client = await SseClient.open(`${origin}/v1/stream${query}`, options);
    clients.push(client);
    return client;
  }
  /** Cursors count from here. */
  const start = (): number => collector.results.newest.incarnation;
  const got = (client: SseClient, count: number) =>
    waitFor(`${count} intervals, not ${client.ids.length}`, () => client.ids.length >= count, 10_000);

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await app.close();
  });

  it('is connected before there is an event, and says that nothing may be compressed or held back', async () => {
    await serve();
    const client = await open('', { headers: { 'accept-encoding': 'gzip, br' } });
    expect(client.status).to.equal(200);
    expect(client.headers['content-type']).to.match(/^text\/event-stream/);
    expect(client.headers['cache-control']).to.equal('no-store, no-transform');
    expect(client.headers['x-accel-buffering']).to.equal('no');
    expect(client.headers).not.to.have.property('content-encoding');
    await waitFor('the first bytes', () => client.retryMs === 1000);
  });

  it('sends each interval when it is finished: the fields of /v1/results, with the name and the length', async () => {
    await serve();
    collector.finish(T);
    const client = await open();
    for (const count of [1, 2]) {
      collector.finish(T + count * STEP);
      await got(client, count);
    }
    const results = (await app.inject(`/v1/results?after=${T}`)).json();
    expect(client.events.map(({ event, id, data }) => ({ event, id, data: JSON.parse(data) }))).to.deep.equal(
      results.intervals.map((interval: { cursor: number }) => ({
        event: 'interval',
        id: String(interval.cursor),
        data: { collector: 'host-a', intervalMs: 10_000, interval },
      })),
    );
  });

  it('leaves the rows out with results=0: only that an interval is finished', async () => {
    await serve();
    const client = await open('?results=0');
    collector.finish(T);
    await got(client, 1);
    const { interval } = JSON.parse(client.events[0].data);
    expect(interval).to.include({ endMs: T });
    expect(interval.results).to.deep.equal([]);
    expect(client.ids.map(Number)).to.deep.equal([start() + 1]);
  });

  it('filters and has histograms as /v1/results has', async () => {
    await serve();
    collector.finish(T, { silent: [1] });
    for (const query of ['?group=west', '?class=ef&histograms=1', '?target=10.1.0.2', '?histograms=1', '?group=none']) {
      const client = await open(`${query}&after=0`);
      await got(client, 1);
      const [wanted] = (await app.inject(`/v1/results${query}`)).json().intervals;
      expect(JSON.parse(client.events[0].data).interval, query).to.deep.equal(wanted);
    }
  });

  it('sends first the intervals in memory after the cursor, from the query or from Last-Event-ID, which has precedence', async () => {
    await serve();
    for (let i = 0; i < 3; i++) collector.finish(T + i * STEP);
    const all = await open('?after=0');
    const some = await open(`?after=${start() + 1}`);
    const last = await open('?after=0', { headers: { 'last-event-id': String(start() + 2) } });
    const none = await open();
    await got(all, 3);
    collector.finish(T + 3 * STEP);
    for (const [client, from] of [
      [all, 0],
      [some, 1],
      [last, 2],
      [none, 3],
    ] as const) {
      await got(client, 4 - from);
      expect(client.ids).to.deep.equal([1, 2, 3, 4].slice(from).map((i) => start() + i));
      expect(client.events.filter(({ event }) => event !== 'interval')).to.deep.equal([]);
    }
  });

  it('loses nothing and repeats nothing over reconnects with Last-Event-ID, whenever they happen', async () => {
    await serve('collector: { name: host-a, retention: 1000 }\ngroups: { a: { targets: [10.0.0.1] } }');
    const seen: number[] = [];
    let id = '';
    for (let round = 0, i = 0; round < 20; round++) {
      const client = await open('?after=0', { headers: id === '' ? {} : { 'last-event-id': id } });
      for (let n = 0; n < 5; n++, i++) collector.finish(T + i * STEP);
      // In some rounds it leaves before all of them came.
      await got(client, (round * 3) % 6);
      client.close();
      seen.push(...client.ids);
      if (client.lastEventId !== '') id = client.lastEventId;
      collector.finish(T + i++ * STEP);
    }
    const rest = await open('', { headers: { 'last-event-id': id } });
    const held = collector.results.after(0, 1000).intervals.map(({ cursor }) => cursor);
    await got(rest, held.length - seen.length);
    expect([...seen, ...rest.ids]).to.deep.equal(held);
  });

  it('says that there is a gap when intervals after the cursor are no longer held, and goes on with the oldest', async () => {
    await serve();
    for (let i = 0; i < 6; i++) collector.finish(T + i * STEP);
    const client = await open(`?after=${start() + 1}`);
    await got(client, 3);
    const [gap, ...intervals] = client.events;
    expect(gap.event).to.equal('gap');
    expect(JSON.parse(gap.data)).to.deep.equal({ collector: 'host-a', after: start() + 1, oldest: start() + 4 });
    expect(gap.id, 'a gap moves no cursor').to.equal('');
    expect(intervals.map(({ id }) => Number(id))).to.deep.equal([4, 5, 6].map((i) => start() + i));
    const edge = await open(`?after=${start() + 3}`);
    await got(edge, 3);
    expect(edge.events[0].event).to.equal('interval');
  });

  it('lets a slow reader miss whole intervals, reports that, keeps one of them in memory, and delays no other reader', async () => {
    await serve();
    const slow = await open('', { paused: true });
    const quick = await open();
    const few = collector.streams().slice(0, 1);
    const COUNT = 120;
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < COUNT; i++) {
      collector.finish(T + i * STEP, { infos: few, padding: HUGE_PADDING });
      await got(quick, i + 1);
    }
    expect(quick.events.map(({ event }) => event)).not.to.include('gap');
    expect(slow.events).to.deep.equal([]);
    // Three that the store holds, the reader's one, and what is in flight or not yet collected.
    const grownMiB = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
    console.log(`        ${grownMiB.toFixed(0)} MiB more after ${COUNT} intervals of 1 MiB`);
    expect(grownMiB).to.be.lessThan((2 * COUNT) / 3);
    slow.response.resume();
    await waitFor('the newest interval', () => slow.ids.at(-1) === start() + COUNT, 10_000);
    expect(slow.ids.slice(-3)).to.deep.equal([2, 1, 0].map((i) => start() + COUNT - i));
    expect(slow.ids.length).to.be.lessThan(COUNT / 3);
    // Every hole has its gap event, and there is none without a hole.
    let cursor = start() + 1;
    for (const [index, { event, id, data }] of slow.events.entries()) {
      if (event === 'gap') {
        const { after, oldest } = JSON.parse(data);
        expect(after).to.equal(cursor);
        expect(oldest).to.be.greaterThan(cursor + 1);
        expect(slow.events[index + 1].id).to.equal(String(oldest));
        cursor = oldest;
      } else if (index > 0) {
        expect(Number(id)).to.be.oneOf([cursor, cursor + 1]);
        cursor = Number(id);
      }
      if (event === 'interval') expect(JSON.parse(data).interval.results).to.deep.equal([rowOf(few[0], HUGE_PADDING)]);
    }
    expect(slow.events.map(({ event }) => event)).to.include('gap');
  }).timeout(30_000);

  it('serves a hundred readers at once, each with its own filter, all of everything', async () => {
    await serve('collector: { retention: 50 }\ngroups: { a: { classes: [cs0, ef], targets: [10.0.0.1, 10.0.0.2] } }');
    const readers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => open(['', '?class=ef', '?target=10.0.0.2&histograms=1'][i % 3])),
    );
    for (let i = 0; i < 20; i++) collector.finish(T + i * STEP, { padding: 20_000 });
    const wanted = Array.from({ length: 20 }, (_, i) => start() + 1 + i);
    for (const [i, reader] of readers.entries()) {
      await got(reader, 20);
      expect(reader.ids).to.deep.equal(wanted);
      for (const { data } of reader.events)
        expect(JSON.parse(data).interval.results, `reader ${i}`).to.have.length([4, 2, 2][i % 3]);
    }
  }).timeout(30_000);

  it('takes no more readers than api.maxStreams, says when to come back, and takes the next when one leaves', async () => {
    await serve('api: { maxStreams: 2 }\ngroups: { a: { targets: [10.0.0.1] } }');
    const [first] = [await open(), await open()];
    const response = await fetch(`${origin}/v1/stream`);
    expect(response.status).to.equal(503);
    expect(Number(response.headers.get('retry-after'))).to.be.at.least(1);
    const problem = (await response.json()) as { code: string; detail: string };
    expect(problem.code).to.equal('LLAMA_STREAMS_FULL');
    expect(problem.detail).to.include('found 2 streams open').and.include('api.maxStreams');
    first.close();
    await waitFor('a place', async () => {
      const client = await open();
      return client.status === 200;
    });
  });

  it('counts readers, refusals and gaps in /metrics', async () => {
    await serve('collector: { retention: 2 }\napi: { maxStreams: 1 }\ngroups: { a: { targets: [10.0.0.1] } }');
    for (let i = 0; i < 5; i++) collector.finish(T + i * STEP);
    await got(await open(`?after=${T}`), 2);
    expect((await fetch(`${origin}/v1/stream`)).status).to.equal(503);
    const { values } = readExposition((await app.inject('/metrics')).body);
    expect(
      ['llama_streams', 'llama_streams_refused_total', 'llama_stream_gaps_total'].map((name) => values.get(name)),
    ).to.deep.equal([1, 1, 1]);
  });

  it('gives back the place of a reader that leaves while nothing happens', async () => {
    await serve('api: { maxStreams: 1 }\ngroups: { a: { targets: [10.0.0.1] } }');
    for (let i = 0; i < 10; i++) {
      const client = await waitFor('a place', async () => {
        const one = await open();
        return one.status === 200 && one;
      });
      client.close();
    }
  });

  it('says every now and then that it is still there, but not in the middle of an event', async () => {
    await serve(undefined, { streams: { heartbeatMs: 20 } });
    const idle = await open();
    await waitFor('three comments', () => idle.comments >= 3);
    const slow = await open('', { paused: true });
    collector.finish(T, { infos: collector.streams().slice(0, 1), padding: 16 * HUGE_PADDING });
    const heartbeats = idle.comments;
    await waitFor('more comments for the other', () => idle.comments > heartbeats + 5);
    expect(slow.events).to.deep.equal([]);
    slow.response.resume();
    await got(slow, 1);
    expect(JSON.parse(slow.events[0].data).interval.results).to.have.length(1);
  });

  it('gives up a reader that takes nothing for long, whose place is then free', async () => {
    await serve('api: { maxStreams: 1 }\ngroups: { a: { targets: [10.0.0.1] } }', { streams: { stalledMs: 50 } });
    const stalled = await open('', { paused: true });
    collector.finish(T, { padding: 16 * HUGE_PADDING });
    await waitFor('a place', async () => (await open()).status === 200);
    stalled.response.resume();
    await waitFor('the end', () => stalled.cutOff);
    expect(stalled.ids, 'an interval that was cut off does not count').to.deep.equal([]);
  });

  it('ends after limit intervals', async () => {
    await serve();
    const client = await open('?limit=2');
    for (let i = 0; i < 3; i++) collector.finish(T + i * STEP);
    await waitFor('the end', () => client.ended);
    expect(client.cutOff).to.equal(false);
    expect(client.ids).to.deep.equal([start() + 1, start() + 2]);
  });

  it('ends at once and whole when the server closes, with the interval that was finished last', async () => {
    await serve();
    const client = await open();
    const stalled = await open('', { paused: true });
    collector.finish(T, { padding: HUGE_PADDING / 4 });
    await got(client, 1);
    const startMs = performance.now();
    await app.close();
    expect(performance.now() - startMs).to.be.lessThan(1000);
    await waitFor('the end', () => client.ended);
    expect(client.cutOff).to.equal(false);
    stalled.response.resume();
    await waitFor('the end of the other', () => stalled.ended);
  });

  for (const [query, name] of [
    ['?after=x', 'after'],
    ['?limit=0', 'limit'],
    ['?histograms=yes', 'histograms'],
    ['?groups=a', 'groups'],
  ])
    it(`refuses ${query} and names the parameter`, async () => {
      await serve();
      const problem = (await app.inject(`/v1/stream${query}`)).json();
      expect(problem.code).to.equal('LLAMA_REQUEST_INVALID');
      expect(problem.problems.map((one: { path: string }) => one.path)).to.deep.equal([`/query/${name}`]);
    });

  it('refuses a Last-Event-ID that is none of its own', async () => {
    await serve();
    for (const id of ['x', '-1', '1.5', '99999999999999999999']) {
      const response = await app.inject({ url: '/v1/stream', headers: { 'last-event-id': id } });
      expect(response.statusCode).to.equal(400);
      expect(response.json().problems[0].path).to.equal('/headers/last-event-id');
    }
  });

  it('answers HEAD with the headers only, and keeps no place for it', async () => {
    await serve('api: { maxStreams: 1 }\ngroups: { a: { targets: [10.0.0.1] } }');
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${origin}/v1/stream`, { method: 'HEAD' });
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.match(/^text\/event-stream/);
    }
    expect((await open()).status).to.equal(200);
  });
});
