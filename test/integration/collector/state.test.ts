/**
 * The state directory, alone and with a collector: what is kept, what a full or damaged disk does, and who may use it.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { LlamaError } from '../../../src/base/errors.js';
import { Collector } from '../../../src/collector/collector.js';
import { KEPT_PLACE } from '../../../src/collector/state/keptPlace.js';
import { KEPT_RESULTS } from '../../../src/collector/state/keptResults.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import type { Group } from '../../../src/config/types.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';

async function refusal(work: Promise<unknown>): Promise<LlamaError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LlamaError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the state directory', () => {
  let folder: string;
  let dir: string;
  let logged: Record<string, unknown>[];
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const collectors: Collector[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-state-'));
    dir = join(folder, 'deep', 'state');
    logged = [];
  });
  afterEach(async () => {
    for (const collector of collectors.splice(0)) await collector.close(0);
    rmSync(folder, { recursive: true });
  });

  const group = (name: string, ...targets: string[]): Group => parseGroup({ targets }, name);
  const put = (collector: Collector, ...args: Parameters<typeof group>) =>
    collector.changeGroup(args[0], () => group(...args));
  const remove = (collector: Collector, name: string) => collector.changeGroup(name, () => undefined);
  /** Name, origin and targets of what is in force. */
  const inForce = (collector: Collector): Record<string, string> =>
    Object.fromEntries(
      collector
        .activeGroups()
        .map((held) => [
          held.group.name,
          `${held.origin}: ${held.group.targets.map(({ address }) => address).join(' ')}`,
        ]),
    );
  async function start(groups: Record<string, string[]> = {}, stateDir = dir, more: object = {}): Promise<Collector> {
    const file = Object.fromEntries(Object.entries(groups).map(([name, targets]) => [name, { targets }]));
    const text = JSON.stringify({
      collector: { name: 'test', workers: 1, ...more },
      source: { ports: 1 },
      stateDir,
      groups: file,
    });
    const collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger });
    collectors.push(collector);
    await collector.measure();
    return collector;
  }
  /** Ends without a word, as far as one process can. */
  async function end(collector: Collector): Promise<void> {
    collectors.splice(collectors.indexOf(collector), 1);
    await collector.close(0);
  }

  it('is made when it is missing, for its owner only', async () => {
    await start();
    expect(statSync(dir).mode & 0o777).to.equal(0o700);
  });

  it('restores live changes, separate from the groups of the file', async () => {
    const first = await start({ west: ['127.0.0.1'], gone: ['127.0.0.2'] });
    await put(first, 'live', '127.0.0.3', '127.0.0.4');
    await put(first, 'short', '127.0.0.9');
    await remove(first, 'short');
    await remove(first, 'gone');
    const before = inForce(first);
    expect(before).to.deep.equal({ west: 'file: 127.0.0.1', live: 'api: 127.0.0.3 127.0.0.4' });
    const { etag } = first.activeGroup('live') ?? {};
    await end(first);
    const second = await start({ west: ['127.0.0.1'], gone: ['127.0.0.2'] });
    expect(inForce(second)).to.deep.equal(before);
    expect(second.activeGroup('live')?.etag).to.equal(etag);
  });

  it('is made again, with all that is kept, when it was removed under a running collector', async () => {
    const first = await start({ gone: ['127.0.0.2'] });
    await put(first, 'live', '127.0.0.3');
    await remove(first, 'gone');
    const before = readdirSync(dir).filter((name) => name.endsWith('.group.json'));
    expect(before).to.have.length(2);
    rmSync(dir, { recursive: true });
    writeFileSync(dir, 'in the way');
    await waitFor('a warning', () => first.status().warnings.some((text) => /are not kept.*it is a file/.test(text)));
    rmSync(dir);
    await waitFor('the warning ends', () => !first.status().warnings.some((text) => /are not kept/.test(text)));
    expect(readdirSync(dir)).to.include.members(before);
    const stranger = await refusal(
      Collector.start(parseConfig(`{ stateDir: ${dir}, source: { ports: 1 } }`, 'c.yaml', {}), { logger }),
    );
    expect(stranger.code).to.equal('LLAMA_STATE_IN_USE');
    await end(first);
    const second = await start({ gone: ['127.0.0.2'] });
    expect(inForce(second)).to.deep.equal({ live: 'api: 127.0.0.3' });
  });

  it('a live group wins over the one of the file, also over a new one; removed, neither is probed', async () => {
    const first = await start({ west: ['127.0.0.1'] });
    await put(first, 'west', '127.0.0.2');
    await end(first);
    const second = await start({ west: ['127.0.0.3'] });
    expect(inForce(second)).to.deep.equal({ west: 'api: 127.0.0.2' });
    expect(second.inFile('west')).to.equal(true);
    expect(logged.map(({ msg }) => msg)).to.include('a live group hides the group of this name in the config file');
    await second.putGroup(group('west', '127.0.0.4'));
    expect(inForce(second)).to.deep.equal({ west: 'api: 127.0.0.2' });
    await remove(second, 'west');
    expect(inForce(second)).to.deep.equal({});
    await end(second);
    expect(inForce(await start({ west: ['127.0.0.4'] }))).to.deep.equal({});
  });

  it('a group of the file that was removed live stays away until the file changes it', async () => {
    const first = await start({ west: ['127.0.0.1'] });
    await remove(first, 'west');
    await first.putGroup(group('west', '127.0.0.1'));
    expect(inForce(first)).to.deep.equal({});
    await first.putGroup(group('west', '127.0.0.2'));
    expect(inForce(first)).to.deep.equal({ west: 'file: 127.0.0.2' });
    await end(first);
    expect(readdirSync(dir).filter((name) => name !== KEPT_RESULTS && name !== KEPT_PLACE)).to.deep.equal(['lock']);
    const second = await start({ west: ['127.0.0.2'] });
    await remove(second, 'west');
    await end(second);
    expect(inForce(await start({ west: ['127.0.0.3'] }))).to.deep.equal({ west: 'file: 127.0.0.3' });
  });

  it('forgets a removal when the file has the group no more', async () => {
    const first = await start({ west: ['127.0.0.1'] });
    await remove(first, 'west');
    await end(first);
    await end(await start());
    expect(inForce(await start({ west: ['127.0.0.1'] }))).to.deep.equal({ west: 'file: 127.0.0.1' });
  });

  it('sets damaged files aside, says so, starts, and keeps the others', async () => {
    const first = await start();
    await put(first, 'fine', '127.0.0.1');
    await put(first, 'cut', '127.0.0.2');
    await put(first, 'wrong', '127.0.0.3');
    await end(first);
    const file = join(dir, 'cut.group.json');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 120));
    writeFileSync(join(dir, 'wrong.group.json'), 'groups: {}');
    writeFileSync(join(dir, 'other.group.json'), readFileSync(join(dir, 'fine.group.json')));
    // Not a file at all: it cannot even be read.
    mkdirSync(join(dir, 'folder.group.json'));
    writeFileSync(join(dir, 'half.group.json.new'), '{"for');
    logged = [];
    const second = await start();
    expect(inForce(second)).to.deep.equal({ fine: 'api: 127.0.0.1' });
    const files = readdirSync(dir);
    for (const name of ['cut', 'wrong', 'other', 'folder'])
      expect(files.filter((one) => one.startsWith(`${name}.group.json`))[0]).to.match(/\.damaged-\d{4}-/);
    expect(files).not.to.include('half.group.json.new');
    const lines = logged.filter(({ msg }) => String(msg).startsWith('a damaged state file was set aside'));
    expect(lines.map(({ damage }) => damage)).to.have.lengthOf(4);
    expect(JSON.stringify(lines))
      .to.match(/its end is missing/)
      .and.match(/does not begin as a state file does/);
    await put(second, 'cut', '127.0.0.5');
    await end(second);
    expect(inForce(await start())).to.deep.equal({ fine: 'api: 127.0.0.1', cut: 'api: 127.0.0.5' });
  });

  it('starts without a live group that no longer fits the plan, says so, and keeps it', async () => {
    const first = await start();
    await put(first, 'big', '127.0.0.1', '127.0.0.2');
    await end(first);
    const second = await start({ west: ['127.0.0.3'] }, dir, { maxProbesPerSecond: 2 });
    expect(inForce(second)).to.deep.equal({ west: 'file: 127.0.0.3' });
    expect(JSON.stringify(logged)).to.match(/need of 3 probes.*a live group of the state directory is not in force/);
    await end(second);
    expect(Object.keys(inForce(await start()))).to.deep.equal(['big']);
  });

  it('serves one collector at a time, and names the one that has it', async () => {
    const first = await start();
    const error = await refusal(start());
    expect(error.code).to.equal('LLAMA_STATE_IN_USE');
    expect(error.message).to.include(`process ${process.pid}`);
    await end(first);
    await start();
  });

  it('takes over the lock of a process that was killed', async () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'lock'), '1\n');
    await start();
    expect(readFileSync(join(dir, 'lock'), 'utf8')).to.equal(`${process.pid}\n`);
  });

  it('reports a path that is no directory', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'file', 'x')]) {
      const error = await refusal(start({}, path));
      expect([error.code, error.exitCode]).to.deep.equal(['LLAMA_STATE_UNWRITABLE', 2]);
      expect(error.message).to.match(/it is a file; name a directory|a part of the path is a file/);
    }
  });

  it('a change that cannot be kept is refused with 507 and changes nothing', async () => {
    const collector = await start({ west: ['127.0.0.1'] });
    await put(collector, 'live', '127.0.0.3');
    const app = buildApi(collector);
    const before = inForce(collector);
    // A directory in the place of the new file can't be written, for root neither.
    for (const name of ['live', 'west', 'new']) mkdirSync(join(dir, `${name}.group.json.new`));
    for (const [method, name] of [
      ['PUT', 'live'],
      ['PUT', 'new'],
      ['DELETE', 'west'],
    ] as const) {
      const payload = method === 'PUT' ? { payload: { targets: ['127.0.0.7'] } } : {};
      const response = await app.inject({ method, url: `/v1/groups/${name}`, ...payload });
      expect([response.statusCode, response.json().code], response.body).to.deep.equal([507, 'LLAMA_STATE_UNWRITABLE']);
    }
    expect(inForce(collector)).to.deep.equal(before);
    for (const name of ['live', 'west', 'new']) rmSync(join(dir, `${name}.group.json.new`), { recursive: true });
    await put(collector, 'new', '127.0.0.8');
    await app.close();
    await end(collector);
    expect(inForce(await start({ west: ['127.0.0.1'] }))).to.deep.equal({ ...before, new: 'api: 127.0.0.8' });
  });

  describe('on a disk that is full, or read-only', () => {
    let mounted: string | undefined;
    beforeEach(function () {
      needs(this, 'root');
      mkdirSync(dir, { recursive: true });
      mount('-t', 'tmpfs', '-o', 'size=64k', 'llama-test', dir);
      mounted = dir;
    });
    afterEach(async () => {
      for (const collector of collectors.splice(0)) await collector.close(0);
      if (mounted !== undefined) spawnSync('umount', [mounted]);
      mounted = undefined;
    });

    function mount(...args: string[]): void {
      const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
    }

    it('refuses the change with a remedy, changes nothing, and continues when there is space', async () => {
      const collector = await start();
      await put(collector, 'live', '127.0.0.1');
      writeFileSync(join(dir, 'ballast'), Buffer.alloc(40_000));
      const many = Array.from({ length: 1000 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
      for (const name of ['live', 'new']) {
        const error = await refusal(put(collector, name, ...many));
        expect([error.code, error.status]).to.deep.equal(['LLAMA_STATE_UNWRITABLE', 507]);
        expect(error.message).to.match(/ENOSPC: the file system is full; make room/);
      }
      expect(inForce(collector)).to.deep.equal({ live: 'api: 127.0.0.1' });
      expect(readdirSync(dir).sort()).to.deep.equal(['ballast', 'live.group.json', 'lock']);
      rmSync(join(dir, 'ballast'));
      await put(collector, 'new', '127.0.0.2');
      await end(collector);
      expect(inForce(await start())).to.deep.equal({ live: 'api: 127.0.0.1', new: 'api: 127.0.0.2' });
    });

    it('refuses changes on a read-only file system', async () => {
      const collector = await start();
      await put(collector, 'live', '127.0.0.1');
      // The lock file is open for writing, so it is not the file system but this view of it that becomes read-only.
      mount('--bind', dir, dir);
      mount('-o', 'remount,bind,ro', dir);
      try {
        for (const change of [put(collector, 'new', '127.0.0.2'), remove(collector, 'live')])
          expect((await refusal(change)).message).to.match(/EROFS: the file system is read-only/);
        expect(inForce(collector)).to.deep.equal({ live: 'api: 127.0.0.1' });
      } finally {
        spawnSync('umount', [dir]);
      }
    });
  });
});
