/**
 * Against a real server with InfluxDB 2's write API (VictoriaMetrics), and against answers that it does not give, from
 * a server of the test.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Influx2Config } from '../../../../src/config/scraper/writerConfig.js';
import type { Writer } from '../../../../src/scraper/results/types.js';
import { InfluxWriter } from '../../../../src/scraper/writers/influx.js';
import { WriteLater } from '../../../../src/scraper/writers/retryableError.js';
import { sampleInterval, sampleRow, unsentRow } from '../../../support/fakes/intervals.js';
import { needs } from '../../../support/harness/needs.js';
import { type DatabaseServer, startVictoriaMetrics, victoriaExport } from '../../../support/processes/servers.js';

const never = new AbortController().signal;

function influx2(url: string, changes: Partial<Influx2Config> = {}): Writer {
  return new InfluxWriter(
    { kind: 'influx2', url, org: 'my org', bucket: 'llama', token: 't0', ...changes },
    'influx2 test',
  );
}

describe("writer to InfluxDB 2's API", () => {
  describe('of VictoriaMetrics', function () {
    this.timeout(60_000);
    let server: DatabaseServer;
    before(async function () {
      needs(this, 'victoriaMetrics');
      server = await startVictoriaMetrics();
    });
    after(() => server?.remove());

    it('writes points that read back as they were measured', async () => {
      const writer = influx2(server.url);
      const interval = {
        ...sampleInterval('host a', 0, 0),
        rows: [sampleRow({ tags: { dst_name: 'rack 1, row=2 é' } })],
      };
      expect((await writer.write([interval], never)).points).to.equal(1);
      await writer.close();
      const [rtt, ...more] = await victoriaExport(server, '{__name__="raw_stats_rtt"}');
      expect(more).to.deep.equal([]);
      expect(rtt?.metric).to.include({
        collector: 'host a',
        dst_name: 'rack 1, row=2 é',
        class: 'ef',
        dst_port: '8100',
      });
      expect(rtt?.values).to.deep.equal([0.0802]);
      expect(rtt?.timestamps).to.deep.equal([interval.endMs]);
      expect(await victoriaExport(server, '{__name__=~"raw_stats_.+"}')).to.have.length(20);
    });

    it('writes no loss for a row without sent probes', async () => {
      const writer = influx2(server.url);
      const interval = { ...sampleInterval('unsent', 0, 0), rows: [unsentRow()] };
      expect((await writer.write([interval], never)).points).to.equal(1);
      await writer.close();
      const [errors] = await victoriaExport(server, '{__name__="raw_stats_send_errors",collector="unsent"}');
      expect(errors?.values).to.deep.equal([20]);
      expect(await victoriaExport(server, '{__name__="raw_stats_loss",collector="unsent"}')).to.deep.equal([]);
    });
  });

  describe('whose answers are', () => {
    const requests: { url: string; authorization: string | undefined; body: string }[] = [];
    let answer: (response: ServerResponse, body: string) => void;
    let server: Server;
    let url: string;
    let writer: Writer | undefined;

    before((done) => {
      server = createServer((request, response) => {
        void bodyOf(request).then((body) => {
          requests.push({ url: request.url ?? '', authorization: request.headers.authorization, body });
          answer(response, body);
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
        done();
      });
    });
    beforeEach(() => requests.splice(0));
    afterEach(() => writer?.close());
    after(() => server.close());

    async function failure(changes: Partial<Influx2Config> = {}): Promise<WriteLater> {
      writer = influx2(url, changes);
      const error = await writer.write([sampleInterval('a', 1)], never).catch((error: unknown) => error);
      expect(error).to.be.instanceOf(WriteLater);
      return error as WriteLater;
    }

    it('204: it asks for the right place with the token, after a path of the base URL', async () => {
      answer = (response) => void response.writeHead(204).end();
      writer = influx2(`${url}/base/`);
      expect((await writer.write([sampleInterval('a', 1, 30)], never)).points).to.equal(30);
      expect(requests.map(({ url, authorization }) => [url, authorization])).to.deep.equal([
        ['/base/api/v2/write?org=my+org&bucket=llama&precision=ms', 'Token t0'],
      ]);
      expect(requests[0]?.body.split('\n')).to.have.length(30);
    });

    it('429 or 503 with Retry-After: it says for how long, in seconds or by a date', async () => {
      answer = (response) => void response.writeHead(503, { 'retry-after': '7' }).end();
      expect((await failure()).retryAfterMs).to.equal(7000);
      const date = new Date(Date.now() + 60_000).toUTCString();
      answer = (response) => void response.writeHead(429, { 'retry-after': date }).end('{"message":"slow down"}');
      const later = await failure();
      expect(later.retryAfterMs).to.be.within(50_000, 60_000);
      expect(later.message).to.equal('it answered 429: slow down');
    });

    it('200 with a page: it is no acknowledgement', async () => {
      answer = (response) =>
        void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>please log in</html>');
      expect((await failure()).message).to.match(/answered 200 with a body, not 204/);
    });

    it('302 to a login page: it is no acknowledgement', async () => {
      answer = (response) => void response.writeHead(302, { location: '/login' }).end();
      expect((await failure()).status).to.equal(302);
    });

    it('422 for one point: all others are written', async () => {
      answer = (response, body) => {
        if (!body.includes('dst_ip=10.2.0.17,')) response.writeHead(204).end();
        else
          response
            .writeHead(422, { 'content-type': 'application/json' })
            .end(
              '{"code":"unprocessable entity","message":"failure writing points: partial write: field type conflict dropped=1"}',
            );
      };
      writer = influx2(url);
      const { points, rejected } = await writer.write([sampleInterval('a', 1, 1000)], never);
      expect({ points, rejected }).to.deep.equal({ points: 999, rejected: 1 });
    });

    it('cut off in the midst: it is put off', async () => {
      answer = (response) => {
        response.writeHead(200, { 'content-length': '100' }).write('x');
        setImmediate(() => response.destroy());
      };
      await failure();
    });

    it('401: reads the token file again with each write', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'llama-token-'));
      try {
        const tokenFile = join(dir, 'token');
        await writeFile(tokenFile, 'old\n');
        writer = new InfluxWriter({ kind: 'influx2', url, org: 'o', bucket: 'b', tokenFile }, 'test');
        answer = (response) => void response.writeHead(401).end();
        const error = await writer.write([sampleInterval('a', 1)], never).catch((error: unknown) => error);
        expect(error)
          .to.have.property('message')
          .that.matches(/answered 401; check the token/);
        await writeFile(tokenFile, 'new\n');
        answer = (response) => void response.writeHead(204).end();
        await writer.write([sampleInterval('a', 1)], never);
        expect(requests.map(({ authorization }) => authorization)).to.deep.equal(['Token old', 'Token new']);
        await rm(tokenFile);
        const missing = await writer.write([sampleInterval('a', 1)], never).catch((error: unknown) => error);
        expect(missing)
          .to.have.property('message')
          .that.matches(/found no token file that can be read \(ENOENT/);
      } finally {
        await rm(dir, { recursive: true });
      }
    });

    it('none, when the scraper ends: the write ends at once', async () => {
      answer = () => undefined;
      const ending = new AbortController();
      writer = influx2(url, { timeoutMs: 60_000 });
      const write = writer.write([sampleInterval('a', 1)], ending.signal).catch((error: unknown) => error);
      setImmediate(() => ending.abort());
      expect(await write).to.be.instanceOf(WriteLater);
    });
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8');
}
