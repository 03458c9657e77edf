import { expect } from 'chai';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';

describe('/v1/groups', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(() => {
    collector = new FakeCollector();
    app = buildApi(collector, { bodyLimitBytes: 10_000 });
  });
  afterEach(() => app.close());

  const put = (name: string, payload: InjectOptions['payload'], more: InjectOptions = {}) =>
    app.inject({ method: 'PUT', url: `/v1/groups/${name}`, ...(payload === undefined ? {} : { payload }), ...more });

  it('lists every group with its settings and counts', async () => {
    const response = await app.inject('/v1/groups');
    expect(response.json()).to.deep.equal({
      groups: [
        {
          name: 'west',
          origin: 'file',
          protocol: 'stamp',
          port: 8100,
          period: '1s',
          timeout: '1s',
          classes: ['cs0', 'ef'],
          payloadBytes: 44,
          targets: 2,
          paths: 8,
          probesPerSecond: 8,
        },
        {
          name: 'east',
          origin: 'file',
          protocol: 'stamp',
          port: 8100,
          period: '500ms',
          timeout: '1s',
          classes: ['cs0'],
          payloadBytes: 44,
          targets: 1,
          paths: 2,
          probesPerSecond: 4,
        },
      ],
      notInForce: [],
      removed: [],
    });
  });

  it('gives a group in the shape of the config, which can be put back as it is', async () => {
    const response = await app.inject('/v1/groups/west');
    expect(response.json()).to.deep.equal({
      name: 'west',
      origin: 'file',
      protocol: 'stamp',
      port: 8100,
      period: '1s',
      timeout: '1s',
      classes: ['cs0', 'ef'],
      payloadBytes: 44,
      targets: [
        { address: '10.2.0.2', tags: { dst_rack: 'r1' } },
        { address: '2001:db8::2', port: 8200 },
      ],
    });
    const before = collector.group('west');
    expect((await put('west', response.json())).statusCode).to.equal(200);
    expect(collector.group('west')).to.deep.equal(before);
  });

  it('creates a group with 201 and replaces it with 200, and answers with the group in force', async () => {
    const made = await put('north', { targets: ['10.3.0.2'] });
    expect(made.statusCode, made.body).to.equal(201);
    expect(made.headers.location).to.equal('/v1/groups/north');
    expect(made.json()).to.include({ period: '1s', port: 8100 });
    const replaced = await put('north', { period: '2s', targets: ['10.3.0.2'] });
    expect(replaced.statusCode).to.equal(200);
    expect(collector.group('north')?.periodNs).to.equal(2_000_000_000);
  });

  it('removes a group with 204, and knows it no more', async () => {
    const removed = await app.inject({ method: 'DELETE', url: '/v1/groups/west' });
    expect(removed.statusCode).to.equal(204);
    expect(removed.body).to.equal('');
    for (const method of ['GET', 'DELETE'] as const) {
      const again = await app.inject({ method, url: '/v1/groups/west' });
      expect(again.statusCode).to.equal(404);
      expect(again.json().code).to.equal('LLAMA_GROUP_UNKNOWN');
    }
  });

  it('reports every problem of a group with its pointer, and changes nothing', async () => {
    const response = await put('west', {
      period: '1 sec',
      port: 70_000,
      targets: ['10.0.0.1', '10.0.0.1'],
      clases: [],
    });
    expect(response.statusCode).to.equal(400);
    expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
    const problem = response.json();
    expect(problem).to.include({
      code: 'LLAMA_GROUP_INVALID',
      status: 400,
      type: 'urn:llama:error:LLAMA_GROUP_INVALID',
    });
    expect(problem.problems.map((one: { path: string }) => one.path)).to.have.members([
      '/period',
      '/port',
      '/targets/1',
      '/clases',
    ]);
    expect(collector.group('west')?.port).to.equal(8100);
  });

  it('refuses a name that is no group name', async () => {
    const response = await put('a%20b', { targets: ['10.0.0.1'] });
    expect(response.statusCode).to.equal(400);
    expect(response.json().detail).to.match(/found the group name "a b"/);
    expect((await put('x'.repeat(64), { targets: ['10.0.0.1'] })).statusCode).to.equal(201);
    expect((await put('x'.repeat(65), { targets: ['10.0.0.1'] })).statusCode).to.equal(400);
  });

  it('refuses a plan that is too large with 422 and the figures', async () => {
    const response = await put('huge', {
      period: '1ms',
      timeout: '60s',
      classes: ['cs0', 'ef', 'le', 'cs1'],
      targets: Array.from({ length: 100 }, (_, i) => `10.0.0.${i + 1}`),
    });
    expect(response.statusCode).to.equal(422);
    expect(response.json().code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(response.json().detail).to.match(/expected at most 256MiB/);
    expect(collector.group('huge')).to.equal(undefined);
  });

  for (const [title, payload] of [
    ['no body', undefined],
    ['a list', []],
    ['null', 'null'],
  ] as const)
    it(`refuses ${title} instead of a group`, async () => {
      const response = await put('west', payload as InjectOptions['payload'], {
        ...(payload === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
      });
      expect(response.statusCode, response.body).to.equal(400);
      expect(response.json().code).to.equal('LLAMA_GROUP_INVALID');
      expect(response.json().detail).to.match(/expected a map with targets/);
    });

  it('refuses a body that is not JSON, empty, of another type, or too large, each with its code', async () => {
    const json = { 'content-type': 'application/json' };
    const cases = [
      { payload: '{"targets": [', headers: json, code: 'LLAMA_REQUEST_INVALID', status: 400 },
      { payload: '', headers: json, code: 'LLAMA_REQUEST_INVALID', status: 400 },
      { payload: '{"__proto__": {}}', headers: json, code: 'LLAMA_GROUP_INVALID', status: 400 },
      { payload: 'targets: []', headers: { 'content-type': 'text/plain' }, code: 'LLAMA_MEDIA_TYPE', status: 415 },
      { payload: 'x', headers: { 'content-type': 'application/yaml' }, code: 'LLAMA_MEDIA_TYPE', status: 415 },
      { payload: ' '.repeat(10_001), headers: json, code: 'LLAMA_BODY_TOO_LARGE', status: 413 },
    ];
    for (const { code, status, ...request } of cases) {
      const response = await put('west', request.payload, { headers: request.headers });
      expect(response.statusCode, response.body).to.equal(status);
      expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
      expect(response.json()).to.include({ code, status });
      expect(response.json().detail).to.be.a('string').and.not.to.equal('');
    }
  });

  it('accepts changes from the loopback address only', async () => {
    for (const remoteAddress of ['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.7'])
      for (const method of ['PUT', 'DELETE'] as const) {
        const response = await app.inject({ method, url: '/v1/groups/west', remoteAddress });
        expect(response.statusCode).to.equal(403);
        expect(response.json().code).to.equal('LLAMA_READ_ONLY');
      }
    expect(collector.group('west')).not.to.equal(undefined);
    expect((await app.inject({ url: '/v1/groups/west', remoteAddress: '192.0.2.7' })).statusCode).to.equal(200);
    for (const remoteAddress of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect((await put('west', { targets: ['10.0.0.1'] }, { remoteAddress })).statusCode).to.equal(200);
  });

  it("accepts changes of a browser on the host from the collector's own page only", async () => {
    const payload = { targets: ['10.0.0.1'] };
    for (const origin of ['http://rebound.example:5000', 'null', 'http://192.0.2.7'])
      expect((await put('west', payload, { headers: { origin } })).statusCode).to.equal(403);
    for (const origin of ['http://127.0.0.1:5000', 'http://[::1]:5000', 'http://localhost:5000'])
      expect((await put('west', payload, { headers: { origin } })).statusCode).to.equal(200);
  });
});
