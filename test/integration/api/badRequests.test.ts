/** What clients get wrong, one row each: the answer names code, place and remedy, and the collector measures on. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../src/api/collector/app.js';
import { Tokens } from '../../../src/api/server/tokens.js';
import { ERROR_TABLE, type ErrorCode } from '../../../src/base/errors.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import type { ResultsAnswer } from '../../support/harness/contract.js';
import { silent, startReflector } from '../../support/harness/live.js';
import { waitFor } from '../../support/harness/wait.js';

const BODY_LIMIT_BYTES = 20_000;
const WRITE = 'write-token-of-the-tests';
const READ = 'read-token-of-the-tests';

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is text, else as JSON with its content type. */
  readonly body?: unknown;
}

/**
 * Where the answer says that something is wrong: JSON pointers of its `problems`, line and column of the first; or the
 * thing's name in `detail`.
 */
type Place = { readonly at: readonly string[]; readonly position?: readonly [line: number, column: number] } | string;

interface BadRequest extends Sent {
  readonly title: string;
  readonly code: ErrorCode;
  readonly place: Place;
  /** What was found, at the place. */
  readonly found: RegExp;
  /** What was expected or is to be done, behind what was found. */
  readonly remedy: RegExp;
}

type Row = readonly [title: string, body: unknown, place: Place, found: RegExp, remedy: RegExp];

const JSON_TYPE = { 'content-type': 'application/json' };
const WEST = '/v1/groups/west';
const put = ([title, body, place, found, remedy]: Row, more: Partial<BadRequest> = {}): BadRequest => ({
  title,
  method: 'PUT',
  path: WEST,
  body,
  code: 'LLAMA_GROUP_INVALID',
  place,
  found,
  remedy,
  ...more,
});
const at = (...pointers: string[]): Place => ({ at: pointers });
const post = (...row: Row): BadRequest => put(row, { method: 'POST', path: '/v1/groups' });
const patch = (...row: Row): BadRequest => put(row, { method: 'PATCH', path: `${WEST}/targets` });
const json = (title: string, body: string, place: Place, found: RegExp, remedy: RegExp): BadRequest =>
  put([title, body, place, found, remedy], { headers: JSON_TYPE, code: 'LLAMA_REQUEST_INVALID' });
const query = (path: string, found: RegExp, remedy: RegExp): BadRequest => ({
  title: path,
  path,
  code: 'LLAMA_REQUEST_INVALID',
  place: at(`/query/${/[?&](\w+)=[^&]*$/.exec(path)?.[1]}`),
  found,
  remedy,
});
const nowhere = (method: string, path: string, remedy = /\/openapi\.json lists them/): BadRequest => ({
  title: `${method} ${path}`,
  method,
  path,
  code: 'LLAMA_NOT_FOUND',
  place: `${method} ${path}`,
  found: /found /,
  remedy,
});
const method = (name: string, path: string, allowed: string): BadRequest => ({
  title: `${name} ${path}`,
  method: name,
  path,
  code: 'LLAMA_METHOD_NOT_ALLOWED',
  place: `${name} ${path}`,
  found: /found /,
  remedy: new RegExp(`expected one of the methods ${allowed}; /openapi\\.json`),
});
const targets = ['10.0.0.1'];
const NAME = /expected 1 to 64 letters, digits, dots/;
const FILTERS = /GET \/v1\/groups lists them/;

const BAD_REQUESTS: readonly BadRequest[] = [
  query('/v1/results?after=yesterday', /found "yesterday" for the query parameter after/, /expected cursor: "next"/),
  query('/v1/results?after=-1', /found -1 /, /expected cursor/),
  query('/v1/results?after=1.5', /query parameter after/, /expected cursor/),
  query('/v1/results?after=99999999999999999999', /query parameter after/, /expected cursor/),
  query('/v1/results?limit=0', /found 0 /, /expected most intervals in the answer, 1 to 10000/),
  query('/v1/results?limit=10001', /found 10001 /, /expected most intervals in the answer, 1 to 10000/),
  query('/v1/results?histograms=yes', /found "yes" for the query parameter histograms/, /expected 1: with/),
  query('/v1/results?targt=10.0.0.1', /found the query parameter "targt"/, /did you mean "target"\?/),
  query('/v1/results?class=eff', /found "eff"/, /did you mean "ef"\?/),
  query('/v1/results?class=64', /found "64"/, /a DSCP from 0 to 63/),
  query('/v1/results?class=', /found ""/, /expected a class: cs0/),
  query('/v1/results?target=10.0.0', /found "10\.0\.0"/, /expected the IPv4 or IPv6 address of a target/),
  query('/v1/results?target=10.0.0.1:8100', /found "10\.0\.0\.1:8100"/, /without a port/),
  query('/v1/results?target=10.0.0.1&target=10.0.0.2', /found a list/, /expected address of a target/),
  query('/v1/results?group=a%20b', /found "a b"/, FILTERS),
  query('/v1/paths?class=best', /found "best"/, /expected a class: cs0/),
  query('/v1/paths?target=host-b.example', /found "host-b\.example"/, /expected the IPv4 or IPv6 address/),
  query('/v1/paths?group=', /found ""/, FILTERS),
  query('/v1/stream?class=eff', /found "eff"/, /did you mean "ef"\?/),
  query('/v1/stream?target=10.0.0', /found "10\.0\.0"/, /expected the IPv4 or IPv6 address of a target/),
  query('/v1/paths?limit=many', /found "many"/, /expected most paths, 1 to 1000000/),
  query('/v1/paths?worst=1', /found the query parameter "worst"/, /expected one of group, target, class/),
  query('/v1/status?verbose=1', /found the query parameter "verbose"/, /expected no query parameters/),
  query('/v1/groups?name=west', /found the query parameter "name"/, /expected no query parameters/),
  query('/openapi.json?version=2', /found the query parameter "version"/, /expected no query parameters/),
  nowhere('GET', '/nothing'),
  nowhere('GET', '/v2/results', /did you mean \/v1\/results\?/),
  nowhere('GET', '/v1/results/', /did you mean \/v1\/results\?/),
  nowhere('GET', '/v1/../../etc/passwd'),
  nowhere('DELETE', '/nothing/at/all/of/this/name'),
  method('POST', '/v1/results', 'GET, HEAD'),
  method('DELETE', '/v1/groups', 'GET, HEAD, POST'),
  method('OPTIONS', '/v1/groups', 'GET, HEAD, POST'),
  method('POST', '/v1/groups/west', 'DELETE, GET, HEAD, PUT'),
  method('PUT', '/v1/groups/west/targets', 'PATCH'),
  {
    ...method('POST', '/v1/results', 'GET, HEAD'),
    title: 'a body for an address that takes none',
    body: 'a: b',
    headers: { 'content-type': 'application/yaml' },
  },
  {
    title: 'a badly encoded path',
    path: '/v1/groups/%E0%A4%A',
    code: 'LLAMA_REQUEST_INVALID',
    place: '/v1/groups/%E0%A4%A',
    found: /found the path/,
    remedy: /encode names as encodeURIComponent does/,
  },
  {
    title: 'a group that is not there',
    path: '/v1/groups/nowhere',
    code: 'LLAMA_GROUP_UNKNOWN',
    place: '"nowhere"',
    found: /found the group name "nowhere"/,
    remedy: /expected one of west, east/,
  },
  {
    title: 'the removal of a group that is not there',
    method: 'DELETE',
    path: '/v1/groups/nowhere',
    code: 'LLAMA_GROUP_UNKNOWN',
    place: '"nowhere"',
    found: /found the group name "nowhere"/,
    remedy: /expected one of west, east/,
  },
  put(['a name with a space', { targets }, at(''), /found the group name "a b"/, NAME], { path: '/v1/groups/a%20b' }),
  put(['a name that leads out', { targets }, at(''), /found the group name "\.\.\/x"/, NAME], {
    path: '/v1/groups/..%2Fx',
  }),
  put(['a name that is too long', { targets }, at(''), /found the group name "x+/, NAME], {
    path: `/v1/groups/${'x'.repeat(65)}`,
  }),
  ...(
    [
      ['a group without targets', {}, at('/targets'), /found nothing/, /expected a list of at least one target/],
      ['an empty list of targets', { targets: [] }, at('/targets'), /found an empty list/, /at least one target/],
      ['a host name for an address', { targets: ['host.example'] }, at('/targets/0'), /"host\.example"/, /look it up/],
      ['an address twice', { targets: ['10.0.0.1', '10.0.0.1'] }, at('/targets/1'), /second time/, /remove one of/],
      ['a multicast address', { targets: ['224.0.0.1'] }, at('/targets/0'), /a multicast address/, /of a host/],
      ['a network', { targets: ['10.0.0.0/24'] }, at('/targets/0'), /"10\.0\.0\.0\/24"/, /list its addresses/],
      ['an address with a port', { targets: ['10.0.0.1:8100'] }, at('/targets/0'), /:8100"/, /write \{ address: /],
      [
        'a number for an address',
        { targets: [{ address: 5 }] },
        at('/targets/0/address'),
        /found 5/,
        /expected an IPv4/,
      ],
      [
        'a tag that is no text',
        { targets: [{ address: '10.0.0.1', tags: { rack: 7 } }] },
        at('/targets/0/tags/rack'),
        /found 7/,
        /put numbers, true and false in quotes/,
      ],
      ['a key that is misspelt', { targets, perod: '1s' }, at('/perod'), /found "perod"/, /did you mean "period"/],
      ['a period without a unit', { targets, period: 1 }, at('/period'), /found 1,/, /expected a duration such as/],
      ['a period that is too short', { targets, period: '1us' }, at('/period'), /found "1us"/, /from 1ms to 1h/],
      ['a timeout that is too long', { targets, timeout: '61s' }, at('/timeout'), /found "61s"/, /from 1ms to 60s/],
      ['a port beyond the last', { targets, port: 65_536 }, at('/port'), /found 65536/, /an integer from 1 to 65535/],
      ['a class that is none', { targets, classes: ['af44'] }, at('/classes/0'), /"af44"/, /did you mean "af4\d"\?/],
      ['a payload without room', { targets, payloadBytes: 43 }, at('/payloadBytes'), /found 43/, /an integer from 44/],
      ['an unknown protocol', { targets, protocol: 'http' }, at('/protocol'), /found "http"/, /expected stamp/],
      [
        'two kinds of targets',
        { targets, fromDns: { name: 'a.b' } },
        at('/fromDns'),
        /beside targets/,
        /remove one of/,
      ],
      ['a list for a group', [], at(''), /found an empty list/, /expected a map with targets/],
      ['another name than that of the address', { name: 'x', targets }, at('/name'), /found "x"/, /can't be renamed/],
      [
        'several mistakes at once',
        { targets: ['x'], port: 0, period: 'soon' },
        at('/targets/0', '/port', '/period'),
        /found "x"/,
        /expected a duration/,
      ],
    ] satisfies Row[]
  ).map((row) => put(row)),
  put(['null for a group', 'null', at(''), /found nothing/, /expected a map with targets/], { headers: JSON_TYPE }),
  put(
    [
      'a plan that is too large',
      { period: '1ms', timeout: '60s', targets: Array.from({ length: 60 }, (_, i) => `10.0.0.${i + 1}`) },
      at('/groups/west'),
      /found a need of/,
      /shorten the timeout, lengthen the period/,
    ],
    { code: 'LLAMA_PLAN_TOO_LARGE' },
  ),
  post('a new group without a name', { targets }, at('/name'), /found nothing/, /expected the name of the new group/),
  {
    ...post('a new group of a name in use', { name: 'west', targets }, '"west"', /in use/, /PUT \/v1\/groups\/west/),
    code: 'LLAMA_GROUP_EXISTS',
  },
  patch('a patch of nothing', {}, at(''), /found neither add nor remove/, /expected a list of targets/),
  patch('a patch with a slip', { ad: targets }, at('/ad'), /found "ad"/, /did you mean "add"/),
  patch('a host name to add', { add: ['host.example'] }, at('/add/0'), /"host\.example"/, /look it up/),
  patch('a target to add twice', { add: ['10.0.0.1', '10.0.0.1'] }, at('/add/1'), /first at \/add\/0/, /remove one/),
  patch('nothing to remove', { remove: [null] }, at('/remove/0'), /found nothing/, /expected an address/),
  patch('a stranger to remove', { remove: ['10.9.9.9'] }, at('/remove/0'), /"10\.9\.9\.9"/, /read the group again/),
  patch(
    'a target in both lists',
    { add: targets, remove: targets },
    at('/remove/0'),
    /in add as well/,
    /from the other/,
  ),
  patch('no target left', { remove: ['127.0.0.1'] }, at('/remove'), /no target is left/, /remove the group/),
  {
    title: 'a condition that does not hold',
    method: 'DELETE',
    path: WEST,
    headers: { 'if-match': '"old"' },
    code: 'LLAMA_GROUP_CHANGED',
    place: 'If-Match: "old"',
    found: /found the group west changed/,
    remedy: /read it again and decide anew/,
  },
  {
    title: 'a way back from where the file is',
    method: 'DELETE',
    path: `${WEST}?revert=1`,
    code: 'LLAMA_GROUP_CONFLICT',
    place: 'group west',
    found: /as the config file has it/,
    remedy: /expected one that was set or removed by REST/,
  },
  json(
    'a body that ends too soon',
    '{"targets": [',
    { at: ['/targets/0'], position: [1, 14] },
    /end of the body/,
    /cut off/,
  ),
  json('a comma too many', '{"port": 1,\n }', { at: [''], position: [2, 2] }, /found "}"/, /take out the comma/),
  json('single quotes', "{'port': 1}", { at: [''], position: [1, 2] }, /found "'"/, /in double quotes/),
  json('a comment', '{\n  // west\n}', { at: [''], position: [2, 3] }, /found "\/"/, /take comments out/),
  json('a bare word', '{"period": 1s}', { at: ['/period'], position: [1, 13] }, /found "s"/, /valid JSON/),
  json('text over two lines', '{"period": "1\ns"}', { at: ['/period'], position: [1, 14] }, /inside text/, /closing/),
  json(
    'an unknown escape',
    '{"period": "\\x"}',
    { at: ['/period'], position: [1, 13] },
    /found "/,
    /write a backslash/,
  ),
  json('two values', '{} {}', { at: [''], position: [1, 4] }, /found "\{"/, /expected the end of the body/),
  json('an empty body', '', { at: [''], position: [1, 1] }, /found an empty body/, /send what the content type/),
  json(
    'a key twice',
    '{"targets": ["10.0.0.1"],\n "port": 1, "p\\u006frt": 2}',
    { at: ['/port'], position: [2, 13] },
    /found the key "port" a second time/,
    /remove one of the two/,
  ),
  json(
    'a key of a target twice',
    '{"targets": [{"address": "10.0.0.1", "address": "10.0.0.2"}]}',
    { at: ['/targets/0/address'], position: [1, 38] },
    /found the key "address" a second time/,
    /remove one of the two/,
  ),
  put(
    [
      'a reach for prototypes',
      '{"__proto__": {"a": 1}, "constructor": {"prototype": {"a": 1}}, "targets": ["10.0.0.1"]}',
      at('/__proto__', '/constructor'),
      /found "__proto__"/,
      /remove it/,
    ],
    { headers: JSON_TYPE },
  ),
  put(['a body of YAML', 'targets: [10.0.0.1]', 'content type', /"application\/yaml"/, /expected application\/json/], {
    headers: { 'content-type': 'application/yaml' },
    code: 'LLAMA_MEDIA_TYPE',
  }),
  put(['a body that gzip compressed', '\u001f\ufffd\u0008', 'body', /compressed with gzip/, /send it as it is/], {
    headers: JSON_TYPE,
    code: 'LLAMA_MEDIA_TYPE',
  }),
  put(
    [
      'a content encoding',
      '{}',
      'content encoding',
      /found a body with the content encoding "gzip"/,
      /send it as it is/,
    ],
    {
      headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
      code: 'LLAMA_MEDIA_TYPE',
    },
  ),
  put(['a form', 'targets=10.0.0.1', 'content type', /x-www-form-urlencoded/, /expected application\/json/], {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    code: 'LLAMA_MEDIA_TYPE',
  }),
  put(['too large a body', `"${'x'.repeat(BODY_LIMIT_BYTES)}"`, 'body', /too large/, /send the targets as several/], {
    headers: JSON_TYPE,
    code: 'LLAMA_BODY_TOO_LARGE',
  }),
  {
    title: 'reading without a token',
    path: '/v1/results',
    headers: { authorization: '' },
    code: 'LLAMA_UNAUTHORIZED',
    place: 'token',
    found: /found no token/,
    remedy: /expected the header "Authorization: Bearer TOKEN"/,
  },
  {
    title: 'a wrong token',
    path: '/v1/results',
    headers: { authorization: 'Bearer guess' },
    code: 'LLAMA_UNAUTHORIZED',
    place: 'token',
    found: /found a token that is not valid/,
    remedy: /expected the header "Authorization: Bearer TOKEN"/,
  },
  {
    title: 'a name and a password',
    path: '/v1/results',
    headers: { authorization: `Basic ${Buffer.from(`llama:${WRITE}`).toString('base64')}` },
    code: 'LLAMA_UNAUTHORIZED',
    place: 'token',
    found: /found a token that is not valid/,
    remedy: /expected the header "Authorization: Bearer TOKEN"/,
  },
  put(['a token for reading', { targets }, 'token', /allows reading only/, /expected the token of api\.tokenFile/], {
    headers: { ...JSON_TYPE, authorization: `Bearer ${READ}` },
    code: 'LLAMA_FORBIDDEN',
  }),
  {
    title: 'the removal of a group with a token for reading',
    method: 'DELETE',
    path: WEST,
    headers: { authorization: `Bearer ${READ}` },
    code: 'LLAMA_FORBIDDEN',
    place: 'token',
    found: /allows reading only/,
    remedy: /expected the token of api\.tokenFile/,
  },
];

/** Bytes that are not even a request; they are answered on the bare socket, which is closed then. */
const BROKEN: Readonly<Record<string, string>> = {
  'a long query': `GET /v1/paths?group=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
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
  let collector: Collector;
  let reflector: Reflector;
  let held: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-bad-'));
    const files = { tokenFile: join(folder, 'token'), readTokenFile: join(folder, 'read') };
    writeFileSync(files.tokenFile, WRITE, { mode: 0o600 });
    writeFileSync(files.readTokenFile, READ, { mode: 0o600 });
    const started = await startReflector();
    reflector = started.reflector;
    const group = `{ period: 20ms, timeout: 100ms, port: ${started.port}, targets: [127.0.0.1] }`;
    const config = `
collector: { name: host-a, interval: 200ms, retention: 10000, workers: 1, timestamps: receive }
source: { ports: 2 }
groups: { west: ${group}, east: ${group} }
`;
    collector = await Collector.start(parseConfig(config, 'test.yaml', {}), { logger: silent });
    await collector.measure();
    app = buildApi(collector, { bodyLimitBytes: BODY_LIMIT_BYTES, tokens: new Tokens(files, () => {}) });
    await app.listen({ port: 0, host: '127.0.0.1' });
    port = (app.server.address() as AddressInfo).port;
    held = inForce();
  });
  after(async () => {
    await app?.close();
    await collector?.close(0);
    await reflector?.close();
    rmSync(folder, { recursive: true });
  });

  const inForce = (): string => JSON.stringify(collector.activeGroups().map(({ text, origin }) => [text, origin]));

  async function send(sent: Sent) {
    const { method = 'GET', path, body } = sent;
    const written = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = body === undefined || typeof body === 'string' ? {} : JSON_TYPE;
    const { authorization = `Bearer ${WRITE}`, ...others } = { ...type, ...sent.headers } as Record<string, string>;
    const headers = authorization === '' ? others : { ...others, authorization };
    return new Promise<{ status: number; type: string; allow: string | undefined; body: string }>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        const { statusCode: status = 0, headers: answered } = response;
        const { 'content-type': answeredType = '', allow } = answered;
        text(response).then((got) => resolve({ status, type: answeredType, allow, body: got }), reject);
      });
      outgoing.on('error', reject);
      outgoing.end(written);
    });
  }

  async function results(path = '/v1/results'): Promise<ResultsAnswer> {
    const { status, body } = await send({ path });
    expect(status, body).to.equal(200);
    return JSON.parse(body) as ResultsAnswer;
  }

  afterEach('the service goes on, and nothing was changed', async () => {
    expect((await send({ path: '/healthz' })).status).to.equal(200);
    expect(inForce()).to.equal(held);
  });

  it('are many', () => {
    expect(BAD_REQUESTS.length).to.be.at.least(60);
  });

  for (const bad of BAD_REQUESTS)
    it(`${bad.title}: ${bad.code}`, async () => {
      const { status, type, allow, body } = await send(bad);
      expect(status, body).to.equal(ERROR_TABLE[bad.code].status);
      expect(type).to.match(/^application\/problem\+json/);
      const problem = JSON.parse(body);
      expect(problem).to.include({
        status,
        code: bad.code,
        title: ERROR_TABLE[bad.code].title,
        type: `urn:llama:error:${bad.code}`,
      });
      expect(problem.instance).to.match(/^urn:llama:request:[\w.:-]+$/);
      expect(allow === undefined, `Allow: ${allow}`).to.equal(status !== 405);
      const { place, found, remedy } = bad;
      if (typeof place === 'string') {
        expect(problem.detail).to.include(place);
        holdsBoth(problem.detail, found, remedy);
      } else {
        const { problems } = problem as { readonly problems: readonly { path: string; message: string }[] };
        expect(problems.map(({ path }) => path)).to.have.members([...place.at]);
        for (const { message } of problems) expect(message).to.match(/found .*(, expected|, or|; ) ?\S/s);
        holdsBoth(problems.map(({ message }) => message).join('\n'), found, remedy);
        if (place.position !== undefined) {
          const [line, column] = place.position;
          expect(problems[0]).to.include({ line, column });
          expect(problem.detail).to.include(`line ${line}, column ${column}: `);
        }
      }
      expect(body).not.to.match(/ at .*\.[jt]s:\d|node_modules/);
      expect(body).not.to.include(WRITE);
    });

  function holdsBoth(message: string, found: RegExp, remedy: RegExp): void {
    expect(message).to.match(found).and.match(remedy);
  }

  for (const [title, bytes] of Object.entries(BROKEN))
    it(`${title}: LLAMA_REQUEST_INVALID`, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write(bytes, 'latin1');
      const [head, body] = (await text(socket)).split('\r\n\r\n');
      expect(head)
        .to.match(/^HTTP\/1\.1 400 Bad Request\r\n/)
        .and.include('application/problem+json');
      const problem = JSON.parse(body ?? '');
      expect(problem).to.include({ code: 'LLAMA_REQUEST_INVALID', status: 400 });
      expect(problem.instance).to.match(/^urn:llama:request:[\w-]+$/);
      expect(problem.detail).to.match(
        /long|measure/.test(title)
          ? /^found a URL and headers of more than 16384 bytes, expected fewer; shorten the query$/
          : /^found a request that cannot be read \(HPE_\w+\), expected HTTP\/1\.1$/,
      );
    });

  it('a client that goes away in the middle of its request is forgotten', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `PUT ${WEST} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"tar`,
    );
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
  });

  it('exclude filters that merely match nothing: those give an empty answer', async () => {
    for (const filter of [
      'class=af43',
      'class=EF',
      'class=63',
      'target=192.0.2.1',
      'target=2001:DB8::1',
      'group=north',
    ]) {
      const { intervals } = await results(`/v1/results?${filter}`);
      for (const { results: rows } of intervals) expect(rows, filter).to.deep.equal([]);
      const paths = await send({ path: `/v1/paths?${filter}` });
      expect([paths.status, JSON.parse(paths.body).paths], filter).to.deep.equal([200, []]);
    }
  });

  it('leave the measurement alone: all groups go on, and no interval is missing', async () => {
    const sinceMs = Date.now();
    const rowsSince = async () =>
      (await results(`/v1/results?after=${sinceMs}`)).intervals
        .filter(({ start }) => Date.parse(start) >= sinceMs)
        .flatMap(({ results: rows }) => rows);
    const rows = await waitFor('results of both groups', async () => {
      const found = await rowsSince();
      return new Set(found.map(({ group }) => group)).size === 2 && found;
    });
    for (const row of rows) expect(row.sent, row.group).to.be.greaterThan(0);
    expect(rows.reduce((sum, { received }) => sum + received, 0)).to.be.greaterThan(0);
    const { intervals } = await results();
    for (const [i, { start }] of intervals.entries())
      if (i > 0) expect(start, `interval ${i}`).to.equal(intervals[i - 1]?.end);
    for (const { restarts, state } of [...collector.status().workers, collector.status().aggregator])
      expect([restarts, state]).to.deep.equal([0, 'running']);
  });
});
