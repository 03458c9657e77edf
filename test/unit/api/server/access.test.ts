import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type PeerCertificate } from 'node:tls';
import { expect } from 'chai';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { buildApi } from '../../../../src/api/collector/app.js';
import { readTls } from '../../../../src/api/server/tls.js';
import { Tokens } from '../../../../src/api/server/tokens.js';
import { LlamaError } from '../../../../src/base/errors.js';
import { openAccess } from '../../../../src/cli/shared/access.js';
import type { ApiSettings } from '../../../../src/config/types.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';
import { needs } from '../../../support/harness/needs.js';
import { makeCertificate } from '../../../support/harness/pki.js';

const WRITE = 'write-token-of-the-tests';
const READ = 'read-token-of-the-tests';
const ELSEWHERE = '192.0.2.7';
const GROUP = { targets: ['10.0.0.1'] };

describe('access', () => {
  let folder: string;
  let settings: ApiSettings;
  let collector: FakeCollector;
  let app: FastifyInstance | undefined;
  const log: string[] = [];
  const lines = () => log.map((line) => JSON.parse(line));
  const logger = pino({}, { write: (line: string) => log.push(line) });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-access-'));
    writeFileSync(join(folder, 'token'), WRITE, { mode: 0o600 });
    writeFileSync(join(folder, 'read'), READ, { mode: 0o600 });
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    log.length = 0;
    collector = new FakeCollector();
    settings = { ...collector.config.api, tokenFile: join(folder, 'token'), readTokenFile: join(folder, 'read') };
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  const tokens = (readers: boolean) =>
    new Tokens({ ...settings, ...(readers ? {} : { readTokenFile: null }) }, (warning) => {
      throw new Error(warning);
    });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const put = (more: InjectOptions = {}): InjectOptions => ({
    method: 'PUT',
    url: '/v1/groups/west',
    payload: GROUP,
    ...more,
  });
  async function answer(api: FastifyInstance, request: InjectOptions) {
    const { statusCode, headers, body } = await api.inject(request);
    const code: unknown = body.startsWith('{') ? JSON.parse(body).code : undefined;
    return { status: statusCode, code, challenge: headers['www-authenticate'], type: headers['content-type'] };
  }

  it('with a token, lets changes in from everywhere with it, and from nowhere without', async () => {
    app = buildApi(collector, { tokens: tokens(false) });
    for (const remoteAddress of ['127.0.0.1', ELSEWHERE]) {
      expect(await answer(app, put({ remoteAddress, headers: bearer(WRITE) }))).to.include({ status: 200 });
      expect(await answer(app, put({ remoteAddress }))).to.include({
        status: 401,
        code: 'LLAMA_UNAUTHORIZED',
        challenge: 'Bearer realm="llama"',
        type: 'application/problem+json',
      });
      expect(await answer(app, put({ remoteAddress, headers: bearer('wrong') }))).to.include({
        status: 401,
        challenge: 'Bearer realm="llama", error="invalid_token"',
      });
    }
    expect(await answer(app, { url: '/v1/groups', remoteAddress: ELSEWHERE })).to.include({ status: 200 });
  });

  it('with a token for reading, asks readers for one of the two, and does not let it change anything', async () => {
    app = buildApi(collector, { tokens: tokens(true) });
    for (const url of ['/v1/groups', '/v1/results', '/v1/status', '/v1/paths', '/nowhere']) {
      expect(await answer(app, { url }), url).to.include({ status: 401, code: 'LLAMA_UNAUTHORIZED' });
      const status = url === '/nowhere' ? 404 : 200;
      for (const token of [READ, WRITE])
        expect(await answer(app, { url, headers: bearer(token) }), url).to.include({ status });
      expect(await answer(app, { method: 'HEAD', url })).to.include({ status: 401 });
    }
    const before = collector.group('west');
    expect(await answer(app, put({ headers: bearer(READ) }))).to.include({
      status: 403,
      code: 'LLAMA_FORBIDDEN',
      challenge: 'Bearer realm="llama", error="insufficient_scope"',
    });
    expect(collector.group('west')).to.equal(before);
    expect(await answer(app, put({ headers: bearer(WRITE) }))).to.include({ status: 200 });
  });

  it('leaves health and documentation open, but only for reading', async () => {
    collector.finish(10_000);
    app = buildApi(collector, { tokens: tokens(true) });
    for (const url of ['/healthz', '/readyz', '/openapi.json', '/docs', '/docs/json', '/docs/static/swagger-ui.css'])
      expect(await answer(app, { url, remoteAddress: ELSEWHERE }), url).to.include({ status: 200 });
    for (const url of ['/healthz', '/docs', '/docsx', '/docs/../v1/status'])
      expect(await answer(app, { method: 'POST', url }), url).to.include({ status: 401 });
  });

  it('closes a route that is added later, and one that does not exist, for changes', async () => {
    app = buildApi(collector);
    const api = app;
    app.after(() => api.post('/v1/new', { schema: { operationId: 'new' } }, () => 'done'));
    for (const url of ['/v1/new', '/v1/none'])
      expect(await answer(app, { method: 'POST', url, remoteAddress: ELSEWHERE })).to.include({
        status: 403,
        code: 'LLAMA_READ_ONLY',
      });
    expect(await answer(app, { method: 'POST', url: '/v1/new' })).to.include({ status: 200 });
  });

  it('without a token, does not treat a request that a proxy on this host announces as a local change', async () => {
    app = buildApi(collector);
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'])
      expect(await answer(app, put({ headers: { [name]: ELSEWHERE } })), name).to.include({
        status: 403,
        code: 'LLAMA_READ_ONLY',
      });
  });

  it('treats a request that a proxy on this host passes on silently as a local change, unless changes need a token', async () => {
    app = buildApi(collector);
    expect(await answer(app, put())).to.include({ status: 200 });
    await app.close();
    app = buildApi(collector, { writes: 'token' });
    const before = collector.group('west');
    for (const request of [
      put(),
      { method: 'DELETE', url: '/v1/groups/west' },
      { method: 'POST', url: '/v1/groups', payload: { name: 'new', ...GROUP } },
      { method: 'PATCH', url: '/v1/groups/west/targets', payload: { add: ['10.0.0.9'] } },
      put({ headers: bearer(WRITE) }),
    ] as const)
      expect(await answer(app, request), request.method).to.include({ status: 403, code: 'LLAMA_READ_ONLY' });
    expect(collector.group('west')).to.equal(before);
    expect((await app.inject(put())).json().detail).to.match(/api\.writes is token.*set api\.tokenFile/);
    expect(await answer(app, { url: '/v1/groups' })).to.include({ status: 200 });
    await app.close();
    app = buildApi(collector, { writes: 'token', tokens: tokens(false) });
    expect(await answer(app, put())).to.include({ status: 401 });
    expect(await answer(app, put({ headers: bearer(WRITE) }))).to.include({ status: 200 });
  });

  it('keeps changes to this host, with the token, when other hosts are shut out', async () => {
    app = buildApi(collector, { tokens: tokens(false), allowRemoteWrites: false });
    expect(await answer(app, put({ headers: bearer(WRITE), remoteAddress: ELSEWHERE }))).to.include({
      code: 'LLAMA_READ_ONLY',
    });
    expect(await answer(app, put())).to.include({ code: 'LLAMA_UNAUTHORIZED' });
    expect(await answer(app, put({ headers: bearer(WRITE) }))).to.include({ status: 200 });
  });

  it('refuses to open a door that nothing guards', () => {
    const open = { ...settings, tokenFile: null, readTokenFile: null, allowRemoteWrites: true };
    expect(() => openAccess(open, logger)).to.throw(LlamaError, /allowRemoteWrites without api\.tokenFile/);
  });

  it('warns when others can only read, and when tokens cross the network as plain text', () => {
    openAccess({ ...settings, host: '0.0.0.0' }, logger);
    const none = { tokenFile: null, readTokenFile: null };
    openAccess({ ...settings, ...none, host: '::' }, logger);
    openAccess({ ...settings, ...none, host: '::', writes: 'token' }, logger);
    openAccess(settings, logger);
    openAccess({ ...settings, ...none }, logger);
    openAccess({ ...settings, ...none, writes: 'token' }, logger);
    expect(lines().map(({ level, msg }) => [level, msg.slice(0, 45)])).to.deep.equal([
      [40, 'tokens cross the network as plain text; set a'],
      [30, 'every user and program of this host may chang'],
      [40, 'without api.tokenFile the API is read-only fo'],
      [40, 'without api.tokenFile the API is read-only'],
      [30, 'every user and program of this host may chang'],
    ]);
  });

  describe('limits', () => {
    it('answer more requests of a client than its share with 429, guesses of tokens included', async () => {
      app = buildApi(collector, { rateLimit: 5, tokens: tokens(true) });
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) statuses.push((await app.inject('/v1/status')).statusCode);
      expect(statuses).to.deep.equal([401, 401, 401, 401, 401, 429, 429, 429]);
      const refused = await app.inject('/v1/none');
      expect(refused.headers['retry-after']).to.equal('1');
      expect(refused.headers['content-type']).to.match(/^application\/problem\+json/);
      expect(refused.json()).to.include({ code: 'LLAMA_RATE_LIMIT', status: 429 });
      expect((await app.inject('/healthz')).statusCode).to.equal(200);
      const other = { url: '/v1/status', remoteAddress: ELSEWHERE, headers: bearer(READ) };
      expect((await app.inject(other)).statusCode).to.equal(200);
    });

    it('count clients of one IPv6 network together', async () => {
      app = buildApi(collector, { rateLimit: 1 });
      const from = async (remoteAddress: string) => (await answer(api, { url: '/readyz', remoteAddress })).status;
      const api = app;
      expect(await from('2001:db8::1')).to.equal(503);
      expect(await from('2001:db8::2')).to.equal(429);
      expect(await from('2001:db8:0:1::1')).to.equal(503);
    });
  });

  describe('request ids', () => {
    it("are the caller's own when they are sane, else new", async () => {
      app = buildApi(collector);
      const idOf = async (given?: string) => {
        const headers = given === undefined ? {} : { 'x-request-id': given };
        const response = await (app as FastifyInstance).inject({ url: '/nowhere', headers });
        const { instance } = response.json();
        expect(instance).to.equal(`urn:llama:request:${response.headers['x-request-id']}`);
        return response.headers['x-request-id'];
      };
      expect(await idOf('trace-1:a.b_C')).to.equal('trace-1:a.b_C');
      const made = new Set<unknown>();
      for (const given of [undefined, '', 'a b', 'a"b', 'x'.repeat(65), 'é', '<script>']) made.add(await idOf(given));
      expect(made.size).to.equal(7);
      for (const id of made) expect(id).to.match(/^[0-9a-f-]{36}$/);
    });

    it('are in the one log line of each change, with the client, the request and the result', async () => {
      app = buildApi(collector, { logger, tokens: tokens(false) });
      const id = { 'x-request-id': 'mine' };
      await app.inject(put({ headers: { ...id, ...bearer(WRITE) }, url: '/v1/groups/west?dryRun=0' }));
      await app.inject(put({ headers: { ...id, ...bearer('wrong-token') } }));
      await app.inject('/v1/groups');
      expect(lines().map(({ level, time, pid, hostname, ms, ...line }) => line)).to.deep.equal([
        { reqId: 'mine', client: '127.0.0.1', method: 'PUT', path: '/v1/groups/west', status: 200, msg: 'changed' },
        {
          reqId: 'mine',
          client: '127.0.0.1',
          method: 'PUT',
          path: '/v1/groups/west',
          status: 401,
          code: 'LLAMA_UNAUTHORIZED',
          msg: 'change refused',
        },
      ]);
      expect(log.join())
        .not.to.match(/wrong-token|dryRun/)
        .and.not.to.include(WRITE);
    });

    it('are in the one line of a failure, whose error stays in the log', async () => {
      app = buildApi(collector, { logger });
      collector.changeGroup = () => Promise.reject(new Error('inside'));
      const response = await app.inject(put({ headers: { 'x-request-id': 'mine' } }));
      expect(response.statusCode).to.equal(500);
      expect(response.body).not.to.match(/inside|\.js/);
      expect(lines()).to.have.length(1);
      expect(lines()[0]).to.include({ reqId: 'mine', method: 'PUT', path: '/v1/groups/west', level: 50 });
      expect(lines()[0].err.message).to.equal('inside');
    });
  });

  it('tells browsers to load nothing from elsewhere, and to stay out of frames', async () => {
    app = buildApi(collector);
    for (const url of ['/v1/status', '/docs', '/nowhere']) {
      const { headers } = await app.inject(url);
      expect(headers['content-security-policy']).to.match(/default-src 'self'.*frame-ancestors 'none'/);
      expect(headers['content-security-policy']).not.to.match(/https?:|upgrade-insecure|unsafe-eval/);
      expect(headers['x-frame-options']).to.equal('DENY');
      expect(headers['x-content-type-options']).to.equal('nosniff');
      expect(headers['strict-transport-security']).to.equal(undefined);
    }
  });

  describe('TLS', () => {
    const quiet = (): void => {};
    let a: { certFile: string; keyFile: string };
    let b: { certFile: string; keyFile: string };
    before(function () {
      needs(this, 'openssl');
      a = makeCertificate(folder, 'a');
      b = makeCertificate(folder, 'b');
    });

    function subjectAt(port: number): Promise<PeerCertificate['subject']> {
      return new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().subject);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    }

    async function listenWith(files: { certFile: string; keyFile: string }) {
      const access = openAccess({ ...settings, tls: files }, logger);
      const api = buildApi(collector, access.options);
      app = api;
      await api.listen({ port: 0, host: '127.0.0.1' });
      return { api, access, port: (api.server.address() as AddressInfo).port };
    }

    it('serves the API, from 1.2 on, and survives clients that speak plain HTTP', async () => {
      const { port } = await listenWith(a);
      const fetchStatus = () =>
        new Promise<number | undefined>((resolve, reject) =>
          httpsRequest({ port, path: '/healthz', rejectUnauthorized: false }, (response) => {
            response.resume();
            resolve(response.statusCode);
          })
            .on('error', reject)
            .end(),
        );
      expect(await fetchStatus()).to.equal(200);
      const old = new Promise((resolve, reject) => {
        const options = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
        connect({ port, rejectUnauthorized: false, ...options }, () => reject(new Error('taken'))).on('error', resolve);
      });
      expect(await old)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/alert|version|closed|hang up|reset/i);
      const plain = connectTcp(port, '127.0.0.1');
      plain.on('error', quiet);
      plain.end('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
      expect(await text(plain).catch(() => '')).not.to.include('200 OK');
      expect(await fetchStatus()).to.equal(200);
    });

    it('takes a renewed certificate when asked, and keeps the old one when the new does not fit its key', async () => {
      const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
      const copy = (from: string, to: string) => writeFileSync(to, readFileSync(from), { mode: 0o600 });
      copy(a.certFile, files.certFile);
      copy(a.keyFile, files.keyFile);
      const { api, access, port } = await listenWith(files);
      expect((await subjectAt(port)).CN).to.equal('a');
      copy(b.certFile, files.certFile);
      expect(() => access.readAgain(api))
        .to.throw(LlamaError, /key\.pem \(api\.tlsKeyFile\): found a key that is not that of .*, expected its own/)
        .with.nested.property('problems[0].path', '/api/tlsKeyFile');
      expect((await subjectAt(port)).CN).to.equal('a');
      copy(b.keyFile, files.keyFile);
      const enforce = access.readAgain(api);
      expect((await subjectAt(port)).CN, 'only read').to.equal('a');
      enforce();
      expect((await subjectAt(port)).CN).to.equal('b');
      expect(lines().at(-1)).to.include({ msg: 'certificate read again' });
    });

    it('leaves tokens alone when the certificate cannot be used', async () => {
      const { api, access } = await listenWith(a);
      const other = { ...settings, tls: a, tokenFile: join(folder, 'other') };
      writeFileSync(other.tokenFile, WRITE, { mode: 0o600 });
      const files = { certFile: join(folder, 'c.pem'), keyFile: a.keyFile };
      writeFileSync(files.certFile, readFileSync(a.certFile));
      const both = openAccess({ ...other, tls: files }, logger);
      writeFileSync(other.tokenFile, 'a-newer-token-of-the-tests');
      writeFileSync(files.certFile, 'nothing');
      expect(() => both.readAgain(api)).to.throw(LlamaError, /found no certificate/);
      expect(both.options.tokens?.grantOf(`Bearer ${WRITE}`)).to.equal('write');
      access.readAgain(api)();
    });

    it('does not start with files that are missing, no PEM, or of different pairs, and says which', () => {
      const noPem = join(folder, 'no.pem');
      writeFileSync(noPem, 'nothing', { mode: 0o600 });
      for (const [certFile, keyFile, says] of [
        [
          a.certFile,
          b.keyFile,
          /b-key\.pem \(api\.tlsKeyFile\): found a key that is not that of .*a-cert\.pem, expected its own/,
        ],
        [join(folder, 'none'), a.keyFile, /none \(api\.tlsCertFile\): found no file that can be read: ENOENT/],
        [a.certFile, join(folder, 'none'), /none \(api\.tlsKeyFile\): found no file/],
        [noPem, a.keyFile, /no\.pem \(api\.tlsCertFile\): found no certificate, expected PEM/],
        [a.certFile, noPem, /no\.pem \(api\.tlsKeyFile\): found no private key, expected PEM/],
        [a.keyFile, a.keyFile, /\(api\.tlsCertFile\): found no certificate/],
      ] as const)
        expect(() => readTls({ certFile, keyFile }, quiet))
          .to.throw(LlamaError, says)
          .with.property('code', 'LLAMA_TLS_FILE');
    });
  });
});
