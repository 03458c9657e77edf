import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { Collector } from '../../../../src/collector/collector.js';
import { Deployment } from '../../../../src/collector/deployment.js';
import { GroupChanges } from '../../../../src/collector/groupChanges.js';
import { type Alongside, ConfigReloader } from '../../../../src/collector/groups/reload.js';
import { KeptState } from '../../../../src/collector/state/keptState.js';
import { type LoadedConfig, readConfig } from '../../../../src/config/collector/config.js';
import { groupToJson, parseGroup } from '../../../../src/config/group/group.js';
import { FakeThreads } from '../../../support/fakes/fakeThreads.js';
import { liveConfig, silent } from '../../../support/harness/live.js';

const A = 'a: { targets: [10.0.0.1] }';
const B = 'b: { targets: [10.0.0.2] }';
const deployments: Deployment[] = [];

const LIVE = { targets: ['10.0.0.9'] };

/** The groups of a collector and a config file that can be rewritten; threads are left out. */
class Fixture {
  readonly threads: FakeThreads;
  /** How often a plan was checked. */
  checks = 0;
  readonly groups: GroupChanges;
  readonly reloader: ConfigReloader;
  private text: string;

  private constructor(groups: string, rest: string, kept?: KeptState) {
    this.text = `groups: { ${groups} }\n${rest}`;
    const loaded = this.load();
    const { config } = loaded;
    this.threads = new FakeThreads(config.source.ports);
    const deployment = new Deployment({ config, logger: silent, threads: this.threads });
    deployment.state = 'running';
    const check = deployment.check.bind(deployment);
    deployment.check = (planned) => {
      this.checks += 1;
      check(planned);
    };
    deployments.push(deployment);
    this.groups = new GroupChanges({ config, logger: silent, deployment, kept });
    this.reloader = new ConfigReloader(this.groups, loaded, () => this.load());
  }

  static async start(groups: string, rest = '', kept?: KeptState): Promise<Fixture> {
    const fixture = new Fixture(groups, rest, kept);
    await fixture.groups.begin(fixture.load().config.groups);
    fixture.threads.steps.length = 0;
    fixture.threads.peak = 0;
    fixture.checks = 0;
    return fixture;
  }

  private load(): LoadedConfig {
    return readConfig(this.text, 'c.yaml', {});
  }

  reload(groups: string, rest = '', alongside?: Alongside) {
    this.text = `groups: { ${groups} }\n${rest}`;
    return this.reloader.reload(alongside);
  }

  put(name: string, group: object) {
    return this.groups.change(name, () => parseGroup(group, name));
  }

  remove(name: string) {
    return this.groups.change(name, () => undefined);
  }

  names(): string[] {
    return this.groups.registry.active().map(({ group }) => group.name);
  }

  address(name: string): string | undefined {
    return this.groups.registry.get(name)?.active?.group.targets[0]?.address;
  }

  /** Everything that a failed reload must leave alone. */
  snapshot() {
    const texts = (groups: Iterable<{ readonly name: string }>) =>
      Object.fromEntries(
        [...groups].map((group) => [group.name, JSON.stringify(groupToJson(parseGroupOf(group)))]).toSorted(),
      );
    return {
      held: texts(this.groups.registry.active().map(({ group }) => group)),
      inForce: texts(this.threads.inForce.values()),
      origins: Object.fromEntries(this.groups.registry.active().map((held) => [held.group.name, held.origin])),
      file: ['a', 'b', 'c', 'd'].filter((name) => this.groups.registry.fileGroup(name) !== undefined),
      open: this.threads.open,
    };
  }
}

const parseGroupOf = (group: object) => group as ReturnType<typeof parseGroup>;

async function failure(work: Promise<unknown>): Promise<LlamaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LlamaError) return error;
  throw new Error(`expected a LlamaError, got ${error}`);
}

describe('ConfigReloader', () => {
  afterEach(() => {
    for (const deployment of deployments.splice(0)) deployment.close();
  });

  it('removes vanished groups, changes changed ones, adds new ones, and leaves groups of REST alone', async () => {
    const fixture = await Fixture.start(`${A}, ${B}, c: { targets: [10.0.0.3] }`);
    await fixture.put('live', LIVE);
    fixture.threads.steps.length = 0;
    const report = await fixture.reload(`${A}, b: { targets: [10.0.0.2], classes: [ef] }, d: { targets: [10.0.0.4] }`);
    expect(report).to.deep.include({ added: ['d'], changed: ['b'], removed: ['c'], kept: [], restart: [] });
    expect(fixture.names()).to.have.members(['a', 'b', 'd', 'live']);
    expect(fixture.threads.steps).to.deep.equal(['remove c', 'put b', 'put d']);
    expect(fixture.groups.registry.get('b')?.active?.group.classes[0]?.name).to.equal('ef');
  });

  it('keeps a change or removal of a group of the file by REST, and names it', async () => {
    const fixture = await Fixture.start(`${A}, ${B}`);
    await fixture.put('a', { targets: ['10.0.0.7'] });
    await fixture.remove('b');
    await fixture.put('live', LIVE);
    const report = await fixture.reload(
      `a: { targets: [10.0.0.1], classes: [ef] }, ${B}, live: { targets: [10.0.0.8] }`,
    );
    expect(report).to.deep.include({ added: [], changed: [], removed: [], kept: ['a', 'b', 'live'] });
    expect([fixture.address('a'), fixture.address('live'), fixture.address('b')]).to.deep.equal([
      '10.0.0.7',
      '10.0.0.9',
      undefined,
    ]);
  });

  it('knows the definitions of the file that groups of REST replace', async () => {
    const fixture = await Fixture.start(`${A}, ${B}, c: { targets: [10.0.0.3] }`);
    await fixture.put('a', { targets: ['10.0.0.7'] });
    await fixture.remove('b');
    await fixture.remove('c');
    expect(await fixture.reload('b: { targets: [10.0.0.5] }')).to.deep.include({ added: ['b'], kept: ['a', 'c'] });
    expect(fixture.address('b'), 'a removal holds until the file changes').to.equal('10.0.0.5');
    expect(['a', 'b', 'c'].filter((name) => fixture.groups.registry.fileGroup(name) !== undefined)).to.deep.equal([
      'b',
    ]);
    expect(fixture.groups.registry.get('a')?.active?.origin).to.equal('api');
    expect(await fixture.reload(`${A}, c: { targets: [10.0.0.3] }`)).to.deep.include({
      added: ['c'],
      removed: ['b'],
      kept: ['a'],
    });
    expect(fixture.groups.registry.fileGroup('a')).not.to.equal(undefined);
  });

  it('a wrong file changes nothing and says why, with lines; the next reload works', async () => {
    const fixture = await Fixture.start(`${A}, ${B}`);
    const error = await failure(fixture.reload('a: { targets: [nowhere] }'));
    expect(error.code).to.equal('LLAMA_CONFIG_INVALID');
    expect(error.problems[0]).to.include({ line: 1, column: 26, path: '/groups/a/targets/0' });
    expect(fixture.names()).to.deep.equal(['a', 'b']);
    expect((await fixture.reload(A)).removed).to.deep.equal(['b']);
  });

  it('changes nothing when a plan does not fit with the groups of REST, and names the line of the group in the file', async () => {
    const fixture = await Fixture.start(A);
    const large = { period: '1ms', timeout: '60s', targets: ['10.1.0.1', '10.1.0.2', '10.1.0.3'] };
    await fixture.put('live', large);
    const before = fixture.snapshot();
    const error = await failure(
      fixture.reload(
        `${A},\n big: ${JSON.stringify({ ...large, targets: ['10.2.0.1', '10.2.0.2', '10.2.0.3', '10.2.0.4'] })}`,
      ),
    );
    expect(error.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(error.problems[0]).to.include({ path: '/groups/big', line: 2, column: 2 });
    expect(error.message).to.match(/^c\.yaml:2:2: \/groups\/big: found a need of/);
    expect(fixture.snapshot()).to.deep.equal(before);
  });

  describe('at the edge of the budget', () => {
    // 16 source ports: 1,600 and 800 probes a second.
    const budget = 'collector: { maxProbesPerSecond: 2400 }';
    const rates = (a: string, b: string): string =>
      `a: { targets: [10.0.0.1], period: ${a} }, b: { targets: [10.0.0.2], period: ${b} }`;

    for (const [from, to] of [
      [rates('10ms', '20ms'), rates('20ms', '10ms')],
      [rates('20ms', '10ms'), rates('10ms', '20ms')],
    ] as const)
      it(`two groups exchange their rates: ${to}`, async () => {
        const fixture = await Fixture.start(from, budget);
        expect(await fixture.reload(to, budget)).to.deep.include({ changed: ['a', 'b'] });
        expect(fixture.threads.peak, 'probes a second on the way').to.equal(2400);
        expect(fixture.checks).to.equal(1);
      });

    it('allows a growing rate with a shrinking memory: only the total is checked', async () => {
      const group = (name: string, address: string, period: string, timeout: string): string =>
        `${name}: { targets: [${address}], period: ${period}, timeout: ${timeout} }`;
      const from = `${group('a', '10.0.0.1', '20ms', '50s')}, ${group('b', '10.0.0.2', '10ms', '1ms')}`;
      const to = `${group('a', '10.0.0.1', '10ms', '1ms')}, ${group('b', '10.0.0.2', '20ms', '50s')}`;
      const most = `${budget}\nsource: { ports: 16 }`.replace(' }', ', probeMemory: 5MiB }');
      const fixture = await Fixture.start(from, most);
      expect(await fixture.reload(to, most)).to.deep.include({ changed: ['a', 'b'] });
      expect(fixture.threads.peak).to.equal(2400);
    });

    it('a group takes the place of another', async () => {
      const fixture = await Fixture.start(rates('10ms', '20ms'), budget);
      const to = 'c: { targets: [10.0.0.3], period: 10ms }, b: { targets: [10.0.0.2], period: 20ms }';
      expect(await fixture.reload(to, budget)).to.deep.include({ added: ['c'], removed: ['a'], changed: [] });
      expect(fixture.threads.peak).to.equal(2400);
    });

    it('two groups of a collector that measures exchange their rates', async () => {
      const config = liveConfig({ ports: 1 });
      const collector = await Collector.start(
        { ...config, collector: { ...config.collector, maxProbesPerSecond: 150 } },
        { logger: silent },
      );
      try {
        const groups = (a: string, b: string) =>
          Object.entries({ a, b }).map(([name, period]) => parseGroup({ targets: ['127.0.0.1'], period }, name));
        await collector.reloadFile(groups('10ms', '20ms'));
        expect(await collector.reloadFile(groups('20ms', '10ms'))).to.deep.include({ changed: ['a', 'b'] });
        expect(collector.groups().map(({ periodNs }) => periodNs)).to.have.members([20e6, 10e6]);
        expect(collector.status().probesPerSecond).to.equal(150);
      } finally {
        await collector.close(0);
      }
    });
  });

  describe('that fails midway', () => {
    const from = `${A}, ${B}, c: { targets: [10.0.0.3] }`;
    const to = 'b: { targets: [10.0.0.2], port: 9 }, c: { targets: [10.0.0.3] }, d: { targets: [10.0.0.4] }';

    for (const [step, taken] of [
      ['prepare d', false],
      ['remove a', false],
      ['put b', false],
      ['put b', true],
      ['put d', false],
      ['put d', true],
    ] as const)
      it(`at "${step}"${taken ? ', when it was taken' : ''}, leaves every group as it was, and the next reload works`, async () => {
        const fixture = await Fixture.start(from);
        const before = fixture.snapshot();
        let failed = false;
        fixture.threads.fault = (now, behind) => {
          if (failed || now !== step || behind !== taken) return;
          failed = true;
          throw new LlamaError('LLAMA_GROUP_INVALID', 'refused');
        };
        let enforced = 0;
        const error = await failure(fixture.reload(to, '', () => () => (enforced += 1)));
        expect(error.message).to.equal('refused');
        expect(enforced, 'what was read beside it').to.equal(0);
        expect(fixture.snapshot()).to.deep.equal(before);
        expect(await fixture.reload(to)).to.deep.include({ added: ['d'], changed: ['b'], removed: ['a'] });
        expect(fixture.names()).to.have.members(['b', 'c', 'd']);
        expect(fixture.threads.open).to.equal(0);
      });

    it('leaves removals in the state directory', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'llama-reload-'));
      const kept = await KeptState.open({ ...liveConfig(), stateDir: folder }, silent);
      try {
        const fixture = await Fixture.start(`${A}, ${B}`, '', kept);
        await fixture.remove('a');
        const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.json'));
        expect(files()).to.deep.equal(['a.group.json']);
        fixture.threads.fault = (now) => {
          if (now === 'put a') throw new LlamaError('LLAMA_GROUP_INVALID', 'refused');
        };
        await failure(fixture.reload(`a: { targets: [10.0.0.7] }, ${B}`));
        expect(files()).to.deep.equal(['a.group.json']);
        fixture.threads.fault = () => {};
        expect((await fixture.reload(`${A}, ${B}`)).kept).to.deep.equal(['a']);
        expect((await fixture.reload(`a: { targets: [10.0.0.7] }, ${B}`)).added).to.deep.equal(['a']);
        expect(files()).to.deep.equal([]);
      } finally {
        await kept?.close();
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe('with other files read along with the config', () => {
    it('changes nothing when that cannot be used, and places the problem in the file', async () => {
      const fixture = await Fixture.start(A);
      const error = await failure(
        fixture.reload(B, 'api:\n  tokenFile: /t\n', () => {
          throw new LlamaError('LLAMA_TOKEN_FILE', 'x', { problems: [{ path: '/api/tokenFile', message: 'found x' }] });
        }),
      );
      expect(error.code).to.equal('LLAMA_TOKEN_FILE');
      expect(error.problems).to.deep.equal([{ path: '/api/tokenFile', message: 'found x', line: 3, column: 3 }]);
      expect(fixture.names()).to.deep.equal(['a']);
    });

    it('does not read it when the config is wrong, and puts it into force after the groups', async () => {
      const fixture = await Fixture.start(A);
      const steps: string[] = [];
      const alongside: Alongside = () => {
        steps.push(`read with ${fixture.names()}`);
        return () => steps.push(`in force with ${fixture.names()}`);
      };
      await failure(fixture.reload('a: 1', '', alongside));
      expect(steps).to.deep.equal([]);
      await fixture.reload(B, '', alongside);
      expect(steps).to.deep.equal(['read with a', 'in force with b']);
    });
  });

  it('names options that take effect at the next start, compared with those in force', async () => {
    const fixture = await Fixture.start(A);
    const changed = await fixture.reload(A, 'collector: { interval: 5s }\napi: { listen: "127.0.0.1:1" }');
    expect(changed.restart).to.deep.equal(['collector.interval', 'api.listen']);
    expect((await fixture.reload(A, 'api: { listen: "127.0.0.1:1" }')).restart).to.deep.equal(['api.listen']);
    expect((await fixture.reload(A)).restart).to.deep.equal([]);
  });
});
