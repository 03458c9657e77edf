import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApi } from '../../../../src/api/collector/app.js';
import { LlamaError } from '../../../../src/base/errors.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';

describe('the API', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;
  let log: string[];

  beforeEach(() => {
    collector = new FakeCollector();
    log = [];
    app = buildApi(collector, { logger: pino({}, { write: (line: string) => log.push(line) }) });
  });
  afterEach(() => app.close());

  it('gives the whole status, every counter of every worker included', async () => {
    const response = await app.inject('/v1/status');
    expect(response.statusCode).to.equal(200);
    expect(response.json()).to.deep.equal(collector.status());
  });

  it('gives the last error of a thread in the status', async () => {
    collector.prober = { thread: 'prober 0', state: 'restarting', restarts: 2, lastError: 'boom' };
    expect((await app.inject('/v1/status')).json().workers[0]).to.include({ lastError: 'boom', restarts: 2 });
  });

  it('is healthy while every thread runs', async () => {
    const response = await app.inject('/healthz');
    expect(response.statusCode).to.equal(200);
    expect(response.json()).to.deep.equal({ status: 'ok' });
  });

  it('is not healthy when a thread does not run, and says which and why', async () => {
    collector.prober = { thread: 'prober 0', state: 'restarting', restarts: 1, lastError: 'killed' };
    collector.aggregator = { thread: 'aggregator', state: 'stopped', restarts: 0, lastError: null };
    const response = await app.inject('/healthz');
    expect(response.statusCode).to.equal(503);
    expect(response.json()).to.deep.equal({
      status: 'failing',
      reasons: ['prober 0 is restarting: killed', 'aggregator is stopped'],
    });
  });

  it('is ready from the first finished interval on', async () => {
    const before = await app.inject('/readyz');
    expect(before.statusCode).to.equal(503);
    expect(before.json().reasons).to.deep.equal(['no interval is finished yet']);
    collector.finish(10_000);
    expect((await app.inject('/readyz')).statusCode).to.equal(200);
  });

  it('answers unknown requests with a problem document', async () => {
    for (const [method, url, remedy] of [
      ['GET', '/nowhere', '/openapi.json lists them'],
      ['POST', '/this/is/nowhere/at/all', '/openapi.json lists them'],
      ['GET', '/v1/groups/a/b', 'did you mean /v1/groups?'],
    ] as const) {
      const response = await app.inject({ method, url: `${url}?secret=1` });
      expect(response.statusCode).to.equal(404);
      expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
      expect(response.json()).to.deep.include({
        type: 'urn:llama:error:LLAMA_NOT_FOUND',
        status: 404,
        code: 'LLAMA_NOT_FOUND',
        detail: `found ${method} ${url}, expected a method and path of this API; ${remedy}`,
      });
    }
  });

  it('answers a wrong method with the allowed ones', async () => {
    for (const [method, url, allow] of [
      ['POST', '/v1/status', 'GET, HEAD'],
      ['DELETE', '/v1/groups?secret=1', 'GET, HEAD, POST'],
      ['POST', '/v1/groups/a', 'DELETE, GET, HEAD, PUT'],
      ['PUT', '/docs/static/swagger-ui.css', 'GET, HEAD'],
    ] as const) {
      const response = await app.inject({ method, url });
      expect(response.statusCode, url).to.equal(405);
      expect(response.headers.allow).to.equal(allow);
      expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
      expect(response.json()).to.include({ code: 'LLAMA_METHOD_NOT_ALLOWED', status: 405 });
      expect(response.body).not.to.include('secret');
    }
  });

  it('answers a badly encoded path with a problem document', async () => {
    const response = await app.inject('/v1/groups/%ZZ');
    expect(response.statusCode).to.equal(400);
    expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
    expect(response.json().code).to.equal('LLAMA_REQUEST_INVALID');
  });

  it('answers bytes that are not HTTP with a problem document', async () => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const address = app.server.address() as AddressInfo;
    const socket = connect(address.port, '127.0.0.1');
    socket.end('this is not HTTP\r\n\r\n');
    const answer = await text(socket);
    expect(answer).to.match(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).to.include({ code: 'LLAMA_REQUEST_INVALID', status: 400 });
  });

  it('answers HEAD without a body', async () => {
    collector.finish(10_000);
    for (const url of ['/v1/status', '/v1/results', '/v1/paths', '/healthz']) {
      const response = await app.inject({ method: 'HEAD', url });
      expect(response.statusCode).to.equal(200);
      expect(response.body).to.equal('');
    }
  });

  it('refuses query parameters where there are none', async () => {
    for (const url of ['/v1/status?a=1', '/v1/groups?a=1', '/v1/groups/west?a=1']) {
      const response = await app.inject(url);
      expect(response.statusCode).to.equal(400);
      expect(response.json().detail).to.match(/found the query parameter "a", expected no query parameters/);
    }
  });

  for (const failure of [
    new Error('secret /etc/passwd'),
    new LlamaError('LLAMA_SYSTEM_CALL', 'secret: sendmmsg failed'),
    Object.assign(new Error('secret'), { statusCode: 500 }),
  ])
    it(`keeps "${failure.message}" to the log and names the request`, async () => {
      collector.failure = failure;
      const response = await app.inject('/v1/status');
      expect(response.statusCode).to.equal(500);
      expect(response.body).not.to.match(/secret|at .*\.js/);
      const problem = response.json();
      expect(problem.code).to.equal('LLAMA_INTERNAL');
      const id = problem.instance.replace('urn:llama:request:', '');
      const lines = log.map((line) => JSON.parse(line)).filter((line) => line.reqId === id);
      expect(lines).to.have.length(1);
      expect(lines[0].err.message).to.match(/secret/);
    });

  it('tells a client to come again while the service starts or stops', async () => {
    collector.failure = new LlamaError('LLAMA_NOT_READY', 'the collector is stopping');
    const response = await app.inject('/v1/status');
    expect(response.statusCode).to.equal(503);
    expect(response.json()).to.include({ code: 'LLAMA_NOT_READY', detail: 'the collector is stopping' });
  });

  it('logs nothing for requests that go well or are refused', async () => {
    await app.inject('/v1/status');
    await app.inject('/nowhere');
    expect(log).to.deep.equal([]);
  });

  it('forbids caches to keep an answer', async () => {
    expect((await app.inject('/v1/status')).headers['cache-control']).to.equal('no-store');
  });
});
