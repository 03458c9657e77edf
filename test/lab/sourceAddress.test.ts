/**
 * `source` of a row is the address that its packets carry, also when the host gets its address late or gets another
 * one.
 */

import { expect } from 'chai';
import type { GroupSpec } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { TwoHosts } from './twoHosts.js';

const PERIOD = { period: '200ms', timeout: '100ms' };
const B = { 4: '10.9.0.2', 6: 'fd00:9::2' } as const;
const PROTOCOLS = { stamp: 8_100, icmp: undefined, 'tcp-syn': 81, llama: 8_100 } as const;
/** Twice the time between two looks at routes, and an interval. */
const SEEN_MS = 12_000;
/** Shorter than the time between two looks. */
const RELOADED_MS = 2_500;

const FAMILIES = [4, 6] as const;
type Sources = Readonly<Record<string, string>>;

describe('lab: source addresses', function () {
  this.timeout(90_000);
  let hosts: TwoHosts;
  let collector: TestCollector;
  let address = '';
  let address6 = '';

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create();
    await hosts.ip('b', `address add ${B[4]}/24 dev eth0`);
    await hosts.ip('b', `address add ${B[6]}/64 dev eth0 nodad`);
    await hosts.reflector('b');
    const groups: Record<string, GroupSpec> = {};
    for (const [protocol, port] of Object.entries(PROTOCOLS))
      for (const family of FAMILIES)
        groups[`${protocol}${family}`] = {
          ...PERIOD,
          protocol,
          ...(port === undefined ? {} : { port }),
          classes: ['cs0', 'ef'],
          targets: [{ address: B[family] }],
        };
    collector = await TestCollector.start({ source: { ports: 2 }, groups }, hosts.at('a'));
  });
  after(async () => {
    await collector?.stop();
    await hosts?.destroy();
  });

  /** The host gets these addresses in place of those that it had. */
  async function move(to: string, to6: string): Promise<void> {
    if (address !== '') await hosts.ip('a', `address del ${address}/24 dev eth0`);
    if (address6 !== '') await hosts.ip('a', `address del ${address6}/64 dev eth0`);
    [address, address6] = [to, to6];
    await hosts.ip('a', `address add ${to}/24 dev eth0`);
    await hosts.ip('a', `address add ${to6}/64 dev eth0 nodad`);
  }

  const expected = (): Sources =>
    Object.fromEntries(
      Object.keys(PROTOCOLS).flatMap((protocol) => [
        [`${protocol}4`, address],
        [`${protocol}6`, address6],
      ]),
    );

  /** By group: the source of the newest interval, where both classes were answered from it. */
  async function sources(): Promise<Sources> {
    const rows = collector.recorder.intervals.at(-1)?.results ?? [];
    const found: Record<string, string> = {};
    for (const { group, source, received } of rows) {
      if (received === 0) found[group] = 'not answered';
      else found[group] = (found[group] ?? source) === source ? source : 'several';
    }
    return found;
  }

  async function shown(timeoutMs: number): Promise<void> {
    let last: Sources = {};
    await waitFor(
      'rows show the new addresses',
      async () => {
        last = await sources();
        return JSON.stringify(Object.entries(last).sort()) === JSON.stringify(Object.entries(expected()).sort());
      },
      timeoutMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
  }

  it('shows none before the host has an address, and it within seconds when it has', async () => {
    await waitFor(
      'rows of probes that were not sent',
      () => (collector.recorder.intervals.at(-1)?.results.length ?? 0) > 0,
      SEEN_MS,
    );
    const rows = collector.recorder.intervals.at(-1)?.results ?? [];
    expect(new Set(rows.map(({ source }) => source))).to.deep.equal(new Set(['0.0.0.0', '::']));
    await move('10.9.0.11', 'fd00:9::11');
    await shown(SEEN_MS);
  });

  it('shows another address within seconds, the one that packets carry', async () => {
    await move('10.9.0.12', 'fd00:9::12');
    await shown(SEEN_MS);
    const count = (name: string, match: string): string =>
      `counter ${name} {}\n chain ${name} { type filter hook input priority 0; ${match} counter name ${name}; }\n`;
    await hosts.nft(
      'b',
      `table inet seen {
        ${count('right', `ip saddr ${address}`)} ${count('right6', `ip6 saddr ${address6}`)}
        ${count('wrong', `ip saddr != { ${address} } ip daddr ${B[4]}`)} ${count('wrong6', `ip6 saddr != { ${address6} } ip6 daddr ${B[6]} meta l4proto { udp, tcp }`)}
      }`,
    );
    const packets = async (name: string): Promise<number> => {
      const text = await hosts.spaces.exec('b', 'nft', ['list', 'counter', 'inet', 'seen', name]);
      return Number(/packets (\d+)/.exec(text)?.[1]);
    };
    await waitFor('packets', async () => (await packets('right')) > 100 && (await packets('right6')) > 100, SEEN_MS);
    expect([await packets('wrong'), await packets('wrong6')]).to.deep.equal([0, 0]);
  });

  it('looks at once when the configuration is read again', async () => {
    // One of them may coincide with the look that comes by itself.
    for (const host of [13, 14, 15, 16]) {
      await move(`10.9.0.${host}`, `fd00:9::${host}`);
      const from = collector.process.stderr.length;
      collector.process.kill('SIGHUP');
      await waitFor(
        'every group was looked at',
        () => collector.process.stderr.slice(from).match(/other addresses than before/g)?.length === 8,
        RELOADED_MS,
      );
    }
    await shown(SEEN_MS);
  });

  it('has no row of an old address in a window after the change', async () => {
    const rows = async (): Promise<string[]> => {
      const { body } = await collector.get('/v1/matrix?rows=source&columns=target&window=3s');
      return (JSON.parse(body) as { rows: string[][] }).rows.flat().sort();
    };
    await waitFor('two rows', async () => (await rows()).join() === [address, address6].sort().join(), SEEN_MS);
  });

  it('keeps the last address while there is no route, so that no row of no address comes back', async () => {
    await hosts.ip('a', `address del ${address}/24 dev eth0`);
    await hosts.ip('a', `address del ${address6}/64 dev eth0`);
    const from = collector.recorder.intervals.length;
    await waitFor('two looks', () => collector.recorder.intervals.length > from + 11, 30_000);
    const rows = collector.recorder.intervals.slice(from + 2).flatMap(({ results }) => results);
    const sent = rows.filter(({ received }) => received > 0);
    expect(sent).to.deep.equal([]);
    expect(new Set(rows.map(({ source }) => source))).to.deep.equal(new Set([address, address6]));
  });
});
