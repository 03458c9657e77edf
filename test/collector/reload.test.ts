import { expect } from 'chai';
import { ConfigReloader } from '../../src/collector/reload.js';
import { type LoadedConfig, readConfig } from '../../src/config/config.js';
import { parseGroup } from '../../src/config/group.js';
import type { Group } from '../../src/config/types.js';
import { LlamaError } from '../../src/errors.js';
import { FakeCollector } from '../support/fake-collector.js';

const A = 'a: { targets: [10.0.0.1] }';
const B = 'b: { targets: [10.0.0.2] }';

class Fixture {
  readonly collector: FakeCollector;
  readonly reloader: ConfigReloader;
  text: string;

  constructor(groups: string) {
    this.text = `groups: { ${groups} }`;
    this.collector = new FakeCollector(this.text);
    this.reloader = new ConfigReloader(this.collector, this.load(), () => this.load());
  }

  private load(): LoadedConfig {
    return readConfig(this.text, 'c.yaml', {});
  }

  reload(groups: string, rest = '') {
    this.text = `groups: { ${groups} }\n${rest}`;
    return this.reloader.reload();
  }

  names(): string[] {
    return this.collector.groups().map(({ name }) => name);
  }
}

async function failure(work: Promise<unknown>): Promise<LlamaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LlamaError) return error;
  throw new Error(`expected a LlamaError, got ${error}`);
}

describe('ConfigReloader', () => {
  const live = parseGroup({ targets: ['10.0.0.9'] }, 'live');

  it('removes what vanished, changes what changed, adds what is new, and leaves groups of REST alone', async () => {
    const fixture = new Fixture(`${A}, ${B}, c: { targets: [10.0.0.3] }`);
    await fixture.collector.putGroup(live, 'api');
    const puts: string[] = [];
    const put = fixture.collector.putGroup.bind(fixture.collector);
    fixture.collector.putGroup = (group: Group) => {
      puts.push(group.name);
      return put(group);
    };
    const report = await fixture.reload(`${A}, b: { targets: [10.0.0.2], classes: [ef] }, d: { targets: [10.0.0.4] }`);
    expect(report).to.deep.include({ added: ['d'], changed: ['b'], removed: ['c'], kept: [], restart: [] });
    expect(fixture.names()).to.have.members(['a', 'b', 'd', 'live']);
    expect(puts).to.have.members(['b', 'd']);
    expect(fixture.collector.group('b')?.classes[0]?.name).to.equal('ef');
  });

  it('keeps what REST made of a group of the file, also that it removed it, and names it', async () => {
    const fixture = new Fixture(`${A}, ${B}`);
    await fixture.collector.putGroup(parseGroup({ targets: ['10.0.0.7'] }, 'a'), 'api');
    await fixture.collector.deleteGroup('b', 'api');
    await fixture.collector.putGroup(live, 'api');
    const report = await fixture.reload(
      `a: { targets: [10.0.0.1], classes: [ef] }, ${B}, live: { targets: [10.0.0.8] }`,
    );
    expect(report).to.deep.include({ added: [], changed: [], removed: [], kept: ['a', 'b', 'live'] });
    expect(fixture.collector.group('a')?.targets[0]?.address).to.equal('10.0.0.7');
    expect(fixture.collector.group('live')?.targets[0]?.address).to.equal('10.0.0.9');
    expect(fixture.collector.group('b')).to.equal(undefined);
  });

  it('tells the collector what the file has in the place of groups of REST', async () => {
    const fixture = new Fixture(`${A}, ${B}, c: { targets: [10.0.0.3] }`);
    const { collector } = fixture;
    await collector.putGroup(parseGroup({ targets: ['10.0.0.7'] }, 'a'), 'api');
    await collector.deleteGroup('b', 'api');
    await collector.deleteGroup('c', 'api');
    expect(await fixture.reload('b: { targets: [10.0.0.5] }')).to.deep.include({ added: ['b'], kept: ['a', 'c'] });
    expect(collector.group('b')?.targets[0]?.address, 'a removal holds until the file changes').to.equal('10.0.0.5');
    expect(['a', 'b', 'c'].filter((name) => collector.inFile(name))).to.deep.equal(['b']);
    expect(collector.heldGroup('a')?.origin).to.equal('api');
    expect(await fixture.reload(`${A}, c: { targets: [10.0.0.3] }`)).to.deep.include({
      added: ['c'],
      removed: ['b'],
      kept: ['a'],
    });
    expect(collector.inFile('a')).to.equal(true);
  });

  it('a wrong file changes nothing and says why, with lines; the next reload works', async () => {
    const fixture = new Fixture(`${A}, ${B}`);
    const error = await failure(fixture.reload('a: { targets: [nowhere] }'));
    expect(error.code).to.equal('LLAMA_CONFIG_INVALID');
    expect(error.problems[0]).to.include({ line: 1, path: '/groups/a/targets/0' });
    expect(fixture.names()).to.deep.equal(['a', 'b']);
    expect((await fixture.reload(A)).removed).to.deep.equal(['b']);
  });

  it('a plan that has no room beside the groups of REST changes nothing', async () => {
    const fixture = new Fixture(A);
    const large = { period: '1ms', timeout: '60s', targets: ['10.1.0.1', '10.1.0.2', '10.1.0.3'] };
    await fixture.collector.putGroup(parseGroup(large, 'live'), 'api');
    const error = await failure(
      fixture.reload(
        `${A}, big: ${JSON.stringify({ ...large, targets: ['10.2.0.1', '10.2.0.2', '10.2.0.3', '10.2.0.4'] })}`,
      ),
    );
    expect(error.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(fixture.names()).to.deep.equal(['a', 'live']);
  });

  it('undoes what was done when the collector refuses a group', async () => {
    const fixture = new Fixture(`${A}, ${B}`);
    const before = fixture.collector.groups();
    const put = fixture.collector.putGroup.bind(fixture.collector);
    fixture.collector.putGroup = async (group: Group) => {
      if (group.name === 'd') throw new LlamaError('LLAMA_GROUP_INVALID', 'no IPv6 here');
      return put(group);
    };
    const changes =
      'b: { targets: [10.0.0.2], port: 9 }, c: { targets: [10.0.0.3] }, d: { targets: [10.0.0.4, 10.0.0.5] }';
    expect((await failure(fixture.reload(changes))).code).to.equal('LLAMA_GROUP_INVALID');
    expect(fixture.collector.groups()).to.have.deep.members([...before]);
  });

  it('names options that take effect at the next start, against those in force', async () => {
    const fixture = new Fixture(A);
    const changed = await fixture.reload(A, 'collector: { interval: 5s }\napi: { listen: "127.0.0.1:1" }');
    expect(changed.restart).to.deep.equal(['collector.interval', 'api.listen']);
    expect((await fixture.reload(A, 'api: { listen: "127.0.0.1:1" }')).restart).to.deep.equal(['api.listen']);
    expect((await fixture.reload(A)).restart).to.deep.equal([]);
  });
});
