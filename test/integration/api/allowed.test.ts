/**
 * What a client with the right to change groups can have a collector read, send and show: a real collector, files and
 * servers.
 */

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { waitFor } from '../../support/harness/wait.js';

const SECRET = 's3cret-b7d1c2';
const LIST = '[{"targets":["127.0.0.1"]}]';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('a group set by REST', () => {
  let folder: string;
  let inside: string;
  let server: Server;
  let url: string;
  let requests: IncomingMessage[];
  let reply: { readonly status: number; readonly headers: Record<string, string>; readonly body: string };
  let collector: Collector;
  let app: FastifyInstance;
  let log: string;

  before(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      response.writeHead(reply.status, reply.headers).end(reply.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-rest-files-'));
    inside = join(folder, 'inside');
    mkdirSync(inside);
    writeFileSync(join(folder, 'token'), `${SECRET}\n`);
    requests = [];
    reply = { status: 200, headers: JSON_TYPE, body: LIST };
    log = '';
  });
  afterEach(async () => {
    await end();
    rmSync(folder, { recursive: true });
  });

  async function start(api: object = {}, groups: object = {}): Promise<void> {
    const text = JSON.stringify({
      collector: { interval: '1s', workers: 1 },
      source: { ports: 1 },
      stateDir: join(folder, 'state'),
      api,
      groups,
    });
    const sink = new Writable({
      write: (chunk, _encoding, done) => {
        log += String(chunk);
        done();
      },
    });
    const logger = pino({ level: 'debug' }, sink);
    collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger });
    await collector.measure();
    app = buildApi(collector, { logger });
  }
  async function end(): Promise<void> {
    await app?.close();
    await collector?.close(0);
  }
  const put = (payload: object) => app.inject({ method: 'PUT', url: '/v1/groups/mesh', payload });
  const problemAt = async (payload: object): Promise<[number, string]> => {
    const answer = await put(payload);
    return [answer.statusCode, answer.json().problems?.[0]?.path];
  };
  /** Everything that a reader sees. */
  const shown = async (): Promise<string> => {
    const pages = ['/v1/groups', '/v1/groups/mesh', '/v1/status', '/metrics'];
    return (await Promise.all(pages.map(async (page) => (await app.inject(page)).body))).join('\n');
  };
  const failed = () => waitFor('the error', () => collector.discoveryStatus('mesh')?.error ?? undefined);

  it('names no file and no URL unless the config says so', async () => {
    await start();
    const targets = ['127.0.0.1'];
    expect(await problemAt({ fromFile: { path: join(folder, 'token') } })).to.deep.equal([400, '/fromFile/path']);
    expect(await problemAt({ keyFile: join(folder, 'token'), targets })).to.deep.equal([400, '/keyFile']);
    expect(await problemAt({ fromHttp: { url } })).to.deep.equal([400, '/fromHttp/url']);
    await end();
    await start({ allowedUrls: [url] });
    const source = { fromHttp: { url, tokenFile: join(folder, 'token') } };
    expect(await problemAt(source)).to.deep.equal([400, '/fromHttp/tokenFile']);
    expect(requests).to.deep.equal([]);
    expect(log).not.to.include(SECRET);
  });

  for (const [title, text] of [
    ['a token', SECRET],
    ['text that is nearly JSON', `[{"targets": ["${SECRET}`],
    ['text that is nearly YAML', `a: ${SECRET}\n  b: [*${SECRET}`],
    ['a map', `${SECRET}: ${SECRET}`],
    ['a list of texts', `- ${SECRET}`],
    ['a target', `[{"targets": ["${SECRET}"]}]`],
    ['another target', `[{"targets": ["127.0.0.1", "http://${SECRET}/"]}]`],
    ['a label', `[{"targets": ["127.0.0.1"], "labels": {"${SECRET}": {"${SECRET}": 1}}}]`],
    ['a key twice', `[{"${SECRET}": 1, "${SECRET}": 2}, {targets: ["127.0.0.1"]}]`],
    ['keys twice in YAML', `- ${SECRET}: 1\n  ${SECRET}: 2\n`],
  ] as const)
    it(`shows nothing of a file or a body that is no list: ${title}`, async () => {
      writeFileSync(join(inside, 'list'), text);
      await start({ allowedDirectories: [inside], allowedUrls: [url] });
      const seen = (): boolean => {
        const status = collector.discoveryStatus('mesh');
        return status?.error !== null || status.updatedAt !== null;
      };
      expect((await put({ fromFile: { path: join(inside, 'list') } })).statusCode).to.equal(201);
      await waitFor('an answer', seen);
      expect(await shown()).not.to.include(SECRET);
      reply = { ...reply, body: text };
      expect((await put({ fromHttp: { url } })).statusCode).to.equal(200);
      await waitFor('a request', () => requests.length > 0);
      await waitFor('an answer', seen);
      expect(await shown()).not.to.include(SECRET);
      expect(log).not.to.include(SECRET);
    });

  it('shows nothing of the headers of a server, and says that a body is compressed', async () => {
    await start({ allowedUrls: [url] });
    for (const [headers, says] of [
      [{ 'content-type': `text/${SECRET}` }, /another content type/],
      [JSON_TYPE, /compressed data \(gzip\)/],
    ] as const) {
      reply = { status: 200, headers, body: '\u001f' };
      if (headers === JSON_TYPE) {
        server.removeAllListeners('request');
        server.once('request', (_request, response) =>
          response.writeHead(200, headers).end(Buffer.from([0x1f, 0x8b, 8])),
        );
      }
      await put({ fromHttp: { url, refresh: headers === JSON_TYPE ? '1m' : '2m' } });
      await waitFor('the error', () => says.test(collector.discoveryStatus('mesh')?.error ?? ''));
    }
    expect(`${await shown()}${log}`).not.to.include(SECRET);
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      requests.push(request);
      response.writeHead(reply.status, reply.headers).end(reply.body);
    });
  });

  it('reads in the directories that the config names, not behind a link that leads out, also when it is made later', async () => {
    await start({ allowedDirectories: [inside] });
    const path = join(inside, 'list');
    writeFileSync(path, LIST);
    expect((await put({ fromFile: { path, refresh: '1s' } })).statusCode).to.equal(201);
    await waitFor('the target', () => collector.group('mesh')?.targets.length === 1);
    writeFileSync(join(folder, 'elsewhere'), '[{"targets":["127.0.0.2"]}]');
    rmSync(path);
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(await failed()).to.match(/a symbolic link that leads elsewhere, expected a file in a directory/);
    expect(collector.group('mesh')?.targets.map(({ address }) => address)).to.deep.equal(['127.0.0.1']);
    expect(await problemAt({ fromFile: { path } })).to.deep.equal([400, '/fromFile/path']);
  });

  it('is not led elsewhere by a redirect, and takes no token there', async () => {
    writeFileSync(join(inside, 'token'), SECRET);
    await start({ allowedDirectories: [inside], allowedUrls: [`${url}/targets`] });
    for (const location of ['/secret', `${url}/targets2`, 'http://127.0.0.1:9/targets']) {
      requests = [];
      reply = { status: 302, headers: { location }, body: '' };
      await put({ fromHttp: { url: `${url}/targets`, tokenFile: join(inside, 'token') } });
      await waitFor('a request', () => requests.length > 0);
      expect(await failed()).to.match(/found a redirect elsewhere, expected a URL below one that api\.allowedUrls/);
      expect(requests.map((request) => request.url)).to.deep.equal(['/targets']);
      await app.inject({ method: 'DELETE', url: '/v1/groups/mesh' });
    }
    reply = { status: 200, headers: JSON_TYPE, body: LIST };
    await put({ fromHttp: { url: `${url}/targets/west` } });
    await waitFor('the target', () => collector.group('mesh')?.targets.length === 1);
  });

  it('may keep the source that the config file gives to the group of its name', async () => {
    const path = join(folder, 'list');
    writeFileSync(path, LIST);
    await start({}, { mesh: { fromFile: { path } } });
    expect((await put({ fromFile: { path }, period: '2s' })).statusCode).to.equal(200);
    await waitFor('the target', () => collector.group('mesh')?.targets.length === 1);
    await end();
    await start({}, { mesh: { fromFile: { path } } });
    expect(collector.suspendedGroups()).to.deep.equal([]);
    expect(collector.group('mesh')?.periodNs).to.equal(2e9);
  });

  it('is suspended with a warning when the state directory has it and the config does not allow it any more', async () => {
    writeFileSync(join(inside, 'list'), LIST);
    await start({ allowedDirectories: [inside] });
    await put({ fromFile: { path: join(inside, 'list') } });
    await waitFor('the target', () => collector.group('mesh')?.targets.length === 1);
    await end();
    await start();
    expect(collector.group('mesh')).to.equal(undefined);
    const { notInForce } = (await app.inject('/v1/groups')).json();
    expect(notInForce[0].notInForce).to.match(/\/fromFile\/path: found .*api\.allowedDirectories/);
    expect(collector.status().warnings.join()).to.match(/mesh.*allowedDirectories/);
    expect(log).to.match(/is not in force/);
    expect(readFileSync(join(folder, 'state', 'mesh.group.json'), 'utf8')).to.include('fromFile');
    await end();
    await start({ allowedDirectories: [inside] });
    await waitFor('the target', () => collector.group('mesh')?.targets.length === 1);
  });
});
