/** Whatever goes wrong with a probe or its reply is counted as what it is. On loopback, without privileges. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { type Mode, Responder } from '../support/fakes/responder.js';
import { type GroupSpec, type Outcomes, type StatusAnswer, sumOf, unaccounted } from '../support/harness/contract.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';

const MODES = {
  normal: { kind: 'normal' },
  silent: { kind: 'silent' },
  wrongT1: { kind: 'wrongT1' },
  wrongSequence: { kind: 'wrongSequence' },
  wrongSource: { kind: 'wrongSource' },
  duplicate: { kind: 'duplicate', copies: 2 },
  late: { kind: 'late', ms: 120 },
  delayed: { kind: 'late', ms: 50 },
  reorder: { kind: 'reorder' },
  dropEvery: { kind: 'dropEvery', n: 5 },
  truncated: { kind: 'truncated', bytes: 41 },
  noSsid: { kind: 'noSsid' },
  junk: { kind: 'junk' },
} as const satisfies Record<string, Mode>;
type Name = keyof typeof MODES;
const NAMES = Object.keys(MODES) as Name[];

/** Less than the 120 ms of the late responder. */
const LATE_TIMEOUT = '100ms';
/** All others answer in this process, which on a busy machine may have to wait for its turn for longer than that. */
const TIMEOUT = '800ms';

describe('faults on loopback', function () {
  this.timeout(40_000);
  const responders = {} as Record<Name, Responder>;
  let collector: TestCollector;
  let status: StatusAnswer;

  before(async () => {
    const spec = (port: number, timeout = TIMEOUT): GroupSpec => ({
      port,
      period: '40ms',
      timeout,
      targets: [{ address: '127.0.0.1' }],
    });
    const groups: Record<string, GroupSpec> = { unreachable: spec(await closedPort()) };
    for (const name of NAMES) {
      responders[name] = await Responder.start(MODES[name]);
      groups[name] = spec(responders[name].port, name === 'late' ? LATE_TIMEOUT : TIMEOUT);
    }
    collector = await TestCollector.start({ source: { address: '127.0.0.1', ports: 4 }, groups });
    // A target that answers nothing is asked from a fresh port now and then, which is in no row.
    const ports = new Set((await collector.status()).workers.flatMap(({ sourcePorts }) => sourcePorts));
    for (const responder of Object.values(responders)) responder.ports = ports;
    await collector.recorder.interval(Date.now() + 2_000, 10_000);
    // A late reply should find its probe's group still there.
    responders.late.mode = { kind: 'silent' };
    const lateSeen = async (): Promise<boolean> =>
      responders.late.delayed === 0 && (await collector.status()).totals.late === responders.late.counts.faulty;
    await waitFor('every late reply is counted late', lateSeen);
    status = await collector.settle();
  });
  after(async () => {
    await collector?.stop();
    for (const responder of Object.values(responders)) responder.close();
  });

  /** Sums over all intervals of one group. */
  const sum = (group: string, column: keyof Outcomes): number =>
    sumOf(
      collector.recorder.rows().filter((row) => row.group === group),
      column,
    );
  const counts = (name: Name): Responder['counts'] => responders[name].counts;

  it('every probe reaches its responder, and has one outcome in every row', () => {
    for (const name of NAMES) {
      expect(sum(name, 'sent'), name).to.be.above(100);
      expect(sum(name, 'sent'), name).to.equal(counts(name).requests);
      expect(counts(name).malformed, name).to.equal(0);
    }
    for (const row of collector.recorder.rows()) expect(unaccounted(row), JSON.stringify(row)).to.equal(0);
    for (const row of collector.recorder.allPaths()) expect(unaccounted(row), JSON.stringify(row)).to.equal(0);
  });

  for (const name of ['normal', 'delayed', 'truncated', 'noSsid', 'duplicate'] as const) {
    it(`all probes are received from a responder that is ${name}`, () => {
      expect(sum(name, 'received')).to.equal(sum(name, 'sent'));
    });
  }

  it('the delay of a reply is in the RTT, and not in the residence', () => {
    for (const row of collector.recorder.rows().filter(({ group }) => group === 'delayed')) {
      // A timer of Node may fire up to a millisecond before its time.
      expect(row.rttUs?.min).to.be.at.least(49_000);
      expect(row.residenceUs).to.be.below(10_000);
    }
  });

  it('a closed port is unreachable, not lost', () => {
    expect(sum('unreachable', 'sent')).to.be.above(100);
    expect(sum('unreachable', 'unreachable')).to.equal(sum('unreachable', 'sent'));
    expect(sum('unreachable', 'sendErrors')).to.equal(0);
  });

  it('no answer is lost', () => {
    expect(sum('silent', 'lost')).to.equal(sum('silent', 'sent'));
  });

  it('loses only unanswered probes', () => {
    expect(sum('dropEvery', 'lost')).to.equal(counts('dropEvery').unanswered);
    expect(sum('dropEvery', 'received')).to.equal(counts('dropEvery').replies);
  });

  it('a reply after the timeout is late, and its probe stays lost', () => {
    expect(sum('late', 'late')).to.equal(counts('late').faulty);
    expect(sum('late', 'lost')).to.equal(sum('late', 'sent'));
    expect(status.totals.late).to.equal(counts('late').faulty);
  });

  it('further replies are duplicates', () => {
    expect(sum('duplicate', 'duplicates')).to.equal(counts('duplicate').faulty);
    expect(status.totals.duplicates).to.equal(counts('duplicate').faulty);
  });

  it('a reply that was overtaken is reordered', () => {
    expect(sum('reorder', 'reordered')).to.equal(counts('reorder').faulty);
    expect(sum('reorder', 'received')).to.equal(counts('reorder').replies);
    expect(status.totals.reordered).to.equal(counts('reorder').faulty);
  });

  for (const [name, counter] of [
    ['wrongT1', 'invalidTimestamp'],
    ['wrongSequence', 'invalidSequence'],
    ['wrongSource', 'invalidSource'],
    ['junk', 'invalidFormat'],
  ] as const) {
    it(`a reply with ${name} is ${counter}, and its probe lost`, () => {
      expect(status.totals[counter]).to.equal(counts(name).faulty);
      expect(sum(name, 'lost')).to.equal(sum(name, 'sent'));
      expect(sum(name, 'received')).to.equal(0);
    });
  }

  it('nothing else is counted', () => {
    for (const counter of [
      'invalidSession',
      'invalidStale',
      'icmpUnmatched',
      'localDrops',
      'sendErrors',
      'ringOverflows',
    ])
      expect(status.totals[counter], counter).to.equal(0);
    for (const name of ['normal', 'delayed', 'truncated', 'noSsid'])
      for (const column of ['lost', 'late', 'duplicates', 'reordered', 'unreachable'] as const)
        expect(sum(name, column), `${name}: ${column}`).to.equal(0);
  });
});

/** A UDP port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
