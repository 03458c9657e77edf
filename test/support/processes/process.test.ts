/** Helpers that run processes and speak HTTP to them: what they promise when things go wrong. */

import { spawn } from 'node:child_process';
import { expect } from 'chai';
import { waitFor } from '../harness/wait.js';
import { freePort, HttpClient } from './http.js';
import { Running } from './process.js';

/** A process that says what it started as, then runs this code. */
function script(code: string): Running {
  return new Running(spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('expected a rejection with an Error');
}

describe('running process', () => {
  it('hands out the exit code and all output', async () => {
    const running = script("console.log('out'); console.error('err'); process.exitCode = 3");
    expect(await running.exited).to.deep.equal({ code: 3, signal: null });
    expect([running.stdout, running.stderr]).to.deep.equal(['out\n', 'err\n']);
  });

  it('tells at once that it ended instead of becoming ready', async () => {
    const running = script("console.error('no such file'); process.exitCode = 1");
    const error = await failure(running.until('ready', () => false, 10_000));
    expect(error.message)
      .to.match(/before ready/)
      .and.to.match(/no such file/);
  });

  it('is ended by the signal that stop is given', async () => {
    const running = script("console.log('ready'); setInterval(() => {}, 1000)");
    await running.until('ready', () => running.stdout.includes('ready'), 5_000);
    expect(await running.stop('SIGINT')).to.deep.equal({ code: null, signal: 'SIGINT' });
  });

  it('is killed, and the stop rejected, when it does not end in time', async () => {
    const running = script("process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)");
    await running.until('ready', () => running.stdout.includes('ready'), 5_000);
    expect((await failure(running.stop('SIGTERM', 100))).message).to.contain('ends after SIGTERM');
    expect(await running.exited).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });
});

describe('waiting', () => {
  it('resolves with the first answer that is neither undefined nor false', async () => {
    let calls = 0;
    expect(await waitFor('third call', () => (++calls === 3 ? 0 : undefined))).to.equal(0);
    expect(calls).to.equal(3);
  });

  it('rejects with what did not come true, and the last error as the cause', async () => {
    const boom = new Error('boom');
    const error = await failure(waitFor('the sky falls', () => Promise.reject(boom), 50));
    expect(error.message).to.equal('waited 50 ms in vain: the sky falls');
    expect(error.cause).to.equal(boom);
  });
});

describe('HTTP from another process', () => {
  let port: number;
  let server: Running;
  let client: HttpClient;

  before(async () => {
    port = await freePort();
    server = script(`
      require('node:http').createServer((request, response) => {
        let body = '';
        request.on('data', (data) => { body += data; });
        request.on('end', () => {
          response.statusCode = request.url === '/bad' ? 400 : 200;
          response.setHeader('ETag', '"1"');
          response.end(JSON.stringify({ method: request.method, type: request.headers['content-type'] ?? null, body }));
        });
      }).listen(${port}, '127.0.0.1')`);
    client = new HttpClient();
    await client.waitForHttp(`http://127.0.0.1:${port}/`, 5_000);
  });
  after(async () => {
    await client?.close();
    await server?.stop();
  });

  const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

  it('sends method and JSON, hands out status, headers and body', async () => {
    const response = await client.request('PUT', url('/x'), { a: 1 });
    expect(response.status).to.equal(200);
    expect(response.headers).to.include({ etag: '"1"' });
    expect(JSON.parse(response.body)).to.deep.equal({ method: 'PUT', type: 'application/json', body: '{"a":1}' });
  });

  it('answers requests that are under way together, each with its own', async () => {
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    const answers = await Promise.all(numbers.map((i) => client.json<{ body: string }>('POST', url('/'), i)));
    expect(answers.map(({ body }) => Number(body))).to.deep.equal(numbers);
  });

  it('rejects where the body was wanted and the status is not 2xx', async () => {
    expect((await failure(client.json('GET', url('/bad')))).message).to.contain('status 400');
  });

  it('rejects when nobody listens', async () => {
    const nobody = await freePort();
    expect((await failure(client.request('GET', `http://127.0.0.1:${nobody}/`))).message).to.contain('ECONNREFUSED');
  });

  it('rejects what waits when the fetching process is gone', async () => {
    const other = new HttpClient((command, _args, options) => spawn(command, ['-e', ''], options));
    expect((await failure(other.request('GET', url('/')))).message).to.contain('the fetching process ended');
  });
});
