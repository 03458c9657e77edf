import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { msToNs } from '../../../../src/base/units.js';
import { parseGroup } from '../../../../src/config/group/group.js';
import { checkPlan, groupFigures, planFigures, slotsPerPath } from '../../../../src/config/group/limits.js';
import type { Group } from '../../../../src/config/types.js';

function group(name: string, targets: number, settings: object = {}): Group {
  const list = Array.from({ length: targets }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  return parseGroup({ targets: list, ...settings }, name);
}

function refusal(
  probeMemoryBytes: number,
  ports: number,
  groups: readonly Group[],
  maxProbesPerSecond = 100_000_000,
): LlamaError | undefined {
  try {
    checkPlan(
      { collector: { probeMemoryBytes, maxProbesPerSecond }, source: { ports, basePort: 0, interface: null } },
      groups,
    );
    return undefined;
  } catch (error) {
    if (error instanceof LlamaError) return error;
    throw error;
  }
}

describe('the limits of a plan', () => {
  it('takes the power of two above (timeout + 20 ms + a turn of the thread) / period as slots of a path, at least 2', () => {
    for (const [timeoutMs, periodMs, slots] of [
      [1000, 1000, 2],
      [1, 3_600_000, 2],
      [1980, 1000, 4],
      [1930, 1000, 4],
      [1929, 1000, 2],
      [980, 500, 4],
      [1000, 10, 128],
      [60_000, 1, 65_536],
    ])
      expect(slotsPerPath({ timeoutNs: msToNs(Number(timeoutMs)), periodNs: msToNs(Number(periodMs)) })).to.equal(
        slots,
      );
  });

  it('counts paths, probes and bytes with IP and UDP headers', () => {
    const mixed = parseGroup({ period: '500ms', classes: ['cs0', 'ef'], targets: ['10.0.0.1', '::1'] }, 'mixed');
    expect(groupFigures(mixed, 4)).to.deep.equal({
      targets: 2,
      streams: 4,
      paths: 16,
      slots: 64,
      memoryBytes: (64 + 4) * 64 + 16 * 64,
      probesPerSecond: 32,
      wireBytesPerSecond: 16 * (44 + 8 + 20) + 16 * (44 + 8 + 40),
    });
    expect(planFigures([mixed, mixed], 4).probesPerSecond).to.equal(64);
    expect(planFigures([], 4).paths).to.equal(0);
  });

  it('counts paths and probes of a group that uses some of the source ports, and the memory of all', () => {
    const some = group('some', 10, { sourcePorts: 3 });
    const all = groupFigures(group('all', 10), 4);
    expect(groupFigures(some, 4)).to.deep.equal({
      ...all,
      paths: 30,
      probesPerSecond: 30,
      wireBytesPerSecond: (all.wireBytesPerSecond * 3) / 4,
    });
    expect(refusal(2 ** 30, 3, [some], 30)).to.equal(undefined);
    expect(refusal(2 ** 30, 4, [some], 29)?.message).to.match(/10 targets x 1 classes x 3 source ports every 1s/);
    const error = refusal(2 ** 30, 2, [some]);
    expect(error?.problems.map(({ path }) => path)).to.deep.equal(['/groups/some/sourcePorts']);
    expect(error?.message).to.match(/found 3, expected at most the 2 source ports of the collector/);
  });

  it('counts one path a class of icmp, and the source ports that a group of tcp-syn uses', () => {
    const all = groupFigures(group('all', 10, { classes: ['cs0', 'ef'], period: '2s' }), 4);
    const icmp = group('icmp', 10, { protocol: 'icmp', classes: ['cs0', 'ef'], period: '2s' });
    expect(groupFigures(icmp, 4)).to.deep.equal({
      ...all,
      paths: 20,
      probesPerSecond: 10,
      wireBytesPerSecond: all.wireBytesPerSecond / 4,
    });
    expect(refusal(2 ** 30, 4, [icmp], 9)?.message).to.match(/10 targets x 2 classes x 1 source ports every 2s/);
    const syns = group('syns', 10, { protocol: 'tcp-syn', classes: ['cs0', 'ef'], period: '2s', sourcePorts: 3 });
    const { paths, probesPerSecond, wireBytesPerSecond } = groupFigures(syns, 4);
    expect({ paths, probesPerSecond, wireBytesPerSecond }).to.deep.equal({
      paths: 60,
      probesPerSecond: 30,
      wireBytesPerSecond: 30 * (20 + 20),
    });
  });

  it('accepts a plan that needs just the memory there is, and refuses one byte less', () => {
    const plan = [group('a', 10), group('b', 10)];
    const { memoryBytes } = planFigures(plan, 16);
    expect(refusal(memoryBytes, 16, plan)).to.equal(undefined);
    const error = refusal(memoryBytes - 1, 16, plan);
    expect(error?.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(error?.status).to.equal(422);
    expect(error?.problems.map(({ path }) => path)).to.deep.equal(['/groups/b']);
    expect(error?.message)
      .to.match(/10 targets x 1 classes x 16 source ports x 2 probes/)
      .and.to.match(/raise collector\.probeMemory/);
  });

  it('accepts 65535 streams, and refuses one more', () => {
    const most = group('most', 65_535);
    expect(refusal(2 ** 40, 1, [most])).to.equal(undefined);
    const error = refusal(2 ** 40, 1, [most, group('more', 1)]);
    expect(error?.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(error?.problems.map(({ path }) => path)).to.deep.equal(['/groups/more']);
    expect(error?.message).to.match(/found 65536 streams .* expected at most 65535/);
  });

  it('reports both limits when both are passed', () => {
    const error = refusal(2 ** 20, 16, [group('huge', 40_000, { classes: ['cs0', 'ef'] })]);
    expect(error?.problems).to.have.length(2);
  });

  it('refuses more probes a second than the budget, with the requested rate, the budget, and the rate in force', () => {
    const groups = [group('west', 10), group('east', 100, { period: '100ms' })];
    expect(refusal(2 ** 30, 2, groups, 2_020)).to.equal(undefined);
    const error = refusal(2 ** 30, 2, groups, 2_019);
    expect(error?.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(error?.problems.map(({ path }) => path)).to.deep.equal(['/groups/east']);
    expect(error?.message).to.match(/need of 2020 probes\/s \(this group: 2000, .*other groups: 20\)/);
    expect(error?.message).to.match(/the budget of 2019;.*raise collector\.maxProbesPerSecond/);
  });
});
