/** Servers that are spoken to by the wrong protocol. */

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { HttpClient } from '../../../src/base/http/httpClient.js';
import { SYSTEM_TIMING } from '../../../src/base/timing.js';
import { ServiceClient } from '../../../src/cli/top/client.js';
import { InfluxWriter } from '../../../src/scraper/writers/influx.js';
import { HttpSource } from '../../../src/targets/http.js';
import { sampleInterval } from '../../support/fakes/intervals.js';
import { makeCertificate } from '../../support/harness/pki.js';

const never = new AbortController().signal;

async function reasonOf(asked: Promise<unknown>): Promise<string> {
  const error: unknown = await asked.catch((reason: unknown) => reason);
  return error instanceof Error ? error.message : 'no error';
}

describe('https:// where the other side speaks http', () => {
  let server: Server;
  let url: string;
  before(async () => {
    server = createServer((_request, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is reported to a writer with a remedy, without words of OpenSSL', async () => {
    const writer = new InfluxWriter({ kind: 'influx1', url, database: 'llama' }, 'x');
    expect(await reasonOf(writer.write([sampleInterval('a', 0, 1)], never))).to.match(
      /^it does not speak TLS; write http:\/\/ \([A-Z_]+\)$/,
    );
    await writer.close();
  });

  it('is told to who asks a collector in the same way', async () => {
    const client = new HttpClient({ connectMs: 5_000, headerMs: 5_000, totalMs: 5_000 });
    expect(await reasonOf(client.get(new URL(url), {}, never))).to.match(/^it does not speak TLS; write http:\/\//);
    client.close();
  });
});

/** What servers for TLS do with plain HTTP: Node and OpenSSL end the connection, others send an alert, or a page. */
const PLAIN_REFUSALS: Readonly<Record<string, string | Buffer | undefined>> = {
  'a server of Node': undefined,
  'a TLS alert': Buffer.from([21, 3, 1, 0, 2, 2, 70]),
  'a page of Go':
    'HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nClient sent an HTTP request to an HTTPS server.\n',
  'a page of nginx':
    'HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><center>The plain HTTP request was sent to HTTPS port</center></html>',
};

for (const [name, answer] of Object.entries(PLAIN_REFUSALS))
  describe(`http:// where the other side speaks TLS (${name})`, () => {
    let server: TcpServer;
    let url: string;
    let folder: string;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'llama-tls-'));
      if (answer === undefined) {
        const { certFile, keyFile } = makeCertificate(folder, 'tls');
        server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
      } else
        server = createTcpServer((socket) => {
          socket.on('error', () => {});
          socket.once('data', () => socket.end(answer));
        });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const ADVICE =
      /(^|: )(it speaks TLS; write https:\/\/|the connection was cut off before an answer; if it speaks TLS, write https:\/\/)( \([A-Z_]+\))?$/;

    it('is told to a writer, which keeps its points', async () => {
      const writer = new InfluxWriter({ kind: 'influx1', url, database: 'llama' }, 'x');
      const asked = writer.write([sampleInterval('a', 0, 1)], never);
      expect(await reasonOf(asked)).to.match(ADVICE);
      expect(await asked.catch((error: Error) => error.name)).to.equal('WriteLater');
      await writer.close();
    });

    it('is told to who asks a collector', async () => {
      const client = new HttpClient({ connectMs: 5_000, headerMs: 5_000, totalMs: 5_000 });
      expect(await reasonOf(client.get(new URL(url), {}, never))).to.match(ADVICE);
      client.close();
    });

    it('is told to llama top', async () => {
      const client = new ServiceClient(url, undefined, () => {});
      expect(await reasonOf(client.get('v1/status', {}, never))).to.match(ADVICE);
      client.close();
    });

    it('is told of a source of targets', async () => {
      const settings = {
        kind: 'http',
        url,
        refreshMs: 60_000,
        timeoutMs: 5_000,
        tokenFile: null,
        allowEmpty: false,
      } as const;
      expect(await reasonOf(new HttpSource(settings, SYSTEM_TIMING).ask(never))).to.match(ADVICE);
    });
  });
