import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { HttpClient } from '../../../../src/base/http/httpClient.js';

const never = new AbortController().signal;
const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it was answered',
    (error: Error) => error.message,
  );

describe('HttpClient', () => {
  let server: Server;
  let client: HttpClient;
  let url: URL;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/results`);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    client = new HttpClient({ connectMs: 5_000, headerMs: 5_000, totalMs: 5_000 }, 1_000);
  });
  afterEach(() => client.close());

  it('sends its name, and resolves with any status', async () => {
    answer = ({ headers }, response) => response.writeHead(418).end(`${headers['user-agent']} ${headers.accept}`);
    const { status, content } = await client.get(url, {}, never);
    expect(status).to.equal(418);
    expect(content.toString()).to.match(/^llama\/\S+ application\/json$/);
  });

  it('refuses an answer above the size limit', async () => {
    answer = (_request, response) => void response.end(Buffer.alloc(1_001));
    expect(await messageOf(client.get(url, {}, never))).to.equal('found more than 1000 bytes, expected fewer');
    expect((await client.get(url, {}, never, { mostBytes: 2_000 })).content.length).to.equal(1_001);
  });

  it('names the expired limit: before the answer, or before its end', async () => {
    const hasty = new HttpClient({ connectMs: 5_000, headerMs: 50, totalMs: 5_000 });
    answer = () => {};
    expect(await messageOf(hasty.get(url, {}, never))).to.equal('no answer within 50 ms');
    hasty.close();
    const impatient = new HttpClient({ connectMs: 5_000, headerMs: 5_000, totalMs: 100 });
    answer = (_request, response) => response.writeHead(200).write('[');
    expect(await messageOf(impatient.get(url, {}, never))).to.equal('no whole answer within 100 ms');
    impatient.close();
  });

  it('reports a truncated answer', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('12345', () => response.destroy());
    };
    expect(await messageOf(client.get(url, {}, never))).to.match(/^the connection was cut off/);
  });

  describe('an endless answer', () => {
    it('resolves at its start, and may exceed the time limit of whole answers', async () => {
      const hasty = new HttpClient({ connectMs: 5_000, headerMs: 5_000, totalMs: 1 });
      let finish = (): void => {};
      answer = (_request, response) => {
        response.writeHead(200).write('first');
        finish = () => response.end('last');
      };
      const response = await hasty.open(url, { accept: 'text/event-stream' }, never);
      const [first] = (await once(response.setEncoding('utf8'), 'data')) as [string];
      expect(first).to.equal('first');
      finish();
      const [last] = (await once(response, 'data')) as [string];
      expect(last).to.equal('last');
      hasty.close();
    });

    it('ends when it is aborted', async () => {
      answer = (_request, response) => response.writeHead(200).write('first');
      const abort = new AbortController();
      const response = await client.open(url, {}, abort.signal);
      const failed = once(response, 'error');
      response.resume();
      abort.abort();
      const [error] = (await failed) as [Error];
      expect(error.name).to.be.oneOf(['AbortError', 'Error']);
      expect(response.destroyed).to.equal(true);
    });

    it('rejects without a listener, with advice', async () => {
      const closed = createServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const gone = new URL(`http://127.0.0.1:${(closed.address() as AddressInfo).port}`);
      closed.close();
      await once(closed, 'close');
      expect(await messageOf(client.open(gone, {}, never))).to.equal(
        'connection refused; does it run, and is that its port? (ECONNREFUSED)',
      );
    });
  });
});
