/**
 * A kernel that refuses socket options: measuring goes on without the feature, and a warning says what results lack.
 */

import { expect } from 'chai';
import { grantedStamps, lacksOf } from '../../../src/collector/sourcePorts/refusals.js';
import type { Family } from '../../../src/collector/sourcePorts/sourceSet.js';
import type { SocketFeature } from '../../../src/net/features.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import type { ConfigSpec, GroupSpec, ResultRow } from '../../support/harness/contract.js';
import { startReflector } from '../../support/harness/live.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';
import { TestCollector } from '../../support/processes/collector.js';
import { freePort } from '../../support/processes/http.js';
import { type REFUSALS, refusing } from '../../support/processes/refuse.js';

type Refusal = keyof typeof REFUSALS;

const ENOUGH = 50;
const LONGEST_MS = 15_000;

describe('a collector whose kernel refuses socket options', function () {
  this.timeout(60_000);
  let reflector: Reflector;
  let reflector6: Reflector;
  let groups: Record<'four' | 'six' | 'closed', GroupSpec>;
  let collector: TestCollector | undefined;

  before(async function () {
    needs(this, 'python3');
    const common = { period: '20ms', timeout: '200ms', classes: ['ef'] };
    const four = await startReflector();
    const six = await startReflector('::1');
    [reflector, reflector6] = [four.reflector, six.reflector];
    groups = {
      four: { ...common, port: four.port, targets: [{ address: '127.0.0.1' }] },
      six: { ...common, port: six.port, targets: [{ address: '::1' }] },
      closed: { ...common, port: await freePort(), targets: [{ address: '127.0.0.1' }] },
    };
  });
  afterEach(async () => {
    await collector?.stop();
    collector = undefined;
  });
  after(async () => {
    await reflector?.close();
    await reflector6?.close();
  });

  async function start(refused: Refusal[], config: Partial<ConfigSpec> = {}): Promise<TestCollector> {
    const source = { ports: 2, ...config.source };
    collector = await TestCollector.start({ ...config, groups: config.groups ?? groups, source }, refusing(...refused));
    return collector;
  }

  /** The rows of whole intervals, until one of each group has enough probes. */
  async function rows(running: TestCollector, ...names: readonly string[]): Promise<ResultRow[]> {
    const wanted = names.length === 0 ? Object.keys(groups) : names;
    return waitFor(
      'an interval of every group',
      () => {
        const latest = running.recorder.intervals.at(-1)?.results ?? [];
        return (
          wanted.every((name) => latest.some(({ group, sent }) => group === name && sent >= ENOUGH)) && [...latest]
        );
      },
      LONGEST_MS,
    );
  }

  const rowOf = (found: readonly ResultRow[], name: string): ResultRow => {
    const row = found.find(({ group }) => group === name);
    if (row === undefined) throw new Error(`no row of ${name}`);
    return row;
  };

  /** Those of the kernel; a busy machine has others. */
  async function lacks(running: TestCollector): Promise<string[]> {
    return (await running.status()).warnings.filter((text) => text.includes('kernel'));
  }

  it('has no such warning and every figure when nothing is refused', async () => {
    const running = await start([]);
    const found = await rows(running);
    expect(await lacks(running)).to.deep.equal([]);
    expect((await running.status()).timestamps).to.equal('full');
    for (const name of ['four', 'six']) {
      const { received, sent, dscpReverse, hopsReverse } = rowOf(found, name);
      expect({ received, dscpReverse, hopsReverse }).to.deep.equal({ received: sent, dscpReverse: 46, hopsReverse: 0 });
    }
    expect(rowOf(found, 'closed').unreachable).to.equal(rowOf(found, 'closed').sent);
  });

  it('measures round trips by its own clock without time stamps', async () => {
    const running = await start(['stamps']);
    const found = await rows(running);
    const warnings = await lacks(running);
    expect((await running.status()).timestamps).to.equal('none');
    expect(warnings).to.have.length(2);
    expect(warnings.join('\n'))
      .to.include('no receive time stamps: RTTs end when a thread of this process reads the reply')
      .and.to.include('IPv4: SO_TIMESTAMPING: EPERM, SO_TIMESTAMPNS: EPERM, SO_TIMESTAMP: EPERM, IPv6:');
    for (const name of ['four', 'six']) {
      const { received, sent, lost, rttUs } = rowOf(found, name);
      expect([received, lost]).to.deep.equal([sent, 0]);
      // A reply that waits for the next turn of the thread would read up to 50 ms.
      expect(rttUs?.p50).to.be.within(1, 10_000);
    }
    expect((await running.status()).totals.voidedRtts).to.be.below(ENOUGH);
  });

  for (const [refused, lack] of [
    [['timestamping'], undefined],
    [['timestamping', 'timestampNs'], /^the kernel stamps replies in whole microseconds: .*1 us too short/],
  ] as const)
    it(`has the kernel's receive stamps with ${refused.join(' and ')} refused, and lacks only the named features`, async () => {
      const running = await start([...refused]);
      const found = await rows(running);
      expect((await running.status()).timestamps).to.equal('receive');
      const warnings = await lacks(running);
      expect(warnings).to.have.length(lack === undefined ? 1 : 2);
      expect(warnings[0]).to.match(/^the kernel gives no send time stamps: RTTs begin before the system call/);
      if (lack !== undefined) expect(warnings[1]).to.match(lack);
      for (const name of ['four', 'six']) {
        const { received, sent, lost, rttUs } = rowOf(found, name);
        expect([received, lost]).to.deep.equal([sent, 0]);
        expect(rttUs?.p50).to.be.within(1, 10_000);
      }
      expect((await running.status()).totals.voidedRtts).to.equal(0);
    });

  it('takes no stamps for granted that can not be read back', async () => {
    const running = await start(['stampsRead']);
    await rows(running);
    expect((await running.status()).timestamps).to.equal('none');
    expect((await lacks(running)).join('\n')).to.include('no receive time stamps');
  });

  it('calls unreachable targets lost without ICMP errors, and says so', async () => {
    const running = await start(['icmpErrors']);
    const found = await rows(running);
    expect((await lacks(running)).join('\n')).to.match(
      /^the kernel delivers no ICMP errors: .*IPv4: IP_RECVERR: EPERM/,
    );
    const { sent, lost, unreachable } = rowOf(found, 'closed');
    expect([lost, unreachable]).to.deep.equal([sent, 0]);
    expect(rowOf(found, 'four').received).to.equal(rowOf(found, 'four').sent);
  });

  it('knows no marking of replies without IP_RECVTOS, and calls none rewritten', async () => {
    const running = await start(['tos']);
    const found = await rows(running);
    expect((await lacks(running)).join('\n')).to.match(
      /^the kernel does not deliver the marking of replies: .*IP_RECVTOS/,
    );
    for (const name of ['four', 'six']) {
      const { dscpForward, dscpReverse, remarked, ceMarks } = rowOf(found, name);
      expect({ dscpReverse, remarked, ceMarks }, name).to.deep.equal({ dscpReverse: null, remarked: 0, ceMarks: 0 });
      expect(dscpForward, name).to.be.oneOf([46, null]);
    }
  });

  it('knows no hops of replies without IP_RECVTTL', async () => {
    const running = await start(['ttl']);
    const found = await rows(running);
    expect((await lacks(running)).join('\n')).to.match(/^the kernel does not deliver the TTL of replies: .*IP_RECVTTL/);
    for (const name of ['four', 'six']) {
      const { hopsReverse, hopChanges, received } = rowOf(found, name);
      expect({ hopsReverse, hopChanges }, name).to.deep.equal({ hopsReverse: null, hopChanges: 0 });
      expect(received).to.be.above(0);
    }
  });

  it('leaves out groups that must not be fragmented where no socket can forbid it: no result would be true', async () => {
    const large = { ...groups.four, payloadBytes: 1400, dontFragment: true };
    const running = await start(['dontFragment'], { groups: { ...groups, large } });
    const found = await rows(running);
    expect(found.map(({ group }) => group)).not.to.include('large');
    const { warnings } = await running.status();
    expect(warnings.join('\n'))
      .to.include('the kernel lets no socket forbid fragmentation')
      .and.to.match(/group large: not in force.*IP_MTU_DISCOVER: EPERM.*take dontFragment out/);
    const refused = await running.putGroup('live', large).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(refused).to.include('take dontFragment out');
  });

  it('says that its own drops are not known without SO_MEMINFO', async () => {
    const running = await start(['queueDrops']);
    await rows(running);
    expect((await lacks(running)).join('\n')).to.match(
      /^the kernel does not say what receive queues drop: .*SO_MEMINFO/,
    );
  });

  it('measures with the buffers that it has when none may be sized', async () => {
    const running = await start(['buffers']);
    const found = await rows(running, 'four', 'six');
    expect(rowOf(found, 'four').received).to.equal(rowOf(found, 'four').sent);
    expect((await running.status()).warnings.join('\n')).to.include('receive buffers are');
  });

  it('measures IPv4 targets when no IPv6 socket can be opened, and refuses IPv6 targets', async () => {
    const { four, six } = groups;
    const running = await start(['v6Only'], { groups: { four } });
    const found = await rows(running, 'four');
    expect(rowOf(found, 'four').received).to.equal(rowOf(found, 'four').sent);
    const refused = await running.putGroup('six', six).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(refused).to.include('this host has no IPv6').and.to.include('IPV6_V6ONLY');
  });

  it('ends with 2 when it may not bind to the interface that it is told to use: any other would be wrong', async () => {
    const error = await start(['device'], { groups: { four: groups.four }, source: { interface: 'lo' } }).then(
      () => '',
      (reason: Error) => reason.message,
    );
    expect(error).to.include('"code":2').and.to.include('SO_BINDTODEVICE').and.to.include('CAP_NET_RAW');
  });

  it('measures the other groups when the kernel refuses the filter of raw sockets, and names group and option', async () => {
    const syn = { ...groups.four, protocol: 'tcp-syn', period: '1s' };
    const { port: _, ...icmp } = { ...groups.four, protocol: 'icmp' };
    const running = await start(['filter'], { groups: { four: groups.four, syn, icmp } });
    const found = await rows(running, 'four');
    expect(new Set(found.map(({ group }) => group))).to.deep.equal(new Set(['four']));
    expect(rowOf(found, 'four').received).to.equal(rowOf(found, 'four').sent);
    const { warnings } = await running.status();
    for (const name of ['syn', 'icmp'])
      expect(warnings.find((text) => text.includes(`group ${name}: not in force`)))
        .to.include('setsockopt(SO_ATTACH_FILTER): EPERM')
        .and.to.include('take the group out');
    const refused = await running.putGroup('live', syn).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(refused).to.include('SO_ATTACH_FILTER');
    await running.putGroup('four', { ...groups.four, period: '30ms' });
  });

  it('leaves out a group whose interface it may not bind to, and measures the others', async () => {
    const bound = { ...groups.four, sourceInterface: 'lo' };
    const running = await start(['device'], { groups: { four: groups.four, bound } });
    const found = await rows(running, 'four');
    expect(new Set(found.map(({ group }) => group))).to.deep.equal(new Set(['four']));
    expect((await running.status()).warnings.join('\n')).to.match(/group bound: not in force.*SO_BINDTODEVICE/);
  });

  it('does all of it at once', async () => {
    const running = await start(['stamps', 'icmpErrors', 'tos', 'ttl', 'queueDrops']);
    const found = await rows(running);
    expect(await lacks(running)).to.have.length(6);
    for (const name of ['four', 'six']) expect(rowOf(found, name).received).to.equal(rowOf(found, name).sent);
  });
});

describe('limits of results', () => {
  const refused = (features: Partial<Record<Family, SocketFeature[]>>) =>
    new Map(([4, 6] as const).map((family) => [family, new Map((features[family] ?? []).map((one) => [one, 'O: E']))]));

  it('is nothing when nothing is refused', () => {
    expect(lacksOf('full', refused({}))).to.deep.equal([]);
    expect(grantedStamps('full', refused({}))).to.equal('full');
    expect(grantedStamps('receive', refused({}))).to.equal('receive');
  });

  it('is the send stamps alone where the kernel knows stamps of receiving only', () => {
    const without = refused({ 4: ['sendStamps'] });
    expect(grantedStamps('full', without)).to.equal('receive');
    expect(lacksOf('full', without)).to.have.length(1);
    expect(lacksOf('full', without)[0]).to.match(/^the kernel gives no send time stamps: .* \(IPv4: O: E\)$/);
    // They are not asked for.
    expect(lacksOf('receive', without)).to.deep.equal([]);
  });

  it('names both families in one line', () => {
    expect(lacksOf('full', refused({ 4: ['ttl'], 6: ['ttl'] }))[0]).to.match(/\(IPv4: O: E, IPv6: O: E\)$/);
  });
});
