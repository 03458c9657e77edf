import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';

describe('/v1/groups with a source of targets', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(() => {
    collector = new FakeCollector();
    app = buildApi(collector);
  });
  afterEach(() => app.close());

  const put = (payload: object) => app.inject({ method: 'PUT', url: '/v1/groups/mesh', payload });
  const discovery = {
    source: 'dns',
    targets: 12,
    updatedAt: '2026-11-21T00:00:00.000Z',
    ageMs: 1500,
    restored: false,
    error: null,
    warnings: [],
    nextAt: '2026-11-21T00:00:05.000Z',
    keepError: null,
    keepFailures: 0,
  } as const;

  it('shows the source as it is written and how it does, and takes that back as it is', async () => {
    expect((await put({ fromDns: { name: 'mesh.example' }, skipSelf: true })).statusCode).to.equal(201);
    collector.discovery.set('mesh', discovery);
    const { body } = await app.inject('/v1/groups/mesh');
    const shown = JSON.parse(body);
    expect(shown).to.deep.include({ fromDns: { name: 'mesh.example', type: 'A+AAAA' }, skipSelf: true, discovery });
    expect(shown).not.to.have.property('targets');
    const again = await put(shown);
    expect([again.statusCode, again.json()]).to.deep.equal([200, shown]);
    const { groups } = (await app.inject('/v1/groups')).json();
    expect(groups.find(({ name }: { name: string }) => name === 'mesh')).to.include({ source: 'dns', targets: 0 });
  });

  it('refuses a group with two ways to its targets, and a source that is wrong, with their pointers', async () => {
    const both = await put({ targets: ['10.0.0.1'], fromFile: { path: 'x' } });
    expect([both.statusCode, both.json().problems[0].path]).to.deep.equal([400, '/fromFile']);
    const wrong = await put({ fromHttp: { url: 'ftp://a/' } });
    expect([wrong.statusCode, wrong.json().problems[0].path]).to.deep.equal([400, '/fromHttp/url']);
  });
});
