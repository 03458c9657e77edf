import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { Deployment } from '../../../src/collector/deployment.js';
import { GroupChanges } from '../../../src/collector/groupChanges.js';
import { KeptState } from '../../../src/collector/state/keptState.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { FakeThreads } from '../../support/fakes/fakeThreads.js';
import { silent } from '../../support/harness/live.js';

describe('GroupChanges', () => {
  let folder: string;
  let kept: KeptState | undefined;
  let threads: FakeThreads;
  let deployment: Deployment;
  let changes: GroupChanges;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-changes-'));
    await start();
  });
  afterEach(async () => {
    await end();
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<void> {
    const text = `{ collector: { maxProbesPerSecond: 3 }, source: { ports: 1 }, stateDir: ${folder}, groups: { file: { targets: [10.0.0.1] } } }`;
    const config = parseConfig(text, 'c.yaml', {});
    kept = await KeptState.open(config, silent);
    threads = new FakeThreads(config.source.ports);
    deployment = new Deployment({ config, logger: silent, threads });
    deployment.state = 'running';
    changes = new GroupChanges({ config, logger: silent, deployment, kept });
    await changes.begin(config.groups);
  }
  async function end(): Promise<void> {
    await changes.discovery.close();
    deployment.close();
    await kept?.close();
  }

  const put = (name: string, ...targets: string[]) => changes.change(name, () => parseGroup({ targets }, name));
  const remove = (name: string) => changes.change(name, () => undefined);
  const inForce = () =>
    changes.registry.active().map(({ group, origin }) => `${origin} ${group.name} ${group.targets.length}`);
  const stateFiles = () => readdirSync(folder).filter((file) => file.endsWith('.group.json'));
  const refuse = (step: string, when = true): void => {
    threads.fault = (now, taken) => {
      if (now === step && taken === when) throw new LlamaError('LLAMA_GROUP_INVALID', 'refused');
    };
  };
  async function failure(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => 'none',
      (error: unknown) => (error instanceof LlamaError ? error.code : String(error)),
    );
  }

  it('has a change in the state directory before the threads hear of it', async () => {
    let atPut: string[] = [];
    threads.fault = (step, taken) => {
      if (step === 'put live' && !taken) atPut = stateFiles();
    };
    await put('live', '10.0.0.2');
    expect(atPut).to.deep.equal(['live.group.json']);
    let atRemoval = '';
    threads.fault = (step) => {
      if (step === 'remove file') atRemoval = readFileSync(join(folder, 'file.group.json'), 'utf8');
    };
    await remove('file');
    expect(atRemoval).to.include('"removed":');
  });

  for (const taken of [false, true])
    it(`leaves groups and state files as they were when a change fails ${taken ? 'behind' : 'before'} the point of no return`, async () => {
      await put('live', '10.0.0.2');
      const [groups, text] = [inForce(), readFileSync(join(folder, 'live.group.json'), 'utf8')];
      refuse('put live', taken);
      const error = await failure(put('live', '10.0.0.3', '10.0.0.4'));
      threads.fault = () => {};
      expect(error).to.equal('LLAMA_GROUP_INVALID');
      expect(inForce()).to.deep.equal(groups);
      expect(deployment.group('live')?.targets.map(({ address }) => address)).to.deep.equal(['10.0.0.2']);
      expect(readFileSync(join(folder, 'live.group.json'), 'utf8')).to.equal(text);
      expect(threads.open).to.equal(0);
    });

  it('checks a dry run and changes nothing', async () => {
    threads.steps.length = 0;
    const live = (targets: string[]) => changes.change('live', () => parseGroup({ targets }, 'live'), { dryRun: true });
    const { before, after, difference } = await live(['10.0.0.2', '10.0.0.3']);
    expect([before, after?.group.name, difference.targets.added]).to.deep.equal([undefined, 'live', 2]);
    expect(await failure(live(['10.0.0.2', '10.0.0.3', '10.0.0.4']))).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect([threads.steps, stateFiles(), inForce()]).to.deep.equal([[], [], ['file file 1']]);
  });

  it('runs changes in the order of the calls; each sees the group that the one before it made', async () => {
    const seen: (string | undefined)[] = [];
    const add = (address: string) =>
      changes.change('live', (known) => {
        seen.push(known?.text);
        return parseGroup({ targets: [address] }, 'live');
      });
    const [first, second] = await Promise.all([add('10.0.0.2'), add('10.0.0.3')]);
    expect(seen).to.deep.equal([undefined, first.after?.text]);
    expect(second.before).to.equal(first.after);
  });

  it('puts a group that did not fit at the start in force as soon as another one makes room', async () => {
    await put('live', '10.0.0.2', '10.0.0.3');
    await end();
    await start();
    expect(inForce()).to.deep.equal(['file file 1', 'api live 2']);
    await remove('file');
    await put('other', '10.0.0.4');
    await end();
    rmSync(join(folder, 'file.group.json'));
    await start();
    expect(inForce()).to.deep.equal(['file file 1', 'api live 2']);
    expect(changes.registry.suspended().map(({ name, origin }) => `${origin} ${name}`)).to.deep.equal(['api other']);
    await remove('live');
    await changes.inTurn(async () => {});
    expect(inForce()).to.deep.equal(['file file 1', 'api other 1']);
  });
});
