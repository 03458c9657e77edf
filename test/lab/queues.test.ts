/**
 * A queue of this host that is full for one destination or one class: its probes are refused, and cost no other probe.
 */

import { expect } from 'chai';
import { type GroupSpec, type Outcomes, type ResultRow, sumOf } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { B_ADDRESSES, HOST_INTERFACE } from './network.js';
import { DSCP, expectAccounted, Lab, printFound, REFLECTOR_PORT } from './suites/lab.js';

const SOURCE_PORTS = 4;
const PERIOD_MS = 20;
const TARGETS = 20;
const INTERVALS = 3;
/** Probes of a target and class in one interval of a second. */
const SCHEDULED = (SOURCE_PORTS * 1000) / PERIOD_MS;
/** Further addresses of B. */
const MORE = Array.from({ length: TARGETS - B_ADDRESSES.length }, (_, i) => `10.2.0.${100 + i}`);
const ADDRESSES = [...B_ADDRESSES, ...MORE];
/** Neither the first nor the last of a batch. */
const BLOCKED = ADDRESSES[3];
/** Packets that the blocked queue lets through anyway: it is empty at first, and htb has a burst. */
const LET_THROUGH = 40;

const GROUP: GroupSpec = {
  port: REFLECTOR_PORT,
  period: `${PERIOD_MS}ms`,
  timeout: '300ms',
  targets: ADDRESSES.map((address) => ({ address })),
};

describe('a full queue of this host', function () {
  this.timeout(60_000);
  let lab: Lab;
  /** Probes that a busy machine did not send, of all streams. */
  let slips = 0;

  beforeEach(async function () {
    needs(this, 'root', 'ip', 'nft');
    lab = await Lab.start({ source: { ports: SOURCE_PORTS }, groups: {} });
    await addAddresses(lab);
  });
  afterEach(async () => {
    await lab?.stop();
  });

  /** Packets that `match` selects (u32) leave A through a queue of `limit` packets that is emptied at 80 bit/s. */
  async function block(match: string, limit: number): Promise<void> {
    const tc = (args: string): Promise<string> => lab.network.exec('A', 'tc', args.split(' '));
    const device = `dev ${HOST_INTERFACE}`;
    await tc(`qdisc add ${device} root handle 1: htb default 10`);
    await tc(`class add ${device} parent 1: classid 1:10 htb rate 10gbit quantum 60000`);
    await tc(`class add ${device} parent 1: classid 1:20 htb rate 80bit quantum 1514`);
    await tc(`qdisc add ${device} parent 1:20 handle 20: pfifo limit ${limit}`);
    await tc(`filter add ${device} parent 1: protocol ip prio 1 u32 match ${match} flowid 1:20`);
  }

  /** Rows of `INTERVALS` whole intervals of a group that is already under way, then the end of all probing. */
  async function rows(): Promise<readonly ResultRow[]> {
    const { recorder } = lab.collector;
    const { startMs } = await recorder.interval(Date.now() + 1_000, 10_000);
    const endMs = startMs + INTERVALS * 1000;
    await recorder.interval(endMs - 1000, 20_000);
    const whole = recorder.intervals.filter((one) => one.startMs >= startMs && one.endMs <= endMs);
    const { totals } = await lab.collector.settle();
    printFound(totals, `, sendErrors ${totals.sendErrors}`);
    expectAccounted(lab.collector);
    slips = totals.scheduleSlips;
    return whole.flatMap(({ results }) => results);
  }

  /** Every stream was probed as scheduled. */
  function expectUnharmed(others: readonly ResultRow[], streams: number): void {
    const byStream = new Map<string, Outcomes[]>();
    for (const row of others) {
      const key = `${row.target} ${row.class}`;
      byStream.set(key, [...(byStream.get(key) ?? []), row]);
    }
    expect(byStream.size).to.equal(streams);
    for (const [key, own] of byStream) {
      expect(sumOf(own, 'sendErrors'), `${key}: send errors`).to.equal(0);
      expect(sumOf(own, 'sent'), `${key}: sent`).to.be.within(
        SCHEDULED * INTERVALS - SOURCE_PORTS - slips,
        SCHEDULED * INTERVALS + SOURCE_PORTS,
      );
      expect(sumOf(own, 'received'), `${key}: received`).to.equal(sumOf(own, 'sent'));
    }
  }

  /** All of what was scheduled was refused, but for a few packets. */
  function expectRefused(own: readonly ResultRow[], streams: number): void {
    expect(own).to.have.length(INTERVALS * streams);
    expect(sumOf(own, 'sent')).to.be.below(LET_THROUGH * streams);
    for (const { sendErrorsBy } of own)
      expect(
        sendErrorsBy?.map(({ errno }) => errno),
        'errors of the refusals',
      ).to.deep.equal(['ENOBUFS']);
    expect(sumOf(own, 'sendErrors')).to.be.above((SCHEDULED * INTERVALS - LET_THROUGH) * streams - slips);
  }

  it(`of one of ${TARGETS} targets is charged to this target only`, async () => {
    await block(`ip dst ${BLOCKED}/32`, 1);
    await lab.collector.putGroup('all', GROUP);
    const found = await rows();
    expectRefused(
      found.filter(({ target }) => target === BLOCKED),
      1,
    );
    expectUnharmed(
      found.filter(({ target }) => target !== BLOCKED),
      TARGETS - 1,
    );
  });

  for (const [full, other] of [
    ['cs0', 'ef'],
    ['ef', 'cs0'],
  ])
    it(`of class ${full} does not starve class ${other}`, async () => {
      await block(`ip tos 0x${(DSCP[full] * 4).toString(16)} 0xfc`, 1);
      await lab.collector.putGroup('all', { ...GROUP, classes: ['cs0', 'ef'] });
      const found = await rows();
      expectRefused(
        found.filter((row) => row.class === full),
        TARGETS,
      );
      expectUnharmed(
        found.filter((row) => row.class === other),
        TARGETS,
      );
    });

  it('is told from full send buffers, which refuse the probes of every target', async () => {
    await block(`ip dst ${BLOCKED}/32`, 1_000_000);
    // So large and so many that what waits for the blocked target fills the buffers of all source ports within seconds.
    const period = '1ms';
    const targets = [{ address: BLOCKED }];
    await lab.collector.putGroup('flood', { ...GROUP, period, targets, payloadBytes: 1400, dontFragment: true });
    await lab.collector.putGroup('others', {
      ...GROUP,
      targets: ADDRESSES.filter((one) => one !== BLOCKED).map((address) => ({ address })),
    });
    const refused = async (group: string): Promise<number> => {
      const { recorder } = lab.collector;
      return sumOf(
        recorder.rows().filter((row) => row.group === group),
        'sendErrors',
      );
    };
    await waitFor('refusals of the others', async () => (await refused('others')) > SCHEDULED * (TARGETS - 1), 30_000);
    expect(await refused('flood')).to.be.above(0);
    const errnos = lab.collector.recorder.rows().flatMap(({ sendErrorsBy }) => sendErrorsBy ?? []);
    expect(new Set(errnos.map(({ errno }) => errno))).to.deep.equal(new Set(['EAGAIN']));
    await lab.collector.settle();
    expectAccounted(lab.collector);
  });
});

/** B has `MORE`, too, and leafB knows where. */
async function addAddresses({ network }: Lab): Promise<void> {
  const link = JSON.parse(await network.exec('B', 'ip', ['-j', 'link', 'show', 'dev', HOST_INTERFACE])) as {
    address: string;
  }[];
  const add = MORE.map((address) => `address add ${address}/24 dev ${HOST_INTERFACE}`);
  await network.exec('B', 'ip', ['-batch', '-'], add.join('\n'));
  const know = MORE.map((address) => `neighbour replace ${address} lladdr ${link[0].address} dev host nud permanent`);
  await network.exec('leafB', 'ip', ['-batch', '-'], know.join('\n'));
}
