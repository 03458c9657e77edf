/**
 * Live groups that are kept and not in force, and the way back to the config file, over HTTP with a collector that
 * measures.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { Collector } from '../../../src/collector/collector.js';
import { KEPT_PLACE } from '../../../src/collector/state/keptPlace.js';
import { KEPT_RESULTS } from '../../../src/collector/state/keptResults.js';
import { writeState } from '../../../src/collector/state/stateFormat.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { readExposition } from '../../support/harness/exposition.js';
import { waitFor } from '../../support/harness/wait.js';

type Body = Readonly<Record<string, unknown>>;

describe('groups that differ from the config file', () => {
  let dir: string;
  let collector: Collector | undefined;
  let app: FastifyInstance;
  let logged: Record<string, unknown>[];
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'llama-waiting-'));
    logged = [];
  });
  afterEach(async () => {
    await end();
    rmSync(dir, { recursive: true });
  });

  async function start(groups: Record<string, string[]> = {}, maxProbesPerSecond = 1000): Promise<void> {
    await end();
    const file = Object.fromEntries(Object.entries(groups).map(([name, targets]) => [name, { targets }]));
    const text = JSON.stringify({
      collector: { name: 'test', workers: 1, maxProbesPerSecond },
      source: { ports: 1 },
      stateDir: dir,
      groups: file,
    });
    collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger });
    await collector.measure();
    app = buildApi(collector);
  }
  async function end(): Promise<void> {
    await app?.close();
    await collector?.close(0);
    collector = undefined;
  }

  const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object, ifMatch?: string) =>
    app.inject({
      method,
      url: `/v1/groups${url}`,
      ...(payload && { payload }),
      ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
    });
  const put = (name: string, ...targets: string[]) => call('PUT', `/${name}`, { targets });
  const list = async (): Promise<Body> => (await call('GET', '')).json();
  const names = async (): Promise<string[]> =>
    ((await list()).groups as { name: string; origin: string }[]).map(({ name, origin }) => `${name}: ${origin}`);
  const notInForce = async (): Promise<Body[]> => (await list()).notInForce as Body[];
  const answer = async (response: ReturnType<typeof call>): Promise<string> => {
    const { statusCode, body } = await response;
    return `${statusCode} ${body === '' ? '' : (JSON.parse(body).code ?? '')}`.trim();
  };
  const stateFile = (name: string): string => join(dir, `${name}.group.json`);

  describe('for which there is no room', () => {
    /** Room for two targets: `west` of the file has one, `big` needs two. */
    beforeEach(async () => {
      await start({ west: ['127.0.0.1'] });
      await put('big', '127.0.0.2', '127.0.0.3');
      await start({ west: ['127.0.0.1'] }, 2);
    });

    it('are listed with the reason, shown whole, warned of and counted; nothing of them is measured', async () => {
      expect(await names()).to.deep.equal(['west: file']);
      const [waiting] = await notInForce();
      expect(waiting).to.include({ name: 'big', origin: 'api' }).and.not.to.have.property('hidesFile');
      expect(waiting.notInForce).to.match(/need of 3 probes/);
      const shown = await call('GET', '/big');
      expect([shown.statusCode, shown.json().targets.length]).to.deep.equal([200, 2]);
      expect(shown.json().notInForce).to.equal(waiting.notInForce);
      expect(shown.headers.etag).to.match(/^"api-/);
      expect(collector?.status().warnings.join()).to.match(/group big: not in force.*need of 3 probes/);
      const { values } = readExposition((await app.inject('/metrics')).body);
      expect(values.get('llama_groups_not_in_force')).to.equal(1);
      expect(collector?.groups()).to.have.lengthOf(1);
    });

    it('come into force when another group makes room, with the same tag, and are no warning then', async () => {
      const { etag } = (await call('GET', '/big')).headers;
      expect(await answer(call('DELETE', '/west'))).to.equal('204');
      await waitFor('the group is in force', async () => (await names()).includes('big: api'));
      expect(await notInForce()).to.deep.equal([]);
      expect((await call('GET', '/big')).headers.etag).to.equal(etag);
      expect(collector?.status().warnings.join()).not.to.match(/big/);
      await waitFor('the log says so', () =>
        logged.some(({ msg }) => /waiting for room is in force/.test(String(msg))),
      );
    });

    it("come into force when a reload makes room, and override the file's group of their name until then", async () => {
      const big = parseGroup({ targets: ['127.0.0.9'] }, 'big');
      const west = parseGroup({ targets: ['127.0.0.1'] }, 'west');
      expect(await collector?.reloadFile([west, big])).to.deep.include({ added: [], kept: ['big'] });
      expect(await names()).to.deep.equal(['west: file']);
      expect(await collector?.reloadFile([big])).to.deep.include({ removed: ['west'], kept: ['big'] });
      await waitFor('the group is in force', async () => (await names()).includes('big: api'));
      expect((await call('DELETE', '/big?revert=1')).json().targets).to.deep.equal([{ address: '127.0.0.9' }]);
    });

    it('come into force when the config file makes room', async () => {
      await collector?.deleteGroup('west');
      await waitFor('the group is in force', async () => (await names()).includes('big: api'));
    });

    it('are removed for good by DELETE, under If-Match', async () => {
      expect(await answer(call('DELETE', '/big', undefined, '"api-other"'))).to.equal('412 LLAMA_GROUP_CHANGED');
      const { etag } = (await call('GET', '/big')).headers;
      expect((await call('DELETE', '/big?dryRun=1')).json()).to.include({ action: 'remove' });
      expect(await answer(call('DELETE', '/big', undefined, String(etag)))).to.equal('204');
      expect(await answer(call('GET', '/big'))).to.equal('404 LLAMA_GROUP_UNKNOWN');
      expect(await notInForce()).to.deep.equal([]);
      await start();
      expect(await names()).to.deep.equal([]);
    });

    it('are there for POST and PUT: the one is refused, the other replaces them, under If-Match', async () => {
      expect(await answer(call('POST', '', { name: 'big', targets: ['127.0.0.4'] }))).to.equal(
        '409 LLAMA_GROUP_EXISTS',
      );
      expect(await answer(put('big', '127.0.0.4', '127.0.0.5'))).to.equal('422 LLAMA_PLAN_TOO_LARGE');
      expect(await notInForce()).to.have.lengthOf(1);
      const shown = await call('GET', '/big');
      const small = { ...shown.json(), targets: ['127.0.0.4'] };
      expect(await answer(call('PUT', '/big', small, '"api-other"'))).to.equal('412 LLAMA_GROUP_CHANGED');
      expect(await answer(call('PUT', '/big', small, String(shown.headers.etag)))).to.equal('200');
      expect(await names()).to.deep.equal(['west: file', 'big: api']);
      expect(await notInForce()).to.deep.equal([]);
    });

    it('may be made smaller by PATCH', async () => {
      expect(await answer(call('PATCH', '/big/targets', { remove: ['127.0.0.2'] }))).to.equal('200');
      expect(await names()).to.deep.equal(['west: file', 'big: api']);
    });

    it('hide a group of the file as they do in force, over a reload, until they are reverted', async () => {
      await start({ big: ['127.0.0.9'] }, 1);
      expect(await names()).to.deep.equal([]);
      expect((await notInForce())[0]).to.include({ name: 'big', hidesFile: true });
      await collector?.putGroup(parseGroup({ targets: ['127.0.0.8'] }, 'big'));
      expect(await names()).to.deep.equal([]);
      const back = await call('DELETE', '/big?revert=1');
      expect([back.statusCode, back.json().targets, back.json().origin]).to.deep.equal([
        200,
        [{ address: '127.0.0.8' }],
        'file',
      ]);
      expect(await notInForce()).to.deep.equal([]);
    });
  });

  describe('written by a newer version', () => {
    const newer = writeState('west', { kind: 'group', text: '{"targets":["127.0.0.2"],"novel":1}' }).replace(
      '"version":1',
      '"version":2',
    );
    beforeEach(async () => {
      writeFileSync(stateFile('west'), newer);
      await start({ west: ['127.0.0.1'] });
    });

    it('stay on the disk as they are, are shown and warned of, and hide the group of the file', async () => {
      expect(await names()).to.deep.equal([]);
      const [waiting] = await notInForce();
      expect(waiting).to.include({ name: 'west', hidesFile: true });
      expect(waiting.notInForce).to.match(/newer version of LLAMA \(format 2\)/);
      expect((await call('GET', '/west')).json()).to.deep.equal(waiting);
      expect(collector?.status().warnings.join()).to.match(/group west: not in force.*newer version/);
      await put('other', '127.0.0.3');
      await call('DELETE', '/other');
      await start({ west: ['127.0.0.1'] });
      expect(readFileSync(stateFile('west'), 'utf8')).to.equal(newer);
      expect(readdirSync(dir).filter((file) => file.includes('damaged'))).to.deep.equal([]);
    });

    it('cannot be patched, but replaced, removed and reverted', async () => {
      expect(await answer(call('PATCH', '/west/targets', { add: ['127.0.0.4'] }))).to.equal('409 LLAMA_GROUP_CONFLICT');
      const { etag } = (await call('GET', '/west')).headers;
      expect(await answer(call('PUT', '/west', { targets: ['127.0.0.5'] }, String(etag)))).to.equal('200');
      expect(await names()).to.deep.equal(['west: api']);
      expect(readFileSync(stateFile('west'), 'utf8')).to.match(/"version":1/);
      writeFileSync(stateFile('west'), newer);
      await start({ west: ['127.0.0.1'] });
      expect(await answer(call('DELETE', '/west'))).to.equal('204');
      expect((await list()).removed).to.deep.equal(['west']);
      await end();
      writeFileSync(stateFile('west'), newer);
      await start({ west: ['127.0.0.1'] });
      expect(await answer(call('DELETE', '/west?revert=1'))).to.equal('200');
      expect(await names()).to.deep.equal(['west: file']);
      expect(readdirSync(dir).filter((name) => name !== KEPT_RESULTS && name !== KEPT_PLACE)).to.deep.equal(['lock']);
    });

    it('are as they were when a change cannot be kept', async () => {
      // A directory in the place of the new file can't be written, for root neither.
      const blocker = `${stateFile('west')}.new`;
      mkdirSync(blocker);
      expect(await answer(put('west', '127.0.0.5'))).to.equal('507 LLAMA_STATE_UNWRITABLE');
      rmSync(blocker, { recursive: true });
      expect(readFileSync(stateFile('west'), 'utf8')).to.equal(newer);
      expect(await notInForce()).to.have.lengthOf(1);
    });
  });

  it('a sound file whose group this version does not accept is left as it is, and shown with every problem', async () => {
    const text = writeState('west', { kind: 'group', text: '{"targets":["nowhere","127.0.0.1/8"]}' });
    writeFileSync(stateFile('west'), text);
    await start();
    const [waiting] = await notInForce();
    expect(waiting.notInForce).to.match(/found "nowhere".*; .*found "127.0.0.1\/8"/);
    expect(readFileSync(stateFile('west'), 'utf8')).to.equal(text);
  });

  describe('DELETE with revert=1', () => {
    beforeEach(() => start({ west: ['127.0.0.1'], east: ['127.0.0.2'] }));

    it('brings a removed group back, whose absence is listed and explained until then', async () => {
      const { etag } = (await call('GET', '/west')).headers;
      await call('DELETE', '/west');
      expect(await list()).to.deep.include({ removed: ['west'] });
      for (const gone of [await call('GET', '/west'), await call('DELETE', '/west')]) {
        expect(gone.statusCode).to.equal(404);
        expect(gone.json().detail).to.match(/removed by REST; DELETE \/v1\/groups\/west\?revert=1 brings it back/);
      }
      const plan = await call('DELETE', '/west?revert=1&dryRun=1');
      expect(plan.json()).to.deep.include({ action: 'create', name: 'west' });
      expect(await list()).to.deep.include({ removed: ['west'] });
      const back = await call('DELETE', '/west?revert=1');
      expect([back.statusCode, back.headers.etag]).to.deep.equal([200, etag]);
      expect(back.json()).to.include({ name: 'west', origin: 'file' });
      expect(await list()).to.deep.include({ removed: [] });
      expect(readdirSync(dir).filter((name) => name !== KEPT_RESULTS && name !== KEPT_PLACE)).to.deep.equal(['lock']);
      await start({ west: ['127.0.0.1'] });
      expect(await names()).to.deep.equal(['west: file']);
    });

    it('drops the change of a group by REST, under If-Match; the remaining paths continue', async () => {
      await call('PATCH', '/west/targets', { add: ['127.0.0.9'] });
      const shown = await call('GET', '/west');
      expect(shown.json()).to.include({ origin: 'api', hidesFile: true });
      expect(await answer(call('DELETE', '/west?revert=1', undefined, '"api-other"'))).to.equal(
        '412 LLAMA_GROUP_CHANGED',
      );
      const plan = (await call('DELETE', '/west?revert=1&dryRun=1')).json();
      expect(plan).to.deep.include({ action: 'change', restarts: false });
      expect(plan.targets).to.deep.equal({ added: 0, removed: 1, kept: 1, retagged: 0 });
      const back = await call('DELETE', '/west?revert=1', undefined, String(shown.headers.etag));
      expect(back.json().targets).to.deep.equal([{ address: '127.0.0.1' }]);
      expect(collector?.group('west')?.targets).to.have.lengthOf(1);
      await start({ west: ['127.0.0.1'] });
      expect(await names()).to.deep.equal(['west: file']);
    });

    it('returns to the current definition of the file, not to that of the time of the change', async () => {
      await put('west', '127.0.0.9');
      await collector?.putGroup(parseGroup({ targets: ['127.0.0.7'] }, 'west'));
      expect((await call('DELETE', '/west?revert=1')).json().targets).to.deep.equal([{ address: '127.0.0.7' }]);
    });

    it('says when there is nothing to go back to, and changes nothing', async () => {
      await put('live', '127.0.0.5');
      await put('east', '127.0.0.6');
      await collector?.deleteGroup('east');
      const before = await names();
      for (const [name, status, detail] of [
        ['west', 409, /as the config file has it.*nothing to revert/],
        ['live', 409, /which the config file does not have.*leave revert out/],
        ['east', 409, /which the config file does not have/],
        ['nowhere', 404, /expected one of/],
      ] as const) {
        const response = await call('DELETE', `/${name}?revert=1`);
        expect(response.statusCode, name).to.equal(status);
        expect(response.json().detail, name).to.match(detail);
      }
      expect(await names()).to.deep.equal(before);
    });

    it("is refused when the file's group has no room any more, and changes nothing", async () => {
      await start({ west: ['127.0.0.1', '127.0.0.2'] }, 2);
      await put('west', '127.0.0.1');
      await put('live', '127.0.0.5');
      expect(await answer(call('DELETE', '/west?revert=1'))).to.equal('422 LLAMA_PLAN_TOO_LARGE');
      expect(await names()).to.deep.equal(['west: api', 'live: api']);
      await start({ west: ['127.0.0.1', '127.0.0.2'] }, 2);
      expect(await names()).to.have.members(['west: api', 'live: api']);
    });
  });
});
