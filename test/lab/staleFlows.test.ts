/**
 * Flows that something on the way drops for ever, while any other flow gets through: a fresh port tells, and new source
 * ports cure it.
 */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { GroupSpec, ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import type { HttpResponse } from '../support/processes/http.js';
import { TwoHosts } from './twoHosts.js';

const RESPOND = fileURLToPath(new URL('./respond.js', import.meta.url));
const SERVICE = '10.9.0.2';
const BEHIND = ['10.9.0.3', '10.9.0.4'] as const;
const OTHER = '10.9.0.5';
const HOLE = '10.9.0.66';
const PORT = 8_100;
/** Nothing listens there. */
const UNUSED_PORT = 8_109;
/** A fresh port was asked in this time: an interval, a look a second later, and a timeout. */
const ASKED_MS = 5_000;
/** Replies of this responder are under way for so long. */
const SLOW_PORT = 8_101;
const SLOW_MS = 300;
const PORTS = 3;
/** An interval, a look a second later, and a timeout; with room for a busy machine. */
const TOLD_MS = 20_000;

const DEAD = /these flows are dead/;
/** No warning may be about a target that gives no answer, in which words ever. */
const SILENT = /no answer|hole|stopped/;

const group = (address: string, more: object = {}): GroupSpec => ({
  port: PORT,
  period: '100ms',
  timeout: '90ms',
  targets: [{ address }],
  ...more,
});

describe('lab: stale flows', function () {
  this.timeout(120_000);
  let hosts: TwoHosts;
  let collector: TestCollector | undefined;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create();
    await hosts.ip('a', 'address add 10.9.0.1/24 dev eth0');
    for (const address of [SERVICE, ...BEHIND, OTHER]) await hosts.ip('b', `address add ${address}/24 dev eth0`);
    // Packets for the hole leave, and nobody takes them.
    await hosts.ip('a', `neighbour add ${HOLE} lladdr 02:00:00:00:00:66 dev eth0`);
    await hosts.reflector('b');
    const args = [RESPOND, String(SLOW_PORT), JSON.stringify({ kind: 'late', ms: SLOW_MS }), OTHER];
    const slow = hosts.spaces.spawn('b', process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (slow.stdout !== null) await once(slow.stdout, 'data');
  });
  afterEach(async () => {
    await collector?.stop();
    collector = undefined;
    for (const host of ['a', 'b'] as const) await hosts.spaces.exec(host, 'nft', ['flush', 'ruleset']);
  });
  after(() => hosts?.destroy());

  async function start(groups: Record<string, GroupSpec>, source: object = {}): Promise<TestCollector> {
    collector = await TestCollector.start({ source: { ports: PORTS, ...source }, groups }, hosts.at('a'));
    return collector;
  }

  const warning = async (running: TestCollector, pattern: RegExp): Promise<string | undefined> =>
    (await running.status()).warnings.find((text) => pattern.test(text));

  const told = (running: TestCollector, pattern: RegExp): Promise<string> =>
    waitFor(`a warning: ${pattern}`, () => warning(running, pattern), TOLD_MS);

  async function rowOf(running: TestCollector, name: string, wanted: (row: ResultRow) => boolean): Promise<ResultRow> {
    const from = running.recorder.intervals.length;
    return waitFor(
      `a row of ${name}`,
      () =>
        running.recorder.intervals
          .slice(from)
          .flatMap(({ results }) => results)
          .find((row) => row.group === name && wanted(row)),
      TOLD_MS,
    );
  }

  const healthy = ({ sent, received }: ResultRow): boolean => sent > 10 && received === sent;
  const lossy = ({ sent, received }: ResultRow): boolean => sent > 10 && received === 0;
  const renew = (running: TestCollector): Promise<HttpResponse> => running.post('/v1/sourcePorts/renew');

  it('are told from a dead target by a fresh port, and cured by new source ports, without loss', async () => {
    // A service address that leads to a server, as cluster networks make them.
    const lead = (to: string): string =>
      `table ip lead { chain in { type nat hook prerouting priority -100; ip daddr ${SERVICE} udp dport ${PORT} dnat to ${to}; }; }`;
    await hosts.nft('b', lead(BEHIND[0]));
    await hosts.nft(
      'a',
      `table ip out { counter probes {}
        chain out { type filter hook output priority 0; udp dport ${PORT} counter name probes; }; }`,
    );
    const running = await start({
      stale: group(SERVICE),
      well: group(OTHER),
      slow: group(OTHER, { port: SLOW_PORT, timeout: '1s' }),
    });
    await rowOf(running, 'stale', healthy);
    expect(await warning(running, DEAD)).to.equal(undefined);
    // The server goes, and the service leads to another one. Flows that conntrack knows still go to the old one.
    await hosts.ip('b', `address del ${BEHIND[0]}/24 dev eth0`);
    await hosts.nft('b', `flush table ip lead; ${lead(BEHIND[1])}`);
    await rowOf(running, 'stale', lossy);
    const text = await told(running, DEAD);
    expect(text).to.include(`${SERVICE}:${PORT} of stale`).and.to.include('POST /v1/sourcePorts/renew');
    await rowOf(running, 'stale', lossy);

    const before = running.recorder.intervals.length;
    const answer = await renew(running);
    expect(answer.status, answer.body).to.equal(200);
    const ports = JSON.parse(answer.body) as { before: number[]; after: number[]; drainMs: number };
    expect(ports.after).to.have.length(PORTS);
    expect(ports.after.filter((port) => ports.before.includes(port))).to.deep.equal([]);
    await rowOf(running, 'stale', healthy);
    await waitFor('no warning', async () => (await warning(running, DEAD)) === undefined, TOLD_MS);
    const { body } = await running.get('/v1/paths?group=stale');
    const used = (JSON.parse(body) as { paths: { sourcePort: number }[] }).paths.map(({ sourcePort }) => sourcePort);
    expect([...new Set(used)].sort()).to.deep.equal([...ports.after].sort());

    const again = await renew(running);
    expect(again.status).to.equal(429);
    expect(again.headers['retry-after']).to.equal('60');
    expect(again.body).to.include('LLAMA_TOO_SOON');
    await waitFor('the old ports are closed', () => running.process.stderr.includes('of before are closed'), TOLD_MS);
    await rowOf(running, 'slow', healthy);

    const status = await running.settle();
    const rows = running.recorder.intervals.slice(before - 1).flatMap(({ results }) => results);
    for (const row of rows.filter((one) => one.group !== 'stale')) {
      const { lost, late, duplicates, reordered, unreachable, sendErrors } = row;
      expect({ lost, late, duplicates, reordered, unreachable, sendErrors }, JSON.stringify(row)).to.deep.equal({
        lost: 0,
        late: 0,
        duplicates: 0,
        reordered: 0,
        unreachable: 0,
        sendErrors: 0,
      });
    }
    // Fresh probes left this host, and are in no row.
    const counted = await hosts.spaces.exec('a', 'nft', ['list', 'counter', 'ip', 'out', 'probes']);
    const slowSent = running.recorder
      .rows()
      .reduce((sum, { group: name, sent }) => sum + (name === 'slow' ? sent : 0), 0);
    const fresh = Number(/packets (\d+)/.exec(counted)?.[1]) - (status.totals.sent - slowSent);
    expect(fresh).to.be.within(1, 5);
  });

  for (const protocol of ['icmp', 'tcp-syn'] as const)
    it(`are found and cured with ${protocol} too`, async () => {
      const spec = group(SERVICE, { protocol, period: '200ms', port: protocol === 'icmp' ? undefined : 81 });
      const running = await start({ west: spec });
      const row = await rowOf(running, 'west', ({ sent, received }) => sent > 2 && received === sent);
      expect(row.lost).to.equal(0);
      const { body } = await running.get('/v1/paths');
      const ports = (JSON.parse(body) as { paths: { sourcePort: number }[] }).paths.map(({ sourcePort }) => sourcePort);
      const match = protocol === 'icmp' ? 'icmp type echo-request icmp id' : 'tcp sport';
      await hosts.nft(
        'b',
        `table ip drops { chain in { type filter hook input priority 0; ${match} { ${[...new Set(ports)].join(', ')} } drop; }; }`,
      );
      await told(running, DEAD);
      expect((await renew(running)).status).to.equal(200);
      await rowOf(running, 'west', ({ sent, received }) => sent > 2 && received === sent);
      await waitFor('no warning', async () => (await warning(running, DEAD)) === undefined, TOLD_MS);
    });

  it('are not claimed of a silent target, which is asked once in ten seconds at most by all groups; the status tells of it', async () => {
    await hosts.nft(
      'a',
      `table ip out { counter asked {}
        chain out { type filter hook output priority 0; ip daddr ${HOLE} meta l4proto udp counter name asked; }; }`,
    );
    const startedMs = performance.now();
    const running = await start({
      hole: group(HOLE, { period: '1s' }),
      other: group(HOLE, { period: '1s', port: UNUSED_PORT }),
    });
    await running.recorder.interval(Date.now() + 14_000, TOLD_MS);
    expect(await warning(running, SILENT)).to.equal(undefined);
    const { freshProbes } = await running.status();
    const status = await running.settle();
    expect(freshProbes.map(({ group: name, answered }) => [name, answered])).to.have.deep.members([
      ['hole', false],
      ['other', false],
    ]);
    const counted = await hosts.spaces.exec('a', 'nft', ['list', 'counter', 'ip', 'out', 'asked']);
    const fresh = Number(/packets (\d+)/.exec(counted)?.[1]) - status.totals.sent;
    expect(fresh).to.be.within(2, 1 + Math.floor((performance.now() - startedMs) / 10_000));
  });

  it('are not claimed of a host on which nothing listens, whose ICMP errors are limited to some a second: its row says why', async () => {
    const most = 'icmp type destination-unreachable limit rate over 2/second drop';
    await hosts.nft('b', `table ip scarce { chain out { type filter hook output priority 0; ${most}; }; }`);
    const running = await start({ stopped: group(OTHER, { port: UNUSED_PORT, period: '20ms' }) });
    const row = await rowOf(running, 'stopped', ({ lost, unreachable }) => lost > 0 && unreachable > 0);
    expect(row.received).to.equal(0);
    expect(row.unreachableBy?.map(({ reason, from }) => [reason, from])).to.deep.equal([['port unreachable', OTHER]]);
    await running.recorder.interval(Date.now() + ASKED_MS, TOLD_MS);
    expect(await warning(running, SILENT)).to.equal(undefined);
  });

  it('with fixed source ports: nothing is renewed, and the answer and the warning name the option', async () => {
    const running = await start({ west: group(SERVICE) }, { basePort: 20_000 });
    await rowOf(running, 'west', healthy);
    const drop = 'udp sport 20000-20010 drop';
    await hosts.nft('b', `table ip drops { chain in { type filter hook input priority 0; ${drop}; }; }`);
    expect(await told(running, DEAD)).to.include('source.basePort');
    const answer = await renew(running);
    expect(answer.status).to.equal(409);
    expect(answer.body).to.include('LLAMA_SOURCE_PORTS_FIXED').and.to.include('source.basePort 20000');
  });
});
