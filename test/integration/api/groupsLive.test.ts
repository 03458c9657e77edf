/**
 * Live changes over HTTP against a collector that measures: conditions, dry runs, patches, and what a change leaves
 * alone.
 */

import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { msToNs } from '../../../src/base/units.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { PATH_BYTES, SLOT_BYTES, slotsPerPath } from '../../../src/config/group/limits.js';
import { UdpPeer } from '../../support/fakes/udpPeer.js';
import { waitFor } from '../../support/harness/wait.js';

type Row = Readonly<Record<string, unknown>>;
type Headers = Record<string, string>;

describe('/v1/groups of a collector that measures', () => {
  let peer: UdpPeer;
  let collector: Collector;
  let app: FastifyInstance;

  before(async () => {
    peer = await UdpPeer.open();
    const text = `
collector: { name: test, interval: 100ms, workers: 1, maxProbesPerSecond: 5000 }
source: { ports: 2 }
groups: { west: { period: 20ms, timeout: 50ms, port: ${peer.port}, targets: [127.0.0.1, 127.0.0.2] } }
`;
    collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger: pino({ level: 'silent' }) });
    await collector.measure();
    app = buildApi(collector);
  });
  after(async () => {
    await app?.close();
    await collector?.close(0);
    await peer?.close();
  });

  const call = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object,
    headers: Headers = {},
  ) => app.inject({ method, url: `/v1/groups${url}`, headers, ...(payload && { payload }) });
  const spec = (targets: readonly unknown[], more: object = {}) => ({
    period: '20ms',
    timeout: '50ms',
    port: peer.port,
    targets,
    ...more,
  });
  const addresses = async (name: string): Promise<string[]> =>
    (await call('GET', `/${name}`)).json().targets.map((target: { address: string }) => target.address);
  const rowsOf = (group: string): Row[] =>
    collector.results
      .after(0, 1000)
      .intervals.flatMap(({ report }) => JSON.parse(`[${new TextDecoder().decode(report.rows)}]`) as Row[])
      .filter((row) => row.group === group);

  afterEach(async () => {
    for (const { group } of collector.activeGroups())
      if (group.name !== 'west') await collector.changeGroup(group.name, () => undefined);
  });

  it('creates by POST with 201 and its place, and refuses a name that is in use', async () => {
    const made = await call('POST', '', { name: 'new', ...spec(['127.0.0.3']) });
    expect(made.statusCode, made.body).to.equal(201);
    expect(made.headers.location).to.equal('/v1/groups/new');
    expect(made.json()).to.include({ name: 'new', origin: 'api', period: '20ms' });
    expect(made.headers.etag).to.equal((await call('GET', '/new')).headers.etag);
    const again = await call('POST', '', { name: 'new', ...spec(['127.0.0.4']) });
    expect([again.statusCode, again.json().code]).to.deep.equal([409, 'LLAMA_GROUP_EXISTS']);
    expect(await addresses('new')).to.deep.equal(['127.0.0.3']);
  });

  it('wants a name in a POST, and no other name in a PUT', async () => {
    for (const body of [spec(['127.0.0.3']), { name: 7, ...spec(['127.0.0.3']) }]) {
      const response = await call('POST', '', body);
      expect([response.statusCode, response.json().problems[0].path]).to.deep.equal([400, '/name']);
    }
    expect((await call('POST', '', { name: 'a b', ...spec(['127.0.0.3']) })).statusCode).to.equal(400);
    const renamed = await call('PUT', '/new', { name: 'old', ...spec(['127.0.0.3']) });
    expect([renamed.statusCode, renamed.json().problems[0].path]).to.deep.equal([400, '/name']);
  });

  it('accepts the output of GET in POST and PUT', async () => {
    await call('PUT', '/new', spec(['127.0.0.3', { address: '127.0.0.4', port: 9, tags: { a: 'b' } }]));
    const first = await call('GET', '/new');
    const put = await call('PUT', '/new', first.json());
    expect([put.statusCode, put.headers.etag, put.body]).to.deep.equal([200, first.headers.etag, first.body]);
    await call('DELETE', '/new');
    const posted = await call('POST', '', first.json());
    expect([posted.statusCode, posted.headers.etag]).to.deep.equal([201, first.headers.etag]);
  });

  it('says where a group comes from, and when it hides one of the file', async () => {
    const list = async () =>
      (await call('GET', ''))
        .json()
        .groups.map(({ name, origin, hidesFile }: Record<string, unknown>) => [name, origin, hidesFile]);
    await call('PUT', '/new', spec(['127.0.0.3']));
    expect(await list()).to.deep.equal([
      ['west', 'file', undefined],
      ['new', 'api', undefined],
    ]);
    const west = (await call('GET', '/west')).json();
    await call('PUT', '/west', west);
    expect(await list()).to.deep.include(['west', 'api', true]);
    expect((await call('GET', '/west')).json()).to.include({ origin: 'api', hidesFile: true });
  });

  it('changes a group only while it is as If-Match says, else 412', async () => {
    await call('PUT', '/new', spec(['127.0.0.3']));
    const { etag } = (await call('GET', '/new')).headers;
    const match = { 'if-match': String(etag) };
    const changed = await call('PUT', '/new', spec(['127.0.0.4']), match);
    expect(changed.statusCode).to.equal(200);
    expect(changed.headers.etag).to.be.a('string').and.not.to.equal(etag);
    for (const [method, url, body] of [
      ['PUT', '/new', spec(['127.0.0.5'])],
      ['DELETE', '/new', undefined],
      ['PATCH', '/new/targets', { add: ['127.0.0.9'] }],
      ['PUT', '/absent', spec(['127.0.0.5'])],
    ] as const) {
      const refused = await call(method, url, body, match);
      expect([refused.statusCode, refused.json().code], `${method} ${url}`).to.deep.equal([412, 'LLAMA_GROUP_CHANGED']);
    }
    expect(await addresses('new')).to.deep.equal(['127.0.0.4']);
    expect(
      (await call('PUT', '/new', spec(['127.0.0.6']), { 'if-match': `"x", ${changed.headers.etag}` })).statusCode,
    ).to.equal(200);
    expect((await call('DELETE', '/new', undefined, { 'if-match': '*' })).statusCode).to.equal(204);
  });

  it('creates only, with If-None-Match: *', async () => {
    const none = { 'if-none-match': '*' };
    expect((await call('PUT', '/new', spec(['127.0.0.3']), none)).statusCode).to.equal(201);
    const again = await call('PUT', '/new', spec(['127.0.0.4']), none);
    expect([again.statusCode, again.json().code]).to.deep.equal([412, 'LLAMA_GROUP_CHANGED']);
    const { etag } = (await call('GET', '/new')).headers;
    expect((await call('GET', '/new', undefined, { 'if-none-match': String(etag) })).statusCode).to.equal(304);
  });

  it('lets one of many win who change the same state at the same time', async () => {
    await call('PUT', '/new', spec(['127.0.0.3']));
    for (let round = 0; round < 5; round++) {
      const { etag } = (await call('GET', '/new')).headers;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          call('PUT', '/new', spec([`127.0.${round + 1}.${i + 1}`]), { 'if-match': String(etag) }),
        ),
      );
      expect(answers.map(({ statusCode }) => statusCode).sort()).to.deep.equal([200, ...Array(19).fill(412)]);
      const winner = answers.findIndex(({ statusCode }) => statusCode === 200);
      expect(await addresses('new')).to.deep.equal([`127.0.${round + 1}.${winner + 1}`]);
    }
    const created = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '', { name: 'race', ...spec(['127.0.0.3']) })),
    );
    expect(created.map(({ statusCode }) => statusCode).sort()).to.deep.equal([201, ...Array(19).fill(409)]);
  });

  it('adds and removes some targets, in their order, and changes tags of existing ones', async () => {
    await call('PUT', '/new', spec(['127.0.0.3', '127.0.0.4', { address: '127.0.0.4', port: 9 }, '127.0.0.5']));
    const patched = await call('PATCH', '/new/targets', {
      add: ['127.0.0.6', { address: '127.0.0.3', tags: { rack: 'r1' } }],
      remove: ['127.0.0.4', { address: '127.0.0.5', port: peer.port }],
    });
    expect(patched.statusCode, patched.body).to.equal(200);
    expect(patched.json()).to.include({ name: 'new', targets: 3, origin: 'api' }).and.not.to.have.property('hidesFile');
    expect(patched.headers.etag).to.equal((await call('GET', '/new')).headers.etag);
    expect((await call('GET', '/new')).json().targets).to.deep.equal([
      { address: '127.0.0.3', tags: { rack: 'r1' } },
      { address: '127.0.0.4', port: 9 },
      { address: '127.0.0.6' },
    ]);
  });

  for (const [title, patch, path, message] of [
    [
      'an unknown target to remove',
      { remove: ['127.0.0.3', '127.0.0.77'] },
      '/remove/1',
      /"127.0.0.77" with port \d+, expected a target of the group new; read the group again$/,
    ],
    [
      'a target of another port',
      { remove: [{ address: '127.0.0.3', port: 1 }] },
      '/remove/0',
      /write \{ "address": "127.0.0.3", "port": \d+ \}/,
    ],
    ['a target twice to remove', { remove: ['127.0.0.3', '127.0.0.3'] }, '/remove/1', /expected a target/],
    ['the same target in both lists', { add: ['127.0.0.3'], remove: ['127.0.0.3'] }, '/remove/0', /in add as well/],
    [
      'no target left',
      { remove: ['127.0.0.3', '127.0.0.4'] },
      '/remove',
      /at least one; to stop probing, remove the group/,
    ],
    ['a target twice to add', { add: ['127.0.0.9', '127.0.0.9'] }, '/add/1', /first at \/add\/0/],
    ['a name to add', { add: [{ address: 'host.example' }] }, '/add/0/address', /host names are not resolved/],
    ['nothing at all', {}, '', /neither add nor remove/],
    ['another key', { adds: [] }, '/adds', /did you mean "add"\?/],
    ['no list', { add: '127.0.0.1' }, '/add', /expected a list of targets/],
  ] as const)
    it(`refuses a patch with ${title}, and changes nothing`, async () => {
      await call('PUT', '/new', spec(['127.0.0.3', '127.0.0.4']));
      const { etag } = (await call('GET', '/new')).headers;
      const response = await call('PATCH', '/new/targets', patch);
      expect([response.statusCode, response.json().code], response.body).to.deep.equal([400, 'LLAMA_GROUP_INVALID']);
      expect(response.json().problems[0].path).to.equal(path);
      expect(response.json().problems[0].message).to.match(message);
      expect((await call('GET', '/new')).headers.etag).to.equal(etag);
    });

  it('patches no group that is not there', async () => {
    expect((await call('PATCH', '/absent/targets', { add: ['127.0.0.3'] })).statusCode).to.equal(404);
  });

  it('reports the effect of a change by a dry run, and changes nothing', async () => {
    await call('PUT', '/new', spec(['127.0.0.3', '127.0.0.4']));
    const state = async () => [(await call('GET', '')).body, collector.status().paths];
    const slots = slotsPerPath({ periodNs: msToNs(20), timeoutNs: msToNs(50) });
    // Two source ports: a stream has two paths, and one slot more than these need.
    const memory = (paths: number): number => paths * (slots * SLOT_BYTES + PATH_BYTES) + (paths / 2) * SLOT_BYTES;
    const before = await state();
    const changed = await call(
      'PUT',
      '/new?dryRun=1',
      spec([{ address: '127.0.0.4', tags: { a: 'b' } }, '127.0.0.5'], { classes: ['cs0', 'ef'] }),
    );
    expect(changed.statusCode, changed.body).to.equal(200);
    expect(changed.json()).to.deep.equal({
      name: 'new',
      action: 'change',
      restarts: false,
      targets: { added: 1, removed: 1, kept: 1, retagged: 1 },
      paths: { added: 6, removed: 2, kept: 2 },
      group: { targets: 2, paths: 8, probesPerSecond: 400, bytesPerSecond: 28_800, memoryBytes: memory(8) },
      total: { targets: 4, paths: 12, probesPerSecond: 600, bytesPerSecond: 43_200, memoryBytes: memory(12) },
      budget: { probesPerSecond: 5000, memoryBytes: 256 * 2 ** 20 },
      threads: 1,
    });
    const fewer = await call('PUT', '/new?dryRun=1', spec(['127.0.0.3', '127.0.0.4'], { sourcePorts: 1 }));
    expect(fewer.json()).to.deep.include({ restarts: false, paths: { added: 0, removed: 2, kept: 2 } });
    expect(fewer.json().group).to.include({ paths: 2, probesPerSecond: 100 });
    const slower = await call('PUT', '/new?dryRun=1', spec(['127.0.0.3'], { period: '40ms' }));
    expect(slower.json()).to.deep.include({ restarts: true, paths: { added: 2, removed: 4, kept: 0 } });
    expect((await call('POST', '?dryRun=1', { name: 'other', ...spec(['127.0.0.3']) })).json().action).to.equal(
      'create',
    );
    expect((await call('DELETE', '/new?dryRun=1')).json()).to.deep.include({
      action: 'remove',
      paths: { added: 0, removed: 4, kept: 0 },
    });
    expect((await call('PATCH', '/new/targets?dryRun=1', { add: ['127.0.0.9'] })).json().targets.added).to.equal(1);
    expect(await state()).to.deep.equal(before);
  });

  it('refuses by a dry run the same requests as without', async () => {
    await call('PUT', '/new', spec(['127.0.0.3']));
    const large = Array.from({ length: 60 }, (_, i) => `127.0.1.${i + 1}`);
    for (const query of ['', '?dryRun=1']) {
      expect((await call('POST', query, { name: 'new', ...spec(['127.0.0.3']) })).statusCode).to.equal(409);
      expect((await call('DELETE', `/absent${query}`)).statusCode).to.equal(404);
      expect((await call('DELETE', `/new${query}`, undefined, { 'if-match': '"x"' })).statusCode).to.equal(412);
      const refused = await call('PUT', `/new${query}`, spec(large));
      expect([refused.statusCode, refused.json().code]).to.deep.equal([422, 'LLAMA_PLAN_TOO_LARGE']);
      expect(refused.json().detail).to.match(
        /need of 6200 probes\/s \(this group: 6000, .*other groups: 200\).*budget of 5000/,
      );
    }
    expect((await call('DELETE', '/new?dryRun=yes')).statusCode).to.equal(400);
    expect(await addresses('new')).to.deep.equal(['127.0.0.3']);
  });

  /** The probes that a target got: by source port, sequence numbers; and all session identifiers. */
  function flows(target: UdpPeer): { sequences: Map<number, number[]>; sessions: Set<number> } {
    const sequences = new Map<number, number[]>();
    const sessions = new Set<number>();
    for (const { bytes, from } of target.received) {
      sequences.set(from.port, [...(sequences.get(from.port) ?? []), bytes.readUInt32BE(0)]);
      sessions.add(bytes.readUInt16BE(14));
    }
    return { sequences, sessions };
  }

  function expectOneLife(target: UdpPeer): void {
    const { sequences, sessions } = flows(target);
    expect(sequences.size, 'source ports').to.equal(2);
    expect(sessions.size, 'session identifiers').to.equal(1);
    for (const numbers of sequences.values())
      expect(numbers).to.deep.equal(Array.from(numbers, (_, i) => numbers[0] + i));
  }

  it('keeps the measurement running when tags change: the same flow, counted on, with the new tags', async () => {
    const target = await UdpPeer.open('127.0.0.3');
    const at = { address: '127.0.0.3', port: target.port };
    await call('PUT', '/new', spec([at, '127.0.0.4']));
    await waitFor('probes', () => target.received.length > 10);
    await call('PATCH', '/new/targets', { add: [{ ...at, tags: { rack: 'r9' } }] });
    await waitFor('rows with the new tags', () =>
      rowsOf('new').some((row) => JSON.stringify(row.tags) === '{"rack":"r9"}'),
    );
    const before = target.received.length;
    await waitFor('later probes', () => target.received.length > before + 10);
    expectOneLife(target);
    await target.close();
  });

  it('leaves the others alone when one target goes and one comes', async () => {
    const [stays, comes] = [await UdpPeer.open('127.0.0.4'), await UdpPeer.open('127.0.0.5')];
    await call('PUT', '/new', spec(['127.0.0.3', { address: '127.0.0.4', port: stays.port }]));
    await waitFor('probes', () => stays.received.length > 10);
    const patch = { add: [{ address: '127.0.0.5', port: comes.port }], remove: ['127.0.0.3'] };
    expect((await call('PATCH', '/new/targets', patch)).statusCode).to.equal(200);
    const before = stays.received.length;
    await waitFor('probes to both', () => comes.received.length > 10 && stays.received.length > before + 10);
    expectOneLife(stays);
    expectOneLife(comes);
    await Promise.all([stays.close(), comes.close()]);
  });

  it('takes a thousand targets in in pieces, and again after they were removed: every path is probed', async () => {
    const targets = Array.from({ length: 1000 }, (_, i) => `127.3.${i >> 8}.${i & 255}`);
    for (let round = 0; round < 2; round++) {
      const large = await call('PUT', '/large', spec(targets, { period: '1s' }));
      expect(large.statusCode, large.body).to.equal(201);
      const probed = new Set<unknown>();
      const from = collector.results.latest?.report.endMs ?? 0;
      await waitFor(
        'a row of every target',
        () => {
          for (const { infos } of collector.results.after(from, 1000).intervals)
            for (const info of infos) if (info.group.name === 'large') probed.add(info.target.address);
          return probed.size === targets.length;
        },
        8_000,
      );
      expect((await call('DELETE', '/large')).statusCode).to.equal(204);
    }
    expect(collector.status().totals).to.include({ sendErrors: 0, invalidSession: 0, threadLosses: 0 });
  });
});
