import { expect } from 'chai';
import pino from 'pino';
import { Deployment } from '../../../src/collector/deployment.js';
import { type ActiveGroup, defineGroup } from '../../../src/collector/groups/groupRecord.js';
import type { Step } from '../../../src/collector/groups/registry.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { FakeThreads } from '../../support/fakes/fakeThreads.js';
import { seededRandom } from '../../support/harness/random.js';

const NAMES = ['a', 'b', 'c', 'd'];

describe('Deployment', () => {
  let threads: FakeThreads;
  let deployment: Deployment;
  let logged: string[];

  beforeEach(() => {
    const config = parseConfig('source: { ports: 1 }\ngroups: {}\n', 'c.yaml', {});
    threads = new FakeThreads(config.source.ports);
    logged = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
    deployment = new Deployment({ config, logger, threads });
    deployment.state = 'running';
  });
  afterEach(() => deployment.close());

  async function active(name: string, period: number, ...targets: string[]): Promise<ActiveGroup> {
    const group = parseGroup({ period: `${period}ms`, targets }, name);
    return { ...(await defineGroup(group, 'api')), group };
  }
  const step = (before: ActiveGroup | undefined, after: ActiveGroup | undefined): Step => ({
    name: (after ?? before)?.group.name ?? '',
    before,
    after,
  });
  const carryOut = async (...steps: Step[]) => deployment.apply(await deployment.prepare(steps));
  /** Names, periods and targets, by the plans and by what the probers were told. */
  const snapshot = () =>
    [deployment.groups(), [...threads.inForce.values()]].map((groups) =>
      groups
        .map(({ name, periodNs, targets }) => `${name} ${periodNs} ${targets.map(({ address }) => address)}`)
        .sort(),
    );

  it('removes first, then shrinks, then grows, whatever the order of the steps', async () => {
    const [a, b, c] = await Promise.all([
      active('a', 10, '10.0.0.1'),
      active('b', 20, '10.0.0.2'),
      active('c', 30, '10.0.0.3'),
    ]);
    await carryOut(step(undefined, a), step(undefined, b), step(undefined, c));
    threads.steps.length = 0;
    threads.peak = 0;
    const [slow, fast] = await Promise.all([active('a', 20, '10.0.0.1'), active('b', 10, '10.0.0.2')]);
    const { applied } = await carryOut(step(b, fast), step(a, slow), step(c, undefined));
    expect(applied.map(({ name }) => name)).to.deep.equal(['c', 'a', 'b']);
    expect(threads.steps.filter((one) => one.startsWith('put'))).to.deep.equal(['put a', 'put b']);
    expect(threads.peak, 'probes a second').to.equal(150);
  });

  it('carries out all steps or none, wherever one fails, and takes no stream number too many', async () => {
    const random = seededRandom(12);
    const inForce = new Map<string, ActiveGroup>();
    let failures = 0;
    for (let round = 0; round < 300; round++) {
      const steps: Step[] = [];
      for (const name of NAMES.filter(() => random.below(2) === 0)) {
        const before = inForce.get(name);
        const targets = Array.from({ length: 1 + random.below(2) }, () => `10.0.0.${1 + random.below(3)}`);
        const after =
          random.below(3) === 0 ? undefined : await active(name, 10 * (1 + random.below(2)), ...new Set(targets));
        if (before !== undefined || after !== undefined) steps.push(step(before, after));
      }
      const before = snapshot();
      let left = random.below(2 * steps.length + 2);
      threads.fault = () => {
        left -= 1;
        if (left === 0) throw new Error('refused');
      };
      const prepared = await deployment.prepare(steps).catch(() => undefined);
      const outcome = prepared && (await deployment.apply(prepared));
      threads.fault = () => {};
      expect(threads.open, 'stream numbers that are neither used nor free').to.equal(0);
      if (outcome === undefined || outcome.failure !== undefined) {
        failures += 1;
        expect(outcome?.applied ?? []).to.deep.equal([]);
        expect(snapshot()).to.deep.equal(before);
        continue;
      }
      expect(outcome.applied).to.have.members(steps);
      for (const { name, after } of steps) {
        if (after === undefined) inForce.delete(name);
        else inForce.set(name, after);
      }
      expect(deployment.groups().map(({ name }) => name)).to.have.members([...inForce.keys()]);
      expect(snapshot()[1]).to.deep.equal(snapshot()[0]);
    }
    expect(failures).to.be.within(50, 250);
  });

  it('answers with the steps that it could not take back, and says so in the log', async () => {
    const [a, b] = await Promise.all([active('a', 10, '10.0.0.1'), active('b', 10, '10.0.0.2')]);
    threads.fault = (now) => {
      if (now === 'put b' || now === 'remove a') throw new Error('refused');
    };
    const steps = [step(undefined, a), step(undefined, b)];
    const { applied, failure } = await carryOut(...steps);
    expect(String(failure)).to.equal('Error: refused');
    // The plan forgets a group before the probers are told to end it.
    expect(applied).to.deep.equal([]);
    expect(logged).to.include('a step of a failed change could not be taken back');
    threads.fault = () => {};
    await carryOut(step(undefined, a));
    threads.fault = (now) => {
      if (now === 'prepare a' || now === 'put b') throw new Error('refused');
    };
    const again = await carryOut(step(a, undefined), step(undefined, b));
    expect(again.applied.map(({ name, after }) => [name, after])).to.deep.equal([['a', undefined]]);
  });
});
