import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { Compile } from 'typebox/schema';
import { buildApi } from '../../../src/api/collector/app.js';
import { isManual } from '../../../src/api/server/manual.js';
import { isPage } from '../../../src/api/server/page.js';
import { Tokens } from '../../../src/api/server/tokens.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { Reflector } from '../../../src/reflector/reflector.js';
import { FakeCollector } from '../../support/fakes/fakeCollector.js';
import { UdpPeer } from '../../support/fakes/udpPeer.js';
import { waitFor } from '../../support/harness/wait.js';

const WRITE = 'write-token-of-the-tests';
const READ = 'read-token-of-the-tests';
const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;
const PROBLEM = 'application/problem+json';

interface Media {
  readonly schema: object;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly tags: readonly { readonly name: string }[];
  readonly components: object;
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<(typeof METHODS)[number], Operation>>>>>;
}

interface Call {
  /** Values of the parameters in the path. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly status: number;
}

const GROUP = { period: '50ms', classes: ['cs0', 46], targets: [{ address: '127.0.0.1', tags: { dst_rack: 'r1' } }] };
const HUGE = {
  period: '1ms',
  timeout: '60s',
  targets: Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
};

/**
 * How each operation is called, in this order. One without parameters in its path that only reads need not be here.
 * What is not allowed without a token is called without one as well.
 */
const CALLS: Readonly<Record<string, readonly Call[]>> = {
  getResults: [
    { status: 200 },
    { query: '?after=1&histograms=1&limit=1', status: 200 },
    { query: '?target=127.0.0.1&class=cs0&group=west', status: 200 },
    { query: '?limit=0', status: 400 },
  ],
  getStream: [
    { query: '?after=1&limit=1', status: 200 },
    { query: '?limit=1&histograms=1&group=west&class=ef&target=127.0.0.1', status: 200 },
    { query: '?limit=0', status: 400 },
  ],
  getPaths: [{ status: 200 }, { query: '?limit=1', status: 200 }, { query: '?limit=x', status: 400 }],
  getMatrix: [
    { status: 200 },
    {
      query: '?rows=dst_rack,target&columns=class&metric=p99&window=1m&group=west&class=ef&format=columns',
      status: 200,
    },
    { query: '?metric=median', status: 400 },
    { query: '?window=2h', status: 400 },
    { query: '?rows=', status: 400 },
  ],
  getHistory: [
    { status: 200 },
    { query: '?group=west&source=127.0.0.1&target=127.0.0.1&class=cs0&collector=host-a&from=1&limit=1', status: 200 },
    { query: '?from=2&to=1', status: 400 },
  ],
  putGroup: [
    { path: { name: 'north' }, body: GROUP, status: 201 },
    { path: { name: 'north' }, body: { ...GROUP, period: '1s' }, status: 200 },
    { path: { name: 'north' }, body: { targets: [] }, status: 400 },
    { path: { name: 'no name' }, body: GROUP, status: 400 },
    { path: { name: 'huge' }, body: HUGE, status: 422 },
  ],
  postGroup: [
    { body: { name: 'south', ...GROUP }, query: '?dryRun=1', status: 200 },
    { body: { name: 'south', ...GROUP }, status: 201 },
    { body: { name: 'south', ...GROUP }, status: 409 },
    { body: GROUP, status: 400 },
    { body: { name: 'source', fromFile: { path: '/nowhere/list' } }, status: 201 },
  ],
  patchTargets: [
    { path: { name: 'north' }, body: { add: ['127.0.0.5'] }, query: '?dryRun=1', status: 200 },
    { path: { name: 'north' }, body: { add: ['127.0.0.5'] }, status: 200 },
    { path: { name: 'north' }, body: { remove: ['127.0.0.6'] }, status: 400 },
    { path: { name: 'source' }, body: { add: ['127.0.0.5'] }, status: 400 },
    { path: { name: 'nowhere' }, body: { add: ['127.0.0.5'] }, status: 404 },
    { path: { name: 'later' }, body: { add: ['127.0.0.5'] }, status: 409 },
  ],
  getGroup: [
    { path: { name: 'west' }, status: 200 },
    { path: { name: 'north' }, status: 200 },
    { path: { name: 'source' }, status: 200 },
    { path: { name: 'later' }, status: 200 },
    { path: { name: 'nowhere' }, status: 404 },
  ],
  listGroups: [{ status: 200 }],
  reload: [{ status: 200 }],
  renewSourcePorts: [{ status: 200 }, { status: 429 }],
  deleteGroup: [
    { path: { name: 'north' }, query: '?dryRun=1', status: 200 },
    { path: { name: 'north' }, status: 204 },
    { path: { name: 'north' }, status: 404 },
    { path: { name: 'south' }, query: '?revert=1', status: 409 },
    { path: { name: 'west' }, query: '?revert=1', status: 409 },
    { path: { name: 'west' }, status: 204 },
    { path: { name: 'west' }, status: 404 },
    { path: { name: 'west' }, query: '?revert=1&dryRun=1', status: 200 },
    { path: { name: 'west' }, query: '?revert=1', status: 200 },
    { path: { name: 'nowhere' }, query: '?revert=1', status: 404 },
    { path: { name: 'west' }, query: '?revert=2', status: 400 },
  ],
};

/** Objects have the properties that are documented, and no other: an answer must not say what its schema does not. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  const shut = 'properties' in schema && 'type' in schema && !('additionalProperties' in schema);
  return { ...Object.fromEntries(entries), ...(shut ? { additionalProperties: false } : {}) };
}

describe('/openapi.json', () => {
  let folder: string;
  let reflector: Reflector;
  let collector: Collector;
  let app: FastifyInstance;
  let document: Document;
  const routes: string[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-openapi-'));
    const files = { tokenFile: join(folder, 'token'), readTokenFile: join(folder, 'read') };
    writeFileSync(files.tokenFile, WRITE, { mode: 0o600 });
    writeFileSync(files.readTokenFile, READ, { mode: 0o600 });
    const logger = pino({ level: 'silent' });
    const peer = await UdpPeer.open();
    const { port } = peer;
    await peer.close();
    reflector = await Reflector.start(
      { listen: [{ address: '127.0.0.1', family: 4, port }], threads: 1, maxPps: null, allow: [], stateful: null },
      logger,
    );
    // A group that a newer version kept, and that is not in force.
    mkdirSync(join(folder, 'state'));
    writeFileSync(join(folder, 'state', 'later.group.json'), '{"format":"llama-state","version":99}');
    const config = parseConfig(
      `
stateDir: ${join(folder, 'state')}
collector: { name: host-a, interval: 200ms, workers: 1, timestamps: receive }
source: { ports: 2 }
api: { allowedDirectories: [/nowhere] }
groups:
  west: { period: 20ms, timeout: 100ms, port: ${port}, classes: [cs0, ef], targets: [127.0.0.1, 127.0.0.2] }
`,
      'test.yaml',
      {},
    );
    collector = await Collector.start(config, { logger });
    const nothing = { added: [], changed: [], removed: [], kept: [], restart: [], notes: [] };
    app = buildApi(collector, { tokens: new Tokens(files, () => {}), reload: async () => nothing });
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.push(`${one} ${url}`);
    });
    document = (await app.inject('/openapi.json')).json();
    await collector.measure();
    await waitFor('replies', () => (collector.results.latest?.report.received ?? 0) > 0);
  });
  after(async () => {
    await app?.close();
    await collector?.close(0);
    await reflector?.close();
    rmSync(folder, { recursive: true });
  });

  function operations(): { readonly path: string; readonly method: string; readonly operation: Operation }[] {
    return Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        return operation === undefined ? [] : [{ path, method: method.toUpperCase(), operation }];
      }),
    );
  }

  function operationsByCall() {
    const order = Object.keys(CALLS);
    return operations().toSorted(
      (a, b) => order.indexOf(a.operation.operationId) - order.indexOf(b.operation.operationId),
    );
  }

  /** Sends a request, and holds the answer against the document. Resolves with the status. */
  async function check(api: FastifyInstance, operation: Operation, request: InjectOptions): Promise<number> {
    const title = `${operation.operationId}: ${request.method} ${request.url}`;
    const response = await api.inject(request);
    const documented = operation.responses[String(response.statusCode)];
    expect(documented, `${title} answers ${response.statusCode}, which is documented: ${response.body}`).to.be.an(
      'object',
    );
    if (documented.content === undefined) {
      expect(response.body, title).to.equal('');
      return response.statusCode;
    }
    const type = String(response.headers['content-type']).split(';')[0];
    expect(Object.keys(documented.content), title).to.include(type);
    if (!type.endsWith('json')) return response.statusCode;
    const schema = closed({ ...documented.content[type].schema, components: document.components });
    const [valid, errors] = Compile(schema as object).Errors(response.json());
    expect(valid, `${title}: ${response.body.slice(0, 1000)}: ${JSON.stringify(errors)}`).to.equal(true);
    return response.statusCode;
  }

  const token = { authorization: `Bearer ${WRITE}` };

  it('is OpenAPI 3.1, and says the same to everyone', async () => {
    expect(document.openapi).to.equal('3.1.0');
    // Below a path prefix, requests of /docs go there, too.
    const { servers, ...shown } = (await app.inject('/docs/json')).json();
    expect(shown).to.deep.equal(document);
    expect(new URL(servers[0].url, 'http://host/prefix/docs/json').pathname).to.equal('/prefix/');
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      expect(document.components).to.have.nested.property(`schemas.${name}`);
  });

  it('has every route but its own pages and the web page', () => {
    const expected = routes
      .map((route) => [route, route.replace(/^\w+ /, '')])
      .filter(([, path]) => !isPage(path) && !isManual(path))
      .map(([route]) => route)
      .filter((route) => !route.startsWith('HEAD ') && !/^\w+ \/docs(\/|$)/.test(route))
      .map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
    expect(expected).to.include('PUT /v1/groups/{name}');
    expect(operations().map(({ method, path }) => `${method} ${path}`)).to.have.members(expected);
  });

  it('describes purpose, parameters, answers and access of every operation', () => {
    const tags = document.tags.map(({ name }) => name);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { path, method, operation } of operations()) {
      const title = `${method} ${path}`;
      expect(operation.operationId, title).to.match(/^[a-z][A-Za-z]+$/);
      expect(operation.summary, title).to.be.a('string').and.not.to.equal('');
      expect(operation.tags, title).to.have.length(1);
      expect(tags, title).to.include(operation.tags[0]);
      const named = (operation.parameters ?? []).filter(({ in: place }) => place === 'path').map(({ name }) => name);
      expect(named, title).to.have.members([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      for (const { description, name } of operation.parameters ?? [])
        expect(description, `${title} ${name}`).to.be.a('string').and.not.to.equal('');
      const statuses = Object.keys(operation.responses).map(Number);
      expect(
        statuses.some((status) => status < 300),
        title,
      ).to.equal(true);
      expect(
        statuses.some((status) => status >= 400),
        title,
      ).to.equal(true);
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(description, `${title} ${status}`)
          .to.be.a('string')
          .and.not.to.match(/^(Default Response)?$/);
        if (Number(status) < 400 || (status === '503' && path.endsWith('z'))) continue;
        expect(content, `${title} ${status}`).to.deep.equal({
          [PROBLEM]: { schema: { $ref: '#/components/schemas/Problem' } },
        });
      }
      const open = ['/healthz', '/readyz', '/openapi.json'].includes(path);
      expect(operation.security, title).to.deep.equal(open ? [] : [{ token: [] }]);
      if (method === 'PUT') expect(operation.requestBody?.content, title).to.have.property('application/json');
    }
  });

  it('says that tokens are optional where they are', async () => {
    const open = buildApi(new FakeCollector());
    const { paths } = (await open.inject('/openapi.json')).json() as Document;
    expect(paths['/v1/results'].get?.security).to.deep.equal([{}, { token: [] }]);
    await open.close();
  });

  it('tells the truth: every operation answers as documented, when it works and when it does not', async () => {
    for (const { path, method, operation } of operationsByCall()) {
      const { operationId } = operation;
      const calls = CALLS[operationId] ?? (method === 'GET' && !path.includes('{') ? [{ status: 200 }] : undefined);
      if (calls === undefined) throw new Error(`say in CALLS how to call ${operationId} (${method} ${path})`);
      const seen = new Set<number>();
      for (const call of calls) {
        const url = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(call.path?.[name] ?? ''));
        const payload = call.body === undefined ? {} : { payload: call.body as object };
        const request: InjectOptions = { method: method as 'GET', url: url + (call.query ?? ''), ...payload };
        const status = await check(app, operation, { ...request, headers: token });
        expect(status, `${operationId} ${request.url}`).to.equal(call.status);
        seen.add(status);
        if (operation.security.length === 0) continue;
        expect(await check(app, operation, request)).to.equal(401);
        seen.add(401);
        if (method === 'GET') continue;
        expect(await check(app, operation, { ...request, headers: { authorization: `Bearer ${READ}` } })).to.equal(403);
      }
      if (operationId === 'getHealth' || operationId === 'getReadiness') {
        const sick = new FakeCollector();
        sick.prober = { thread: 'prober 0', state: 'stopped', restarts: 0, lastError: 'killed' };
        const api = buildApi(sick);
        seen.add(await check(api, operation, { method: 'GET', url: path }));
        await api.close();
      }
      if (operationId === 'getOpenApi') seen.add(await check(app, operation, { method: 'GET', url: `${path}?a=1` }));
      expect(
        [...seen].some((status) => status < 300),
        operationId,
      ).to.equal(true);
      expect(
        [...seen].some((status) => status >= 400),
        operationId,
      ).to.equal(true);
    }
  });

  it('documents 429 and 500 as they come', async () => {
    const fake = new FakeCollector();
    const api = buildApi(fake, { rateLimit: 1 });
    const status = document.paths['/v1/status'].get as Operation;
    fake.failure = new Error('inside');
    const request = { method: 'GET', url: '/v1/status' } as const;
    expect(await check(api, status, request)).to.equal(500);
    expect(await check(api, status, request)).to.equal(429);
    await api.close();
  });

  it('would be found wrong by this test, if a field were missing or not documented', () => {
    const schema = document.paths['/v1/groups'].get?.responses['200'].content?.['application/json'].schema as object;
    const validator = Compile(closed({ ...schema, components: document.components }) as object);
    const empty = { groups: [], notInForce: [], removed: [] };
    for (const wrong of [{}, { ...empty, groups: [{ name: 'west' }] }, { ...empty, more: 1 }])
      expect(validator.Check(wrong), JSON.stringify(wrong).slice(0, 100)).to.equal(false);
    expect(validator.Check(empty)).to.equal(true);
  });

  it('can be read and tried at /docs, with files of this host only', async () => {
    const page = await app.inject('/docs');
    expect(page.statusCode).to.equal(200);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
    expect(files).to.have.length.at.least(4);
    for (const file of files) {
      expect(new URL(file, 'http://host/prefix/docs').pathname).to.match(/^\/prefix\/docs\//);
      expect((await app.inject(new URL(file, 'http://host/docs').pathname)).statusCode, file).to.equal(200);
    }
    expect(page.body).not.to.match(/<script>|onload=/);
    const { body } = await app.inject('/docs/static/swagger-initializer.js');
    expect(body)
      .to.include("url: resolveUrl('./json')")
      .and.not.match(/(src|href|url)\s*[:=]\s*["']https?:/);
  });
});
