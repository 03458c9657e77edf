/**
 * Source ports that can't be opened at the start: what ends the collector, what is tried again, and what is said until
 * then.
 */

import { expect } from 'chai';
import type { ConfigSpec, GroupSpec, ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { TwoHosts } from './twoHosts.js';

const BASE_PORT = 30_000;
const PORTS = 2;
const B = '10.9.0.2';
const B6 = 'fd00:9::2';
/** Two looks at what is missing. */
const HEALED_MS = 12_000;

/** Holds a UDP port on IPv6 only, until it is told to end. */
const HOLD = `
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(('::', ${BASE_PORT + 1})); print('held', flush=True); time.sleep(600)
`;

const group = (...addresses: readonly string[]): GroupSpec => ({
  protocol: 'stamp',
  period: '50ms',
  timeout: '100ms',
  targets: addresses.map((address) => ({ address })),
});

describe('lab: source ports that are missing at the start', function () {
  this.timeout(60_000);
  let hosts: TwoHosts;
  let collector: TestCollector | undefined;

  before(async function () {
    needs(this, 'root', 'ip', 'python3');
    hosts = await TwoHosts.create();
    for (const [host, address, address6] of [
      ['a', '10.9.0.1', 'fd00:9::1'],
      ['b', B, B6],
    ] as const) {
      await hosts.ip(host, `address add ${address}/24 dev eth0`);
      await hosts.ip(host, `address add ${address6}/64 dev eth0 nodad`);
    }
    await hosts.reflector('b');
  });
  afterEach(async () => {
    await collector?.stop();
    collector = undefined;
  });
  after(() => hosts?.destroy());

  async function start(config: ConfigSpec): Promise<TestCollector> {
    collector = await TestCollector.start({ ...config, source: { ports: PORTS, ...config.source } }, hosts.at('a'));
    return collector;
  }

  async function rowOf(running: TestCollector, name: string, wanted: (row: ResultRow) => boolean): Promise<ResultRow> {
    const from = running.recorder.intervals.length;
    return waitFor(
      `rows of ${name}`,
      () =>
        running.recorder.intervals
          .slice(from)
          .flatMap(({ results }) => results)
          .find((row) => row.group === name && wanted(row)),
      HEALED_MS,
    );
  }

  const healthy = ({ sent, received }: ResultRow): boolean => sent > 5 && received === sent;

  describe('while another program holds one of them on IPv6 only', () => {
    let release: () => Promise<void>;

    beforeEach(async () => {
      const holder = hosts.spaces.spawn('a', 'python3', ['-c', HOLD], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      holder.stdout?.on('data', (text: Buffer) => {
        said += text.toString();
      });
      await waitFor('the port is held', () => said.includes('held'), 10_000);
      release = async () => {
        if (holder.exitCode === null && holder.signalCode === null) {
          const gone = new Promise((resolve) => holder.once('exit', resolve));
          holder.kill('SIGKILL');
          await gone;
        }
      };
    });
    afterEach(() => release());

    it('measures IPv4 targets, without a warning', async () => {
      const running = await start({ source: { basePort: BASE_PORT }, groups: { west: group(B) } });
      await rowOf(running, 'west', healthy);
      expect((await running.status()).warnings).to.deep.equal([]);
      expect((await running.status()).workers.flatMap(({ sourcePorts }) => sourcePorts)).to.deep.equal([
        BASE_PORT,
        BASE_PORT + 1,
      ]);
    });

    it('ends with 2 when there are IPv6 targets, and says how to keep the ports free', async () => {
      const config = { source: { ports: PORTS, basePort: BASE_PORT }, groups: { west: group(B6) } };
      const ended = await TestCollector.start(config, hosts.at('a')).then(
        () => '',
        (error: Error) => error.message,
      );
      expect(ended)
        .to.include('"code":2')
        .and.to.include(`[::]:${BASE_PORT + 1}`);
      expect(ended).to.include(`net.ipv4.ip_local_reserved_ports=${BASE_PORT}-${BASE_PORT + PORTS - 1}`);
    });

    it('says that IPv6 targets of a live group are not probed, until the port is free', async () => {
      const running = await start({ source: { basePort: BASE_PORT }, groups: { west: group(B) } });
      await running.putGroup('six', group(B6));
      const row = await rowOf(running, 'six', ({ sendErrors }) => sendErrors > 10);
      expect([row.sent, row.received]).to.deep.equal([0, 0]);
      const { warnings } = await running.status();
      expect(warnings.join('\n')).to.include('no IPv6 source ports').and.to.include('targets of six');
      await release();
      await rowOf(running, 'six', healthy);
      const { warnings: after, totals } = await running.status();
      expect(after.filter((text) => text.includes('source ports'))).to.deep.equal([]);
      expect(totals.scheduleSlips).to.be.below(10);
    });
  });

  it('waits for an IPv6 source address whose uniqueness is still being checked', async () => {
    await hosts.sysctl('a', 'net.ipv6.conf.eth0.accept_dad=1', 'net.ipv6.conf.eth0.dad_transmits=8');
    await hosts.ip('a', 'address add fd00:9::77/64 dev eth0');
    expect(await hosts.ip('a', 'address show dev eth0')).to.match(/fd00:9::77\/64 .*tentative/);
    const running = await start({ source: { address6: 'fd00:9::77' }, groups: { west: group(B, B6) } });
    const row = await rowOf(running, 'west', ({ target, sendErrors }) => target === B6 && sendErrors > 0);
    expect(row.sent).to.equal(0);
    const { warnings } = await running.status();
    expect(warnings.join('\n')).to.match(/no IPv6 source ports for udp: .* IPv6 targets of west; .*EADDRNOTAVAIL/);
    await rowOf(running, 'west', (one) => one.target === B && healthy(one));
    const answered = await rowOf(running, 'west', (one) => one.target === B6 && healthy(one));
    expect(answered.source).to.equal('fd00:9::77');
    expect((await running.status()).warnings.filter((text) => text.includes('source ports'))).to.deep.equal([]);
  });

  for (const protocol of ['stamp', 'icmp', 'tcp-syn'] as const)
    it(`waits for an IPv4 source address and an interface that come later: ${protocol}`, async () => {
      const port = protocol === 'icmp' ? {} : { port: protocol === 'stamp' ? 8_100 : 81 };
      const west = { ...group(B), protocol, period: '100ms', ...port };
      const running = await start({ source: { address: '10.9.0.50', interface: 'late0' }, groups: { west } });
      try {
        await rowOf(running, 'west', ({ sent, sendErrors }) => sent === 0 && sendErrors > 5);
        expect((await running.status()).warnings.join('\n')).to.match(/no IPv4 source ports .* targets of west/);
        // A bridge in place of the link, with the address that the collector waits for.
        await hosts.ip('a', 'link add late0 type bridge');
        await hosts.ip('a', 'link set eth0 master late0');
        await hosts.ip('a', 'address add 10.9.0.50/24 dev late0');
        await hosts.ip('a', 'link set late0 up');
        const answered = await rowOf(running, 'west', healthy);
        expect(answered.source).to.equal('10.9.0.50');
        expect((await running.status()).warnings.filter((text) => text.includes('source ports'))).to.deep.equal([]);
      } finally {
        await hosts.ip('a', 'link del late0');
      }
    });
});
