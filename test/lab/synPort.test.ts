/**
 * SYNs to port 0, the default, which a firewall of the target drops: total loss has a hint, and nothing but these SYNs
 * is sent.
 */

import { expect } from 'chai';
import type { GroupSpec } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { runLlama } from '../support/processes/process.js';
import { TwoHosts } from './twoHosts.js';

const FILTERED = ['10.9.0.2', 'fd00:9::2'];
const OPEN = '10.9.0.3';
const SPEC: GroupSpec = { protocol: 'tcp-syn', period: '200ms', timeout: '100ms' };
const WAIT_MS = 15_000;

/** B drops SYNs to port 0 of some of its addresses, and counts all that A sends beside SYNs to port 0. */
const FIREWALL = `table inet firewall {
  counter others { }
  chain input {
    type filter hook input priority 0
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
    tcp dport != 0 counter name others
    meta l4proto != tcp counter name others
    ip daddr ${FILTERED[0]} tcp dport 0 drop
    ip6 daddr ${FILTERED[1]} tcp dport 0 drop
  }
}`;

describe('lab: SYNs to port 0 behind a firewall', function () {
  this.timeout(60_000);
  let hosts: TwoHosts;
  let collector: TestCollector;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create();
    await hosts.ip('a', 'address add 10.9.0.1/24 dev eth0');
    await hosts.ip('a', 'address add fd00:9::1/64 dev eth0 nodad');
    for (const address of [FILTERED[0], OPEN]) await hosts.ip('b', `address add ${address}/24 dev eth0`);
    await hosts.ip('b', `address add ${FILTERED[1]}/64 dev eth0 nodad`);
    await hosts.nft('b', FIREWALL);
    const groups = {
      servers: { ...SPEC, targets: [...FILTERED, OPEN].map((address) => ({ address })) },
      answering: { ...SPEC, period: '250ms', targets: [{ address: '10.9.0.4' }] },
    };
    await hosts.ip('b', 'address add 10.9.0.4/24 dev eth0');
    collector = await TestCollector.start({ source: { ports: 2 }, groups }, hosts.at('a'));
  });
  after(async () => {
    try {
      await collector?.stop();
    } finally {
      await hosts?.destroy();
    }
  });

  /** Of them those about port 0, as soon as `count` are there. */
  function hints(count: number): Promise<readonly string[]> {
    return waitFor(
      `${count} warnings about port 0`,
      async () => {
        const found = (await collector.status()).warnings.filter((warning) => warning.includes('SYN to port 0'));
        return found.length === count && found;
      },
      WAIT_MS,
    );
  }

  it('have a warning that names the default, the firewall and the option', async () => {
    const [warning] = await hints(1);
    expect(warning).to.equal(
      `group servers: 2 of 3 targets never answered a SYN to port 0, the default of tcp-syn, such as ${FILTERED[0]}; ` +
        'a firewall likely drops them: set the option port to a TCP port that it lets through, open or closed',
    );
    const rows = collector.recorder.rows().filter(({ group }) => group === 'servers');
    for (const { target, sent, lost, received } of rows)
      expect(FILTERED.includes(target) ? lost : received, target).to.equal(sent);
  });

  it('have a line in llama probe', async () => {
    const probe = ['--protocol', 'tcp-syn', '--count', '3', '--timeout', '100ms', '--source-ports', '2'];
    const silent = await runLlama(['probe', FILTERED[0], ...probe], hosts.at('a'));
    expect(silent.code).to.equal(3);
    expect(silent.stdout).to.include(
      'cs0: no answer to SYNs to port 0, the default of tcp-syn; a firewall likely drops them: ' +
        `name a TCP port that it lets through, open or closed, such as ${FILTERED[0]}:443\n`,
    );
    expect(silent.stderr).to.not.include('port 0');
    const answered = await runLlama(['probe', OPEN, ...probe], hosts.at('a'));
    expect(answered.code).to.equal(0);
    expect(answered.stdout).to.not.include('firewall');
  });

  it('cost no packet of another kind', async () => {
    expect(await hosts.spaces.exec('b', 'nft', ['list', 'counter', 'inet', 'firewall', 'others'])).to.include(
      'packets 0 bytes 0',
    );
  });

  it('lose the warning when the firewall lets them through, and get none for an outage later', async () => {
    await hosts.nft('b', 'flush ruleset');
    await hints(0);
    await hosts.nft('b', FIREWALL);
    const { results } = await collector.recorder.interval(Date.now() + 1_000, WAIT_MS);
    const row = results.find(({ group, target }) => group === 'servers' && target === FILTERED[0]);
    expect(row).to.include({ received: 0, lossPct: 100 });
    await hints(0);
  });

  it('of a group that names another port have no warning about port 0', async () => {
    await collector.putGroup('servers', { ...SPEC, port: 443, targets: [{ address: FILTERED[0] }] });
    await hosts.nft('b', 'table inet more { chain input { type filter hook input priority 0; tcp dport 443 drop; }; }');
    await collector.recorder.interval(Date.now() + 1_000, WAIT_MS);
    await hints(0);
  });
});
