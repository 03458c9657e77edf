import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SYSTEM_TIMING } from '../../../src/base/timing.js';
import { type HttpSettings, HttpSource } from '../../../src/targets/http.js';
import { NEVER, rejection } from '../../support/fakes/timing.js';

const LIST = '[{"targets":["10.0.0.1:8101"],"labels":{"rack":"r1"}}]';
const JSON_TYPE = { 'content-type': 'application/json' };
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(handler: Handler): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/targets` };
}

describe('targets from an HTTP server', () => {
  let handler: Handler;
  let server: Server;
  let url: string;
  let requests: IncomingMessage[];

  beforeEach(async () => {
    requests = [];
    ({ server, url } = await serve((request, response) => {
      requests.push(request);
      handler(request, response);
    }));
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const source = (more: Partial<HttpSettings> = {}): HttpSource =>
    new HttpSource(
      { kind: 'http', url, refreshMs: 60_000, timeoutMs: 5_000, tokenFile: null, allowEmpty: false, ...more },
      SYSTEM_TIMING,
    );
  const failure = async (one = source()): Promise<string> => (await rejection(one.ask(NEVER))).message;

  it('are the entries of its list', async () => {
    handler = (_, response) => response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(LIST);
    expect(await source().ask(NEVER)).to.deep.equal({
      entries: [{ address: '10.0.0.1', family: 4, port: 8101, tags: { rack: 'r1' } }],
      warnings: [],
    });
    expect(requests[0]?.headers).to.include({
      accept: 'application/json',
      'x-prometheus-refresh-interval-seconds': '60',
    });
  });

  it('are not sent again when the server says by the ETag that they are unchanged', async () => {
    handler = (request, response) =>
      request.headers['if-none-match'] === '"1"'
        ? response.writeHead(304).end()
        : response.writeHead(200, { ...JSON_TYPE, etag: '"1"' }).end(LIST);
    const one = source();
    const first = await one.ask(NEVER);
    expect(await one.ask(NEVER)).to.equal(first);
    expect(requests.map(({ headers }) => headers['if-none-match'])).to.deep.equal([undefined, '"1"']);
  });

  for (const [title, answer, why] of [
    ['an error status', (r: ServerResponse) => r.writeHead(503).end('no'), /found the HTTP status 503, expected 200/],
    ['304 without having asked', (r: ServerResponse) => r.writeHead(304).end(), /found the HTTP status 304/],
    [
      'another type',
      (r: ServerResponse) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      /found another content type, expected application\/json$/,
    ],
    ['no JSON', (r: ServerResponse) => r.writeHead(200, JSON_TYPE).end('[{'), /found text that is not JSON/],
    ['another shape', (r: ServerResponse) => r.writeHead(200, JSON_TYPE).end('{}'), /found a map, expected a list/],
    [
      'an answer that breaks off',
      (r: ServerResponse) => r.writeHead(200, { ...JSON_TYPE, 'content-length': '100' }).write('[', () => r.destroy()),
      /127\.0\.0\.1/,
    ],
  ] as const)
    it(`${title} is refused, and the error says so`, async () => {
      handler = (_, response) => {
        answer(response);
      };
      const message = await failure();
      expect(message).to.match(why);
      expect(message.startsWith(`${url}: `)).to.equal(true);
    });

  it('a server that cannot be reached is named with the reason', async () => {
    const other = await serve(() => undefined);
    other.server.close();
    await once(other.server, 'close');
    expect(await failure(source({ url: other.url }))).to.match(/ECONNREFUSED/);
  });

  it('a server that is too slow is given up in time, before and within its answer', async () => {
    for (const slow of [
      () => undefined,
      (_: IncomingMessage, response: ServerResponse) => void response.writeHead(200, JSON_TYPE).write('['),
    ]) {
      handler = slow;
      expect(await failure(source({ timeoutMs: 100 }))).to.match(/no whole answer within 100 ms/);
    }
  });

  it('an answer without end is given up at 16 MiB', async () => {
    const chunk = Buffer.alloc(2 ** 20, ' ');
    handler = (_, response) => {
      response.writeHead(200, JSON_TYPE);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    expect(await failure()).to.match(/found more than 16777216 bytes/);
  });

  it('redirects are followed, but not for ever, and not to anything but HTTP', async () => {
    handler = (request, response) =>
      request.url === '/targets'
        ? response.writeHead(302, { location: '/there' }).end()
        : response.writeHead(200, JSON_TYPE).end(LIST);
    expect((await source().ask(NEVER)).entries).to.have.length(1);
    handler = (_, response) => response.writeHead(302, { location: '/targets' }).end();
    expect(await failure()).to.match(/found more than 5 redirects/);
    handler = (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    expect(await failure()).to.match(/found a redirect that is no URL of http:.*expected one$/);
  });

  it('sends the current token of the file each time, and to no other server', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-token-'));
    const tokenFile = join(folder, 'token');
    const other = await serve((request, response) => {
      requests.push(request);
      response.writeHead(200, JSON_TYPE).end(LIST);
    });
    try {
      handler = (_, response) => response.writeHead(302, { location: other.url }).end();
      const one = source({ tokenFile });
      for (const token of ['first', 'second']) {
        writeFileSync(tokenFile, `${token}\n`);
        await one.ask(NEVER);
      }
      expect(requests.map(({ headers }) => headers.authorization)).to.deep.equal([
        'Bearer first',
        undefined,
        'Bearer second',
        undefined,
      ]);
      writeFileSync(tokenFile, 'a\nb');
      expect(await failure(one)).to.match(/expected a token in one line/);
      rmSync(tokenFile);
      expect(await failure(one))
        .to.include(`${tokenFile}: found no token file that can be read (ENOENT`)
        .and.to.include('check its path and owner');
      writeFileSync(tokenFile, 'third');
      await one.ask(NEVER);
      expect(requests.at(-2)?.headers.authorization).to.equal('Bearer third');
    } finally {
      other.server.closeAllConnections();
      other.server.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('a question under way ends when it is aborted', async () => {
    const abort = new AbortController();
    handler = () => abort.abort(new Error('the group is gone'));
    expect((await rejection(source().ask(abort.signal))).message).to.match(/the group is gone/);
  });
});
