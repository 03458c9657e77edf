/**
 * Groups with a source of targets among the live groups: tags, the state directory, patches and the budget speak of the
 * definition, probes of what the source gave.
 */

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { Collector } from '../../../src/collector/collector.js';
import { ConfigReloader } from '../../../src/collector/groups/reload.js';
import { type LoadedConfig, readConfig } from '../../../src/config/collector/config.js';
import { waitFor } from '../../support/harness/wait.js';

describe('live groups with a source of targets', () => {
  let folder: string;
  let file: string;
  let text: string;
  let collector: Collector;
  let app: FastifyInstance;

  const load = (): LoadedConfig => readConfig(text, 'c.yaml', {});

  async function start(): Promise<void> {
    collector = await Collector.start(load().config, { logger: pino({ level: 'silent' }) });
    await collector.measure();
    app = buildApi(collector);
  }
  async function end(): Promise<void> {
    await app.close();
    await collector.close(0);
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-live-source-'));
    file = join(folder, 'targets.json');
    text = `collector: { interval: 1s, workers: 1, maxProbesPerSecond: 10 }\nsource: { ports: 1 }\napi: { allowedDirectories: [${folder}] }\nstateDir: ${join(folder, 'state')}\n`;
    await start();
  });
  afterEach(async () => {
    await end();
    rmSync(folder, { recursive: true });
  });

  function write(...targets: string[]): void {
    writeFileSync(`${file}.new`, JSON.stringify([{ targets }]));
    renameSync(`${file}.new`, file);
  }
  const call = (method: 'GET' | 'PUT' | 'POST' | 'PATCH', url: string, payload?: object, headers = {}) =>
    app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  const targets = () => collector.group('mesh')?.targets.map(({ address }) => address);
  const until = (...wanted: string[]) =>
    waitFor(`${wanted} in force`, () => JSON.stringify(targets()) === JSON.stringify(wanted), 3_000);
  const saved = (): string[] =>
    readdirSync(join(folder, 'state'))
      .filter((name) => name.endsWith('.group.json'))
      .map((name) => readFileSync(join(folder, 'state', name), 'utf8'));

  it('keep tag and state directory unchanged by answers of the source, and restore the definition after a restart', async () => {
    write('127.0.0.1');
    const created = await call('POST', '/v1/groups', { name: 'mesh', fromFile: { path: file } });
    expect(created.statusCode).to.equal(201);
    await until('127.0.0.1');
    const before = saved();
    expect(before.join()).to.include('fromFile').and.not.include('127.0.0.1');
    write('127.0.0.1', '127.0.0.2');
    await until('127.0.0.1', '127.0.0.2');
    expect(saved()).to.deep.equal(before);
    const shown = await call('GET', '/v1/groups/mesh');
    expect(shown.headers.etag).to.equal(created.headers.etag);
    expect(shown.json()).to.include({ name: 'mesh', origin: 'api' }).and.not.have.property('targets');
    expect(shown.json().discovery).to.include({ source: 'file', targets: 2, error: null });
    const back = await call('PUT', '/v1/groups/mesh', shown.json(), { 'if-match': shown.headers.etag });
    expect([back.statusCode, back.headers.etag]).to.deep.equal([200, shown.headers.etag]);
    expect(targets()).to.deep.equal(['127.0.0.1', '127.0.0.2']);
    await end();
    await start();
    await until('127.0.0.1', '127.0.0.2');
    expect(collector.activeGroup('mesh')).to.include({ origin: 'api', etag: created.headers.etag });
  });

  it('takes no patch of targets that come from elsewhere, and patches the list where own addresses are left out', async () => {
    await call('POST', '/v1/groups', { name: 'mesh', fromFile: { path: file } });
    const refused = await call('PATCH', '/v1/groups/mesh/targets', { add: ['127.0.0.9'] });
    expect([refused.statusCode, refused.json().code]).to.deep.equal([400, 'LLAMA_GROUP_INVALID']);
    expect(refused.json().detail).to.include(file);
    const put = await call('PUT', '/v1/groups/mesh', { targets: ['127.0.0.1', '10.9.9.9'], skipSelf: true });
    expect(put.json().targets).to.have.length(2);
    expect(targets()).to.deep.equal(['10.9.9.9']);
    const patched = await call('PATCH', '/v1/groups/mesh/targets', { add: ['10.9.9.8'], remove: ['10.9.9.9'] });
    expect(patched.json()).to.include({ targets: 1, skipSelf: true });
    expect(targets()).to.deep.equal(['10.9.9.8']);
    const listed = (await call('GET', '/v1/groups/mesh')).json().targets;
    expect(listed).to.deep.equal([{ address: '127.0.0.1' }, { address: '10.9.9.8' }]);
  });

  it('keeps its targets when the source asks for more than the budget', async () => {
    write('127.0.0.1');
    await call('POST', '/v1/groups', { name: 'mesh', fromFile: { path: file } });
    await until('127.0.0.1');
    write(...Array.from({ length: 11 }, (_, i) => `127.0.0.${i + 1}`));
    await waitFor('the error', () =>
      collector.discoveryStatus('mesh')?.error?.includes('expected at most the budget of 10'),
    );
    expect(targets()).to.deep.equal(['127.0.0.1']);
  });

  it('is unchanged by a reload of a file with the same group, and overrides a different one in the file', async () => {
    write('127.0.0.1');
    text += `groups: { mesh: { fromFile: { path: ${file} } } }\n`;
    await end();
    await start();
    await until('127.0.0.1');
    const reloader = new ConfigReloader(collector, load(), load);
    expect(await reloader.reload()).to.deep.include({ added: [], changed: [], removed: [], kept: [] });
    expect(targets()).to.deep.equal(['127.0.0.1']);
    await call('PUT', '/v1/groups/mesh', { targets: ['127.0.0.5'] });
    expect(await reloader.reload()).to.deep.include({ changed: [], kept: ['mesh'] });
    expect(targets()).to.deep.equal(['127.0.0.5']);
    expect((await call('GET', '/v1/groups/mesh')).json()).to.include({ origin: 'api', hidesFile: true });
  });
});
