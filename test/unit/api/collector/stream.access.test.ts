/** Who may read a stream, for how long, and over TLS. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApi } from '../../../../src/api/collector/app.js';
import { type Access, openAccess } from '../../../../src/cli/shared/access.js';
import { FakeCollector, rowOf } from '../../../support/fakes/fakeCollector.js';
import { needs } from '../../../support/harness/needs.js';
import { makeCertificate } from '../../../support/harness/pki.js';
import { SseClient } from '../../../support/harness/sse.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;
const READ = 'read-token-of-the-tests';
const OTHER = 'another-token-of-the-tests';

describe('access to GET /v1/stream', () => {
  let folder: string;
  let collector: FakeCollector;
  let app: FastifyInstance;
  let access: Access;
  let origin: string;
  let ca: string;

  before(function () {
    needs(this, 'openssl');
    folder = mkdtempSync(join(tmpdir(), 'llama-stream-'));
    writeFileSync(join(folder, 'token'), 'write-token-of-the-tests', { mode: 0o600 });
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    writeFileSync(join(folder, 'read'), READ, { mode: 0o600 });
    const tls = makeCertificate(folder, 'a');
    ca = readFileSync(tls.certFile, 'utf8');
    collector = new FakeCollector();
    const files = { tokenFile: join(folder, 'token'), readTokenFile: join(folder, 'read'), tls };
    access = openAccess({ ...collector.config.api, ...files }, pino({ level: 'silent' }));
    app = buildApi(collector, access.options);
    await app.listen({ port: 0, host: '127.0.0.1' });
    origin = `https://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  });
  afterEach(() => app.close());

  const open = (token?: string) =>
    SseClient.open(`${origin}/v1/stream`, {
      ca,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });

  it('needs a token for reading as other reads do', async () => {
    for (const token of [undefined, OTHER]) expect((await open(token)).status).to.equal(401);
    for (const token of [READ, 'write-token-of-the-tests']) expect((await open(token)).status).to.equal(200);
  });

  it('passes intervals of some megabytes through TLS without damage', async () => {
    const client = await open(READ);
    const infos = collector.streams();
    for (let i = 0; i < 3; i++) {
      collector.finish(T + i, { padding: 2 ** 20, infos });
      await waitFor('the interval', () => client.ids.length === i + 1);
    }
    for (const { data } of client.events)
      expect(JSON.parse(data).interval.results).to.deep.equal(infos.map((info) => rowOf(info, 2 ** 20)));
  });

  it('ends when the token is taken back, before another interval is sent', async () => {
    const client = await open(READ);
    const writer = await open('write-token-of-the-tests');
    collector.finish(T);
    await waitFor('the first interval', () => client.ids.length === 1 && writer.ids.length === 1);
    writeFileSync(join(folder, 'read'), OTHER, { mode: 0o600 });
    access.readAgain(app)();
    collector.finish(T + 10_000);
    await waitFor('the end', () => client.ended);
    await waitFor('the second interval', () => writer.ids.length === 2);
    expect(client.ids).to.deep.equal([writer.ids[0]]);
  });
});
