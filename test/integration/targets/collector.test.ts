/** Sources of targets with a real collector and reflectors on loopback. */

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { NameServer } from '../../support/fakes/nameServer.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const [A, B, C] = ['127.0.7.1', '127.0.7.2', '127.0.7.3'];
/** Of nobody (RFC 5737): what is sent to it gets no reply. */
const OTHER_HOST = '192.0.2.1';

describe('a collector whose targets come from sources', () => {
  const fixture = new Fixture();
  let folder: string;
  let file: string;
  let names: NameServer;
  let collector: Collector;
  let port: number;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-discovery-'));
    file = join(folder, 'targets.json');
    names = await NameServer.start();
    ({ port } = await fixture.reflector({ listen: [`${A}:0`] }));
    await fixture.reflector({ listen: [`${B}:${port}`, `${C}:${port}`] });
    const config = parseConfig(
      'collector: { name: test, interval: 100ms, workers: 1, retention: 1000, probeMemory: 1MiB }\nsource: { ports: 2 }\ngroups: {}\n',
      'c.yaml',
      {},
    );
    const logger = pino({ level: 'silent' });
    collector = await Collector.start(config, { logger, discovery: { resolver: names.resolver } });
  });
  after(async () => {
    await collector?.close();
    await fixture.closeAll();
    await names?.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const { name } of collector.groups()) await collector.deleteGroup(name);
    rmSync(file, { force: true });
    names.records.clear();
  });

  const put = (input: object, name = 'mesh') =>
    collector.putGroup(parseGroup({ port, period: '10ms', timeout: '100ms', ...input }, name));
  const targets = (name = 'mesh') => collector.group(name)?.targets.map(({ address }) => address);
  const status = () => collector.discoveryStatus('mesh');
  const until = (...wanted: string[]) =>
    waitFor(`${wanted} in force`, () => JSON.stringify(targets()) === JSON.stringify(wanted), 1_000);

  function write(...addresses: string[]): void {
    writeFileSync(`${file}.new`, JSON.stringify([{ targets: addresses, labels: { rack: 'r1' } }]));
    renameSync(`${file}.new`, file);
  }

  /** Rows of a group in the intervals that ended after a time. */
  function rows(afterMs: number, group = 'mesh') {
    const { intervals } = collector.results.after(afterMs, 1_000);
    return intervals.flatMap(({ report, infos }) => {
      const parsed: { sent: number; received: number; lost: number }[] = JSON.parse(
        `[${Buffer.from(report.rows).toString().replace(/,$/, '')}]`,
      );
      return infos
        .map((info, i) => ({ ...parsed[i], endMs: report.endMs, id: info.id, info }))
        .filter((row) => row.info.group.name === group);
    });
  }
  const measured = (address: string, afterMs: number) =>
    waitFor(
      `results of ${address}`,
      () => rows(afterMs).find(({ info, received }) => info.target.address === address && received > 0),
      1_000,
    );

  it('has results of a target within a second after it came into the file, and the others go on undisturbed', async () => {
    write(A);
    await put({ fromFile: { path: file } });
    await put({ targets: [B] }, 'steady');
    const first = await measured(A, 0);
    expect(first.info.target.tags).to.deep.equal({ rack: 'r1' });
    const changedMs = Date.now();
    write(A, C);
    await measured(C, changedMs);
    write(A);
    await until(A);
    const endMs = Date.now();
    await waitFor('an interval after the change', () => rows(endMs + 100).length > 0, 2_000);
    for (const row of [...rows(0), ...rows(0, 'steady')]) expect(row.lost, row.info.target.address).to.equal(0);
    const ofA = rows(changedMs).filter(({ info }) => info.target.address === A);
    expect([...new Set(ofA.map(({ id }) => id))], 'stream numbers').to.deep.equal([first.id]);
    expect(status()).to.deep.include({ source: 'file', targets: 1, error: null, warnings: [] });
  });

  it('begins with no target and the error when there is no good answer yet, and keeps the last good one later', async () => {
    expect(await put({ fromFile: { path: file, refresh: '1s' } })).to.deep.equal({ created: true });
    await waitFor('the error', () => status()?.error?.includes('there is no such file'));
    expect(targets()).to.deep.equal([]);
    expect(status()).to.deep.include({ targets: 0, updatedAt: null, ageMs: null });
    expect(collector.status().warnings.join()).to.match(/group mesh: its targets are not up to date/);
    write(A);
    await waitFor('the file is found', () => status()?.error === null, 3_000);
    expect(targets()).to.deep.equal([A]);
    writeFileSync(file, '[{"targets": [');
    await waitFor('the error', () => status()?.error?.includes('targets.json: line 1'));
    expect(targets()).to.deep.equal([A]);
    expect(status()?.ageMs).to.be.at.least(0);
  });

  it('probes nothing after an answer that is empty on purpose, and again when targets come back', async () => {
    write(A);
    await put({ fromFile: { path: file, allowEmpty: true } });
    await measured(A, 0);
    write();
    await until();
    write(A);
    await until(A);
    await measured(A, Date.now());
  });

  it('refuses an answer that asks for too much, shows it, and keeps the last good one', async () => {
    write(A);
    await put({ fromFile: { path: file } });
    await until(A);
    write(...Array.from({ length: 2_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}`));
    await waitFor('the error', () => status()?.error?.includes("which can't be put in force"));
    expect(status()?.error).to.match(/2000 targets.*expected at most 1MiB/);
    expect(targets()).to.deep.equal([A]);
  });

  it('follows the DNS; a name server that fails changes nothing', async () => {
    names.records.set('A mesh.example', [{ address: A, ttlS: 1 }]);
    await put({ fromDns: { name: 'mesh.example', refresh: '1s' } });
    await until(A);
    names.records.set(
      'A mesh.example',
      [A, B].map((address) => ({ address, ttlS: 1 })),
    );
    await waitFor('both', () => targets()?.length === 2, 3_000);
    for (const type of ['A', 'AAAA']) names.records.set(`${type} mesh.example`, 'fails');
    await waitFor('the error', () => status()?.error?.includes('SERVFAIL'), 3_000);
    expect(targets()).to.deep.equal([A, B]);
  });

  it('changes from one source to another without a gap: the old targets stay until the new source has answered', async () => {
    write(A, B);
    await put({ fromFile: { path: file } });
    await until(A, B);
    names.records.set('A mesh.example', 'silent');
    names.records.set('AAAA mesh.example', 'silent');
    await put({ fromDns: { name: 'mesh.example', refresh: '1s' } });
    expect(targets()).to.deep.equal([A, B]);
    await waitFor('the error', () => status()?.error?.includes('no answer in time'));
    expect(targets()).to.deep.equal([A, B]);
    names.records.delete('AAAA mesh.example');
    names.records.set('A mesh.example', [{ address: B, ttlS: 1 }]);
    await waitFor('the answer', () => targets()?.length === 1, 3_000);
    await put({ targets: [A] });
    expect(targets()).to.deep.equal([A]);
    expect(status()).to.equal(undefined);
  });

  it('a change of the group keeps its source and its targets', async () => {
    write(A, `${B}:${port}`);
    await put({ fromFile: { path: file } });
    await until(A, B);
    rmSync(file);
    await put({ fromFile: { path: file }, classes: ['cs0', 'ef'] });
    expect(targets()).to.deep.equal([A, B]);
    expect(collector.group('mesh')?.classes).to.have.length(2);
  });

  it('leaves out own addresses on request, every loopback address too, of listed targets and of found ones', async () => {
    await put({ targets: ['127.0.0.1', A, OTHER_HOST], skipSelf: true });
    expect(targets()).to.deep.equal([OTHER_HOST]);
    await put({ targets: ['127.0.0.1', A], skipSelf: true });
    expect(targets()).to.deep.equal([]);
    write('127.0.0.1', B, OTHER_HOST);
    await put({ fromFile: { path: file }, skipSelf: true });
    await until(OTHER_HOST);
    await put({ fromFile: { path: file } });
    await until('127.0.0.1', B, OTHER_HOST);
  });

  it('ends a source with its group', async () => {
    names.records.set('A mesh.example', [{ address: A, ttlS: 1 }]);
    await put({ fromDns: { name: 'mesh.example', refresh: '1s' } });
    await until(A);
    await collector.deleteGroup('mesh');
    expect(status()).to.equal(undefined);
    write(B);
    await put({ fromFile: { path: file } });
    await until(B);
    const asked = names.asked.length;
    await waitFor('a second group to be followed for some time', () => (status()?.ageMs ?? 0) > 1_500, 3_000);
    expect(names.asked).to.have.length(asked);
  });
});
