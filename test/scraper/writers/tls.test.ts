/** A database that is spoken to by the wrong protocol. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { HttpClient } from '../../../src/net/httpClient.js';
import { InfluxWriter } from '../../../src/scraper/writers/influx.js';
import { sampleInterval } from '../samples.js';

const never = new AbortController().signal;

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

  const reasonOf = async (asked: Promise<unknown>): Promise<string> => {
    const error: unknown = await asked.catch((reason: unknown) => reason);
    return error instanceof Error ? error.message : 'no error';
  };

  it('is told to a writer with what to write, without words of OpenSSL', async () => {
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
