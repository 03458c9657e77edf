/**
 * Probes that this host refuses to send: their rows have no loss, and say why; `llama probe` says it too, by exit code
 * and in words.
 */

import { expect } from 'chai';
import type { GroupSpec, PathsAnswer, ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { TestCollector } from '../support/processes/collector.js';
import { runLlama, type Spawner } from '../support/processes/process.js';
import { TwoHosts } from './twoHosts.js';

const GOOD = '10.9.0.2';
const TOO_BIG = '10.12.0.2';
/** Link with the small MTU, and its MTU. */
const SMALL = { device: 'eth2', mtu: 1400 };

/** What host `a` does not send to, with the errno of the refusal and the words of `llama probe`. */
const REFUSED = [
  { name: 'noRoute', what: 'without a route', address: '10.5.0.1', errno: 'ENETUNREACH', says: 'no route to *' },
  {
    name: 'noRoute6',
    what: 'without a route, IPv6',
    address: 'fd00:5::1',
    errno: 'ENETUNREACH',
    says: 'no route to *',
  },
  {
    name: 'linkDown',
    what: 'behind a link that is down',
    address: '10.10.0.2',
    errno: 'ENETUNREACH',
    says: 'no route',
  },
  { name: 'deleted', what: 'whose route was deleted', address: '10.13.0.2', errno: 'ENETUNREACH', says: 'no route' },
  {
    name: 'noAddress',
    what: 'without a local address yet',
    address: 'fd00:9::2',
    errno: 'ENETUNREACH',
    says: 'no route',
  },
  {
    ...{ name: 'unreachable', what: 'with an unreachable route', address: '10.8.0.1', errno: 'EHOSTUNREACH' },
    says: 'the routing table says that * is unreachable',
  },
  {
    ...{ name: 'prohibited', what: 'with a prohibit route', address: '10.7.0.1', errno: 'EACCES' },
    says: 'a route of this host prohibits sending to *',
  },
  {
    name: 'blackhole',
    what: 'with a blackhole route',
    address: '10.6.0.1',
    errno: 'EINVAL',
    says: 'a blackhole route',
  },
  {
    ...{ name: 'firewall', what: 'behind an output rule', address: '10.9.0.3', errno: 'EPERM' },
    says: 'dropped by a firewall rule or a full connection table of this host',
  },
] as const;

/** Behind an output rule that drops every second packet. */
const HALF = '10.9.0.4';

const RULES = `table inet refuse {
  chain output {
    type filter hook output priority 0
    ip daddr 10.9.0.3 drop
    ip daddr ${HALF} numgen inc mod 2 0 counter drop
  }
}`;

const spec = (address: string, more: Partial<GroupSpec> = {}): GroupSpec => ({
  port: 8100,
  period: '50ms',
  timeout: '200ms',
  targets: [{ address }],
  ...more,
});

const SYN: Partial<GroupSpec> = { protocol: 'tcp-syn', port: 8100, period: '250ms' };

describe('lab: probes that are not sent', function () {
  this.timeout(90_000);
  let hosts: TwoHosts;
  let collector: TestCollector;
  let rows: readonly ResultRow[];
  let paths: PathsAnswer['paths'];

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create(3);
    for (const [host, last] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      await hosts.ip(host, `address add 10.9.0.${last}/24 dev eth0`);
      await hosts.ip(host, `address add 10.10.0.${last}/24 dev eth1`);
      await hosts.ip(host, `address add 10.12.0.${last}/24 dev ${SMALL.device}`);
      await hosts.ip(host, `link set ${SMALL.device} mtu ${SMALL.mtu}`);
    }
    await hosts.ip('b', `address add ${HALF}/24 dev eth0`);
    await hosts.ip('b', 'address add fd00:9::2/64 dev eth0 nodad');
    for (const [type, net] of [
      ['unreachable', '10.8.0.0/24'],
      ['prohibit', '10.7.0.0/24'],
      ['blackhole', '10.6.0.0/24'],
    ])
      await hosts.ip('a', `route add ${type} ${net}`);
    await hosts.ip('a', `route add 10.13.0.0/24 via ${GOOD}`);
    await hosts.nft('a', RULES);
    await hosts.reflector('b');
    const groups = {
      good: spec(GOOD),
      half: spec(HALF),
      tooBig: spec(TOO_BIG, { payloadBytes: SMALL.mtu, dontFragment: true }),
      syn: spec('10.5.0.1', SYN),
      icmp: spec('10.5.0.1', { protocol: 'icmp', port: 0 }),
      ...Object.fromEntries(REFUSED.map(({ name, address }) => [name, spec(address)])),
    };
    collector = await TestCollector.start({ source: { ports: 2 }, groups }, hosts.at('a'));
    await hosts.ip('a', 'link set eth1 down');
    await hosts.ip('a', 'route delete 10.13.0.0/24');
    const { endMs } = await collector.recorder.interval(Date.now() + 1_000, 15_000);
    rows = collector.recorder.intervals.filter((one) => one.endMs === endMs).flatMap(({ results }) => results);
    ({ paths } = JSON.parse((await collector.get(`/v1/paths?after=${endMs - 1}`)).body) as PathsAnswer);
  });
  after(async () => {
    try {
      await collector?.stop();
    } finally {
      await hosts?.destroy();
    }
  });

  function rowOf(group: string): ResultRow {
    const row = rows.find((one) => one.group === group);
    if (row === undefined) throw new Error(`no row of ${group}`);
    return row;
  }

  /** Nothing was sent, and each refusal has its errno: in the row and in all paths. */
  function expectRefused(group: string, errno: string): void {
    const row = rowOf(group);
    expect(row).to.include({ sent: 0, lossPct: null, rttUs: null, unreachableBy: null });
    expect(row.sendErrors).to.be.above(0);
    expect(row.sendErrorsBy).to.deep.equal([{ count: row.sendErrors, errno }]);
    const own = paths.filter((path) => path.group === group);
    expect(own.length).to.be.above(0);
    for (const path of own) {
      expect(path).to.include({ sent: 0, lossPct: null, unreachableBy: null });
      expect(path.sendErrorsBy).to.deep.equal([{ count: path.sendErrors, errno }]);
    }
  }

  for (const { name, what, address, errno, says } of REFUSED) {
    it(`a target ${what}: rows and paths have no loss, and the errno ${errno}`, () => {
      expectRefused(name, errno);
    });

    it(`llama probe of a target ${what} ends with 2 and says why`, async () => {
      const probe = ['probe', address, '--count', '5', '--period', '1ms', '--timeout', '100ms'];
      const { code, stdout } = await runLlama(probe, hosts.at('a'));
      expect(code).to.equal(2);
      expect(stdout)
        .to.include(': 0 of 5 probes')
        .and.match(/^cs0 +0 +0 +0 +0 +- /m);
      expect(stdout)
        .to.include(`cs0: 5 not sent: ${says.replace('*', address)}`)
        .and.include(`(${errno})`);
    });
  }

  it('counts each probe that an output rule drops, where the rule drops a part', () => {
    const { sent, received, sendErrors, sendErrorsBy } = rowOf('half');
    expect(received).to.equal(sent);
    expect(sendErrors)
      .to.be.above(5)
      .and.within(sent - 1, sent + 1);
    expect(sendErrorsBy).to.deep.equal([{ count: sendErrors, errno: 'EPERM' }]);
  });

  it('probes of other protocols say the same', () => {
    expectRefused('icmp', 'ENETUNREACH');
    expectRefused('syn', 'ENETUNREACH');
  });

  it('llama probe with --json has the errno in its row, and says it on stderr', async () => {
    const probe = ['probe', '10.5.0.1', '--protocol', 'icmp', '--count', '5', '--period', '1ms', '--json'];
    const { code, stdout, stderr } = await runLlama(probe, hosts.at('a'));
    expect(code).to.equal(2);
    const [row] = JSON.parse(stdout).results;
    expect(row).to.include({ sent: 0, lossPct: null, sendErrors: 5 });
    expect(row.sendErrorsBy).to.deep.equal([{ count: 5, errno: 'ENETUNREACH' }]);
    expect(stderr).to.include('note: cs0: 5 not sent: no route to 10.5.0.1 (ENETUNREACH)\n');
  });

  it('a target that answers is as before', () => {
    const row = rowOf('good');
    expect(row).to.include({ lossPct: 0, sendErrors: 0, sendErrorsBy: null, unreachableBy: null });
    expect(row.received).to.be.above(0).and.equal(row.sent);
  });

  it('probes that are too big are sent, none is received, and the row has the MTU', () => {
    const row = rowOf('tooBig');
    expect(row.sent).to.be.above(0);
    expect(row).to.include({ received: 0, lost: 0, unreachable: 0, tooBig: row.sent, mtu: SMALL.mtu });
    expect(row.tooBigBy, 'refused by this host').to.deep.equal([{ count: row.tooBig, mtu: SMALL.mtu, from: null }]);
  });

  it('llama probe ends with 3 when all are too big, and with 0 when one of its sizes gets through', async () => {
    const probe = ['probe', TOO_BIG, '--count', '6', '--period', '1ms', '--timeout', '200ms', '--sizes'];
    const all = await runLlama([...probe, '1400'], hosts.at('a'));
    expect(all.code).to.equal(3);
    expect(all.stdout).to.include('1400 cs0: 6 × too big for the path (mtu 1400)');
    expect((await runLlama([...probe, '64,1400'], hosts.at('a'))).code).to.equal(0);
  });

  it("LLAMA's own interfaces have a point of each target that something was sent to, and no other", async () => {
    const points = JSON.parse((await collector.get('/influxdata')).body) as {
      tags: { dst_ip: string };
      fields: object;
    }[];
    expect(points.map(({ tags }) => tags.dst_ip).sort()).to.deep.equal([TOO_BIG, GOOD, HALF].sort());
    const lossOf = (address: string): unknown => points.find(({ tags }) => tags.dst_ip === address)?.fields;
    expect(lossOf(GOOD)).to.include({ loss: 0 });
    expect(lossOf(TOO_BIG), 'nothing came back').to.include({ loss: 100 });
    const latency = JSON.parse((await collector.get('/latency')).body) as { tags: { dst_host: string } }[];
    expect(latency.map(({ tags }) => tags.dst_host).sort()).to.deep.equal([TOO_BIG, GOOD, HALF].sort());
  });

  it('a neighbour that does not exist is unreachable, as this host itself says', async () => {
    const probe = ['probe', '10.9.0.77', '--count', '8', '--period', '1ms', '--timeout', '10s'];
    const { code, stdout } = await runLlama(probe, hosts.at('a'));
    expect(code).to.equal(3);
    expect(stdout).to.include('cs0: unreachable: 8 × host unreachable from this host (10.9.0.1)\n');
  });

  it('llama demo on a host whose loopback is down shows no loss, and says why', async () => {
    await hosts.spaces.add(['c']);
    const at: Spawner = (command, args, options) => hosts.spaces.spawn('c', command, args, options);
    const { code, stdout } = await runLlama(['demo', '--seconds', '6'], at);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^127\.0\.1\.1 +- +- +- +!+ +- +- +- +!+$/m);
    expect(stdout).to.include('127.0.1.1 cs0: not sent: no route to 127.0.1.1 (ENETUNREACH)\n');
    expect(stdout).to.match(/ended: 0 probes sent, 0 received, 0 lost, \d+ not sent\n$/);
  });

  it('a route that comes back is measured again, and the errno is gone', async () => {
    await hosts.ip('a', `route add 10.5.0.0/24 via ${GOOD}`);
    await hosts.ip('b', 'address add 10.5.0.1/32 dev lo');
    const { endMs } = await collector.recorder.interval(Date.now() + 1_000, 15_000);
    const found = collector.recorder.intervals.filter((one) => one.endMs === endMs).flatMap(({ results }) => results);
    const row = found.find(({ group }) => group === 'noRoute');
    expect(row).to.include({ sendErrors: 0, sendErrorsBy: null, lossPct: 0 });
    expect(row?.received).to.be.above(0);
  });
});
