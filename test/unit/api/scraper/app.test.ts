import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { Compile } from 'typebox/schema';
import { buildScraperApi } from '../../../../src/api/scraper/app.js';
import { parseScraperConfig } from '../../../../src/config/scraper/config.js';
import { FakeScraper } from '../../../support/fakes/fakeScraper.js';
import { readExposition } from '../../../support/harness/exposition.js';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const RELOADED = { added: ['http://c'], changed: [], removed: [], restart: ['writers'] };

/** Objects have the properties that are documented, and no other. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  const shut = 'properties' in schema && 'type' in schema && !('additionalProperties' in schema);
  return { ...Object.fromEntries(entries), ...(shut ? { additionalProperties: false } : {}) };
}

describe('the HTTP interface of a scraper', () => {
  let scraper: FakeScraper;
  let app: FastifyInstance;

  beforeEach(() => {
    scraper = new FakeScraper();
    app = buildScraperApi(scraper, { reload: async () => RELOADED });
  });
  afterEach(() => app.close());

  it('answers as it is documented: every operation, and no route without', async () => {
    const document = (await app.inject('/openapi.json')).json();
    expect(document.info.title).to.equal('LLAMA scraper');
    expect(document.components.securitySchemes.token.description).to.include('scraper.tokenFile');
    const paths = document.paths as Paths;
    expect(Object.keys(paths)).to.have.members([
      ...['/v1/status', '/v1/reload', '/healthz', '/readyz', '/metrics', '/openapi.json'],
    ]);
    for (const [path, item] of Object.entries(paths))
      for (const [method, { responses }] of Object.entries(item)) {
        const response = await app.inject({ method: method as 'GET', url: path });
        expect(response.statusCode, `${path}: ${response.body}`).to.equal(200);
        const [type, media] = Object.entries(responses['200'].content ?? {})[0];
        expect(response.headers['content-type'], path).to.include(type);
        if (type !== 'application/json') continue;
        const schema = closed({ ...media.schema, components: document.components }) as object;
        const [valid, errors] = Compile(schema).Errors(response.json());
        expect(valid, `${path}: ${response.body}: ${JSON.stringify(errors)}`).to.equal(true);
      }
  });

  it('has errors as problem documents, and does not tell the inside', async () => {
    const unknown = await app.inject('/v1/nothing');
    expect(unknown.json()).to.include({ status: 404, code: 'LLAMA_NOT_FOUND' });
    expect((await app.inject('/v1/status?a=1')).json().code).to.equal('LLAMA_REQUEST_INVALID');
    scraper.failure = new Error('inside');
    const failed = await app.inject('/v1/status');
    expect(failed.statusCode).to.equal(500);
    expect(failed.body).not.to.include('inside');
  });

  it('reloads only for this host without a token', async () => {
    expect((await app.inject({ method: 'POST', url: '/v1/reload' })).json()).to.deep.equal(RELOADED);
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/reload', remoteAddress: '10.0.0.1' });
    expect(statusCode).to.equal(403);
    expect(body).to.include('from the host of the scraper').and.include('scraper.tokenFile');
  });

  it('is healthy while collectors and databases are away, but not when it cannot save fetched intervals', async () => {
    const [writer] = scraper.status().writers;
    scraper.changes = { collectors: [], writers: [{ ...writer, up: false, lastError: 'away' }] };
    expect((await app.inject('/healthz')).statusCode).to.equal(200);
    scraper.changes = { writers: [{ ...writer, up: false, spoolErrors: 1, lastError: 'no space' }] };
    const response = await app.inject('/healthz');
    expect(response.statusCode).to.equal(503);
    expect(response.json().reasons[0]).to.match(/its spool cannot be written: no space/);
    scraper.changes = { state: 'stopping' };
    expect((await app.inject('/healthz')).json().reasons).to.deep.equal(['the scraper is stopping']);
  });

  it('is ready when a collector has answered', async () => {
    expect((await app.inject('/readyz')).statusCode).to.equal(200);
    scraper.changes = { collectors: scraper.status().collectors.slice(1) };
    expect((await app.inject('/readyz')).statusCode).to.equal(503);
  });

  it('is ready only while enough collectors answer and enough writers write, where that is asked for', async () => {
    const reasons = async (options: string): Promise<readonly string[]> => {
      scraper.config = parseScraperConfig(
        `scraper: { ${options} }\ncollectors: ["http://a"]\nwriters: []`,
        's.yaml',
        {},
      ).config;
      return (await app.inject('/readyz')).json().reasons ?? [];
    };
    const [writer] = scraper.status().writers;
    scraper.changes = { writers: [{ ...writer, up: false, lastError: 'away' }, writer] };
    expect(await reasons('readyCollectors: 50, readyWriters: 50')).to.deep.equal([]);
    expect(await reasons('readyCollectors: 51')).to.deep.equal([
      '1 of 2 collectors are up, expected at least 51 % (scraper.readyCollectors)',
    ]);
    expect(await reasons('readyWriters: 100')).to.deep.equal([
      '1 of 2 writers write, expected at least 100 % (scraper.readyWriters)',
    ]);
    expect((await app.inject('/healthz')).statusCode).to.equal(200);
  });

  it('has metrics of every collector and writer; unknown values and removed members have no series', async () => {
    const { values, types } = readExposition((await app.inject('/metrics')).body);
    const a = '{url="http://a:5000",collector="a"}';
    const b = '{url="http://b:5000",collector=""}';
    const w = '{writer="file /var/spool/llama",kind="file"}';
    const expected = {
      [`llama_scraper_collector_up${a}`]: 1,
      [`llama_scraper_collector_up${b}`]: 0,
      [`llama_scraper_collector_lag_intervals${a}`]: 1,
      [`llama_scraper_collector_clock_ahead_seconds${a}`]: -0.2505,
      [`llama_scraper_collector_last_success_timestamp_seconds${a}`]: 1_763_700_000,
      [`llama_scraper_collector_gaps_total${a}`]: 1,
      [`llama_scraper_collector_lost_intervals_total${a}`]: 12,
      [`llama_scraper_collector_polls_total${a}`]: 8,
      [`llama_scraper_collector_errors_total${a}`]: 1,
      [`llama_scraper_writer_points_total${w}`]: 70,
      [`llama_scraper_writer_spool_bytes${w}`]: 4096,
      [`llama_scraper_writer_lag_seconds${w}`]: 1.25,
      llama_scraper_collectors: 2,
      llama_scraper_source_failing: 1,
      llama_scraper_warnings: 1,
    };
    for (const [series, value] of Object.entries(expected)) expect(values.get(series), series).to.equal(value);
    expect(values.has(`llama_scraper_collector_lag_intervals${b}`)).to.equal(false);
    for (const [name, type] of types) expect(type, name).to.equal(name.endsWith('_total') ? 'counter' : 'gauge');
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'llama_event_loop_lag_max_seconds',
    ])
      expect(values.get(name), name).to.be.at.least(0);
    scraper.changes = { collectors: [], source: null };
    const later = readExposition((await app.inject('/metrics')).body).values;
    expect([...later.keys()].filter((series) => /collector_|source_failing/.test(series))).to.deep.equal([]);
  });

  it('takes more routes, behind the same access and documented alike', async () => {
    const more = buildScraperApi(scraper, { routes: (to) => to.get('/v1/more', () => ({ more: true })) });
    expect((await more.inject('/v1/more')).json()).to.deep.equal({ more: true });
    expect((await more.inject('/openapi.json')).json().paths).to.have.property('/v1/more');
    expect((await more.inject({ method: 'POST', url: '/v1/reload' })).statusCode).to.equal(404);
    await more.close();
  });
});
