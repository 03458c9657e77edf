import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { StreamNumbers } from '../../../../src/collector/plan/knownStreams.js';
import {
  type GroupPlan,
  type PlanTools,
  planGroup,
  rowPrefix,
  streamTable,
} from '../../../../src/collector/plan/plan.js';
import { MAX_STREAMS } from '../../../../src/threads/messages.js';
import { makeGroup } from '../../../support/harness/live.js';

function tools(): PlanTools {
  let runs = 0;
  return {
    numbers: new StreamNumbers(),
    nextRun: () => ++runs,
    sourceOf: () => '10.0.0.1',
    pause: async () => undefined,
  };
}

const ids = (streams: readonly { readonly id: number }[]): number[] => streams.map(({ id }) => id);
const addresses = (plan: GroupPlan): string[] => plan.streams.map(({ target }) => target.address);

describe('The plan of a group', () => {
  it('has a stream for each target and class: class by class, IPv4 before IPv6', async () => {
    const group = makeGroup('west', { classes: ['cs0', 'ef'], targets: ['::1', '10.2.0.1', '10.2.0.2'] });
    const { plan, added, changed, removed } = await planGroup(undefined, group, tools());
    expect(addresses(plan)).to.deep.equal(['10.2.0.1', '10.2.0.2', '::1', '10.2.0.1', '10.2.0.2', '::1']);
    expect(plan.streams.map((info) => info.class.name)).to.deep.equal(['cs0', 'cs0', 'cs0', 'ef', 'ef', 'ef']);
    expect(ids(plan.streams)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect([added.length, changed, removed]).to.deep.equal([6, [], []]);
  });

  it('keeps the numbers of remaining targets when others come and go', async () => {
    const t = tools();
    const first = await planGroup(undefined, makeGroup('west', { targets: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] }), t);
    const next = await planGroup(first.plan, makeGroup('west', { targets: ['10.0.0.3', '10.0.0.4', '10.0.0.1'] }), t);
    expect(ids(next.plan.streams)).to.deep.equal([2, 3, 0]);
    expect([ids(next.added), ids(next.removed), ids(next.changed)]).to.deep.equal([[3], [1], []]);
    expect(next.plan.run).to.equal(first.plan.run);
  });

  it('changed tags keep the number, and make a new row', async () => {
    const t = tools();
    const target = { address: '10.0.0.1', tags: { rack: 'a' } };
    const first = await planGroup(undefined, makeGroup('west', { targets: [target, '10.0.0.2'] }), t);
    const retagged = makeGroup('west', { targets: [{ ...target, tags: { rack: 'b' } }, '10.0.0.2'] });
    const next = await planGroup(first.plan, retagged, t);
    expect([ids(next.added), ids(next.changed), ids(next.removed)]).to.deep.equal([[], [0], []]);
    expect(next.changed[0].target.tags).to.deep.equal({ rack: 'b' });
    expect(next.plan.run).to.equal(first.plan.run);
    expect(JSON.parse(`${rowPrefix(next.changed[0])}"x":1}`)).to.deep.include({
      group: 'west',
      tags: { rack: 'b' },
      dscp: 0,
    });
  });

  for (const [what, change] of [
    ['period', { period: '2s' }],
    ['timeout', { timeout: '2s' }],
    ['payloadBytes', { payloadBytes: 100 }],
  ] as const)
    it(`gives a new run with new numbers after a change of ${what}`, async () => {
      const t = tools();
      const first = await planGroup(undefined, makeGroup('west', { targets: ['10.0.0.1'] }), t);
      const next = await planGroup(first.plan, makeGroup('west', { targets: ['10.0.0.1'], ...change }), t);
      expect(next.plan.run).to.not.equal(first.plan.run);
      expect([ids(next.added), ids(next.removed)]).to.deep.equal([[1], [0]]);
    });

  it('a target that changes its port, or a class its code point, is another stream', async () => {
    const t = tools();
    const first = await planGroup(undefined, makeGroup('west', { targets: ['10.0.0.1'] }), t);
    const port = await planGroup(first.plan, makeGroup('west', { port: 862, targets: ['10.0.0.1'] }), t);
    expect([ids(port.added), ids(port.removed)]).to.deep.equal([[1], [0]]);
    const ef = await planGroup(port.plan, makeGroup('west', { port: 862, classes: ['ef'], targets: ['10.0.0.1'] }), t);
    expect([ids(ef.added), ids(ef.removed)]).to.deep.equal([[2], [1]]);
  });

  it('reports that no number is left, and releases those it took', async () => {
    const t = tools();
    const taken = Array.from({ length: MAX_STREAMS - 2 }, () => t.numbers.take());
    const group = makeGroup('west', { targets: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    const error = await planGroup(undefined, group, t).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_PLAN_TOO_LARGE');
    t.numbers.giveBack(taken.slice(0, 1));
    const { plan } = await planGroup(undefined, group, t);
    expect(new Set(ids(plan.streams)).size).to.equal(3);
    expect(Math.max(...ids(plan.streams))).to.equal(MAX_STREAMS - 1);
  });

  it('threads get addresses as the kernel writes them, and the TOS byte', async () => {
    const group = makeGroup('west', { port: 862, classes: ['ef'], targets: ['10.1.2.3', '2001:db8::1'] });
    const { added } = await planGroup(undefined, group, tools());
    const table = streamTable(added);
    expect([...table.families, ...table.ports, ...table.tos]).to.deep.equal([4, 6, 862, 862, 184, 184]);
    expect([...table.addresses.subarray(0, 5)]).to.deep.equal([10, 1, 2, 3, 0]);
    expect([...table.addresses.subarray(16, 21), table.addresses[31]]).to.deep.equal([0x20, 1, 0x0d, 0xb8, 0, 1]);
  });
});
