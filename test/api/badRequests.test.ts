/** What clients get wrong, one row each: the answer names the code, what was found and what to do, and the service goes on. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../src/api/app.js';
import { Tokens } from '../../src/api/tokens.js';
import { ERROR_TABLE, type ErrorCode } from '../../src/errors.js';
import { FakeCollector } from '../support/fake-collector.js';

const BODY_LIMIT_BYTES = 20_000;
const WRITE = 'write-token-of-the-tests';
const READ = 'read-token-of-the-tests';

interface BadRequest {
  readonly title: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is text, else as JSON with its content type. */
  readonly body?: unknown;
  readonly code: ErrorCode;
  /** In `detail`. */
  readonly says: RegExp;
  /** JSON pointers of the single problems. */
  readonly at?: readonly string[];
}

const JSON_TYPE = { 'content-type': 'application/json' };
const WEST = '/v1/groups/west';
const put = (title: string, body: unknown, says: RegExp, more: Partial<BadRequest> = {}): BadRequest => ({
  title,
  method: 'PUT',
  path: WEST,
  body,
  code: 'LLAMA_GROUP_INVALID',
  says,
  ...more,
});
const query = (path: string, says: RegExp): BadRequest => ({
  title: path,
  path,
  code: 'LLAMA_REQUEST_INVALID',
  says,
  at: [`/query/${/\?(\w+)/.exec(path)?.[1]}`],
});
const nowhere = (method: string, path: string): BadRequest => ({
  title: `${method} ${path}`,
  method,
  path,
  code: 'LLAMA_NOT_FOUND',
  says: /expected a method and path of this API/,
});
const targets = ['10.0.0.1'];

const BAD_REQUESTS: readonly BadRequest[] = [
  query('/v1/results?after=yesterday', /found "yesterday" for the query parameter after, expected cursor: "next"/),
  query('/v1/results?after=-1', /found "-1"|found -1/),
  query('/v1/results?after=1.5', /query parameter after/),
  query('/v1/results?after=99999999999999999999', /query parameter after/),
  query('/v1/results?limit=0', /expected most intervals in the answer, 1 to 10000/),
  query('/v1/results?limit=10001', /expected most intervals in the answer, 1 to 10000/),
  query('/v1/results?histograms=yes', /found "yes" for the query parameter histograms/),
  query('/v1/results?targt=10.0.0.1', /found the query parameter "targt", expected one of .*; did you mean "target"\?/),
  query('/v1/paths?limit=many', /expected most paths, 1 to 1000000/),
  query('/v1/paths?worst=1', /found the query parameter "worst"/),
  query('/v1/status?verbose=1', /expected no query parameters/),
  query('/v1/groups?name=west', /expected no query parameters/),
  query('/openapi.json?version=2', /expected no query parameters/),
  nowhere('GET', '/'),
  nowhere('GET', '/v2/results'),
  nowhere('GET', '/v1/results/'),
  nowhere('GET', '/v1/../../etc/passwd'),
  nowhere('POST', '/v1/results'),
  nowhere('DELETE', '/v1/groups'),
  nowhere('OPTIONS', '/v1/groups'),
  {
    title: 'a badly encoded path',
    path: '/v1/groups/%E0%A4%A',
    code: 'LLAMA_REQUEST_INVALID',
    says: /%E0%A4%A/,
  },
  {
    title: 'a group that is not there',
    path: '/v1/groups/nowhere',
    code: 'LLAMA_GROUP_UNKNOWN',
    says: /found the group name "nowhere", expected one of west, east/,
  },
  {
    title: 'the removal of a group that is not there',
    method: 'DELETE',
    path: '/v1/groups/nowhere',
    code: 'LLAMA_GROUP_UNKNOWN',
    says: /found the group name "nowhere"/,
  },
  put('a name with a space', { targets }, /found the group name "a b"/, { path: '/v1/groups/a%20b' }),
  put('a name that leads out', { targets }, /found the group name "\.\.\/x"/, { path: '/v1/groups/..%2Fx' }),
  put('a name that is too long', { targets }, /found the group name "x+/, { path: `/v1/groups/${'x'.repeat(65)}` }),
  put('a group without targets', {}, /targets/, { at: ['/targets'] }),
  put('an empty list of targets', { targets: [] }, /at least one target/, { at: ['/targets'] }),
  put('a host name for an address', { targets: ['host.example'] }, /found "host\.example"/, { at: ['/targets/0'] }),
  put('an address twice', { targets: ['10.0.0.1', '10.0.0.1'] }, /10\.0\.0\.1/, { at: ['/targets/1'] }),
  put('a multicast address', { targets: ['224.0.0.1'] }, /multicast/, { at: ['/targets/0'] }),
  put('a number for an address', { targets: [{ address: 5 }] }, /found 5/, { at: ['/targets/0/address'] }),
  put('a tag that is no text', { targets: [{ address: '10.0.0.1', tags: { rack: 7 } }] }, /found 7, expected text/, {
    at: ['/targets/0/tags/rack'],
  }),
  put('a key that is misspelt', { targets, perod: '1s' }, /did you mean "period"/, { at: ['/perod'] }),
  put('a period without a unit', { targets, period: 1 }, /found 1, expected a duration/, { at: ['/period'] }),
  put('a period that is too short', { targets, period: '1us' }, /found "1us", expected a duration/, {
    at: ['/period'],
  }),
  put('a timeout that is too long', { targets, timeout: '61s' }, /found "61s", expected a duration/, {
    at: ['/timeout'],
  }),
  put('a port beyond the last', { targets, port: 65_536 }, /found 65536, expected a port/, { at: ['/port'] }),
  put('a class that is none', { targets, classes: ['af44'] }, /found "af44", expected a class/, { at: ['/classes/0'] }),
  put('a payload that no packet fits in', { targets, payloadBytes: 43 }, /found 43/, { at: ['/payloadBytes'] }),
  put('an unknown protocol', { targets, protocol: 'http' }, /found "http"/, { at: ['/protocol'] }),
  put('several mistakes at once', { targets: ['x'], port: 0, period: 'soon' }, /x[\s\S]*0|0[\s\S]*x/, {
    at: ['/targets/0', '/port', '/period'],
  }),
  put('a list for a group', [], /expected a map with targets/),
  put('null for a group', 'null', /expected a map with targets/, { headers: JSON_TYPE }),
  put(
    'a plan that is too large',
    { period: '1ms', timeout: '60s', targets: Array.from({ length: 60 }, (_, i) => `10.0.0.${i + 1}`) },
    /expected at most 256MiB/,
    { code: 'LLAMA_PLAN_TOO_LARGE' },
  ),
  put('a body that is no JSON', '{"targets": [', /JSON/, { headers: JSON_TYPE, code: 'LLAMA_REQUEST_INVALID' }),
  put('an empty body', '', /empty/i, { headers: JSON_TYPE, code: 'LLAMA_REQUEST_INVALID' }),
  put('a body that reaches for prototypes', '{"__proto__": {"a": 1}}', /not valid JSON/, {
    headers: JSON_TYPE,
    code: 'LLAMA_REQUEST_INVALID',
  }),
  put(
    'a body of YAML',
    'targets: [10.0.0.1]',
    /found the content type "application\/yaml", expected application\/json/,
    {
      headers: { 'content-type': 'application/yaml' },
      code: 'LLAMA_MEDIA_TYPE',
    },
  ),
  put('a form', 'targets=10.0.0.1', /expected application\/json/, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    code: 'LLAMA_MEDIA_TYPE',
  }),
  put('a body that is too large', `"${'x'.repeat(BODY_LIMIT_BYTES)}"`, /expected less, send the targets as several/, {
    headers: JSON_TYPE,
    code: 'LLAMA_BODY_TOO_LARGE',
  }),
  {
    title: 'reading without a token',
    path: '/v1/results',
    headers: { authorization: '' },
    code: 'LLAMA_UNAUTHORIZED',
    says: /expected the header "Authorization: Bearer TOKEN"/,
  },
  {
    title: 'a wrong token',
    path: '/v1/results',
    headers: { authorization: 'Bearer guess' },
    code: 'LLAMA_UNAUTHORIZED',
    says: /found a token that is not valid/,
  },
  {
    title: 'a name and a password',
    path: '/v1/results',
    headers: { authorization: `Basic ${Buffer.from(`llama:${WRITE}`).toString('base64')}` },
    code: 'LLAMA_UNAUTHORIZED',
    says: /found a token that is not valid/,
  },
  put('a token for reading', { targets }, /found a token that allows reading only/, {
    headers: { ...JSON_TYPE, authorization: `Bearer ${READ}` },
    code: 'LLAMA_FORBIDDEN',
  }),
  {
    title: 'the removal of a group with a token for reading',
    method: 'DELETE',
    path: WEST,
    headers: { authorization: `Bearer ${READ}` },
    code: 'LLAMA_FORBIDDEN',
    says: /expected the token of api\.tokenFile/,
  },
];

/** Bytes that are not even a request; they are answered on the bare socket, which is closed then. */
const BROKEN: Readonly<Record<string, string>> = {
  'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  'a TLS greeting': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'an unknown method': 'BREW /v1/status HTTP/1.1\r\nhost: a\r\n\r\n',
  'a header without a name': 'GET /v1/status HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n',
  'two lengths': 'PUT /v1/groups/west HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
  'a length and chunks':
    'PUT /v1/groups/west HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'a length that is none': 'PUT /v1/groups/west HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n',
  'headers beyond all measure': `GET /v1/status HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
};

describe('bad requests', () => {
  let folder: string;
  let app: FastifyInstance;
  let port: number;
  let collector: FakeCollector;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-bad-'));
    const files = { tokenFile: join(folder, 'token'), readTokenFile: join(folder, 'read') };
    writeFileSync(files.tokenFile, WRITE, { mode: 0o600 });
    writeFileSync(files.readTokenFile, READ, { mode: 0o600 });
    collector = new FakeCollector();
    collector.finish(10_000);
    app = buildApi(collector, { bodyLimitBytes: BODY_LIMIT_BYTES, tokens: new Tokens(files, () => {}) });
    await app.listen({ port: 0, host: '127.0.0.1' });
    port = (app.server.address() as AddressInfo).port;
  });
  after(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });

  async function send(bad: Pick<BadRequest, 'method' | 'path' | 'headers' | 'body'>) {
    const { method = 'GET', path, body } = bad;
    const written = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = body === undefined || typeof body === 'string' ? {} : JSON_TYPE;
    const { authorization = `Bearer ${WRITE}`, ...others } = { ...type, ...bad.headers } as Record<string, string>;
    const headers = authorization === '' ? others : { ...others, authorization };
    return new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        const { statusCode = 0, headers: answered } = response;
        text(response).then(
          (got) => resolve({ status: statusCode, type: answered['content-type'] ?? '', body: got }),
          reject,
        );
      });
      outgoing.on('error', reject);
      outgoing.end(written);
    });
  }

  afterEach('the service goes on, and nothing was changed', async () => {
    expect((await send({ path: '/v1/results' })).status).to.equal(200);
    expect(collector.groups().map(({ name }) => name)).to.deep.equal(['west', 'east']);
  });

  it('are many', () => {
    expect(BAD_REQUESTS.length + Object.keys(BROKEN).length).to.be.at.least(60);
  });

  for (const bad of BAD_REQUESTS)
    it(`${bad.title}: ${bad.code}`, async () => {
      const { status, type, body } = await send(bad);
      expect(status, body).to.equal(ERROR_TABLE[bad.code].status);
      expect(type).to.match(/^application\/problem\+json/);
      const problem = JSON.parse(body);
      expect(problem).to.include({
        status,
        code: bad.code,
        title: ERROR_TABLE[bad.code].title,
        type: `urn:llama:error:${bad.code}`,
      });
      expect(problem.detail).to.match(bad.says);
      expect(problem.instance).to.match(/^urn:llama:request:[\w.:-]+$/);
      if (bad.at !== undefined)
        expect(problem.problems.map((one: { path: string }) => one.path)).to.have.members(bad.at);
      expect(body).not.to.match(/ at .*\.[jt]s|node_modules/);
      expect(body).not.to.include(WRITE);
    });

  for (const [title, bytes] of Object.entries(BROKEN))
    it(`${title}: LLAMA_REQUEST_INVALID`, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write(bytes, 'latin1');
      const [head, body] = (await text(socket)).split('\r\n\r\n');
      expect(head)
        .to.match(/^HTTP\/1\.1 400 Bad Request\r\n/)
        .and.include('application/problem+json');
      expect(JSON.parse(body ?? '')).to.include({ code: 'LLAMA_REQUEST_INVALID', status: 400 });
    });

  it('a client that goes away in the middle of its request is forgotten', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `PUT ${WEST} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"tar`,
    );
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
  });
});
