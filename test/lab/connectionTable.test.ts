/**
 * A full connection table (nf_conntrack) of this host refuses probes with EPERM: they are not sent, and no loss of the
 * network.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { runLlama } from '../support/processes/process.js';
import { TwoHosts } from './twoHosts.js';

const TARGET = '10.9.0.2';
/** The table's size is the whole machine's and is not changed here. A larger one takes too long to fill. */
const MOST_ENTRIES = 2 ** 20;
const PORTS = 60_000;
const FIRST_PORT = 1_024;

/** Connections are followed as soon as a rule asks for their state. */
const FOLLOW = `table inet follow {
  chain output {
    type filter hook output priority 0
    ct state invalid drop
  }
}`;

/** Lines of `conntrack --load-file`: connections that are in use, which a full table does not give up for new ones. */
function connections(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const host = `198.18.0.${1 + Math.floor(i / PORTS)}`;
    const port = FIRST_PORT + (i % PORTS);
    lines.push(
      `-A -s ${host} -d 198.18.1.1 -r 198.18.1.1 -q ${host} -p udp --sport ${port} --dport 9 ` +
        `--reply-port-src 9 --reply-port-dst ${port} -t 600 -u SEEN_REPLY,ASSURED\n`,
    );
  }
  return lines.join('');
}

describe('lab: a full connection table', function () {
  this.timeout(120_000);
  let hosts: TwoHosts;
  let directory: string;

  before(async function () {
    needs(this, 'root', 'ip', 'nft', 'conntrack');
    hosts = await TwoHosts.create();
    await hosts.ip('a', 'address add 10.9.0.1/24 dev eth0');
    await hosts.ip('b', `address add ${TARGET}/24 dev eth0`);
    await hosts.reflector('b');
    directory = await mkdtemp(join(tmpdir(), 'llama-conntrack-'));
    const max = await hosts.nft('a', FOLLOW).then(
      async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8')),
      () => Number.NaN,
    );
    if (max <= MOST_ENTRIES) {
      const file = join(directory, 'connections');
      await writeFile(file, connections(max));
      await hosts.spaces.exec('a', 'conntrack', ['--load-file', file]);
      return;
    }
    console.log(
      `      skipped: ${Number.isNaN(max) ? 'this kernel has no nf_conntrack' : `its table has ${max} entries, more than this fills`}`,
    );
    this.skip();
  });
  after(async () => {
    await hosts?.destroy();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  it('refuses every probe with EPERM, until there is space again', async () => {
    const probe = ['probe', TARGET, '--count', '20', '--period', '1ms', '--timeout', '200ms', '--json'];
    const full = await runLlama(probe, hosts.at('a'));
    expect(full.code).to.equal(2);
    const [row] = JSON.parse(full.stdout).results;
    expect(row).to.include({ sent: 0, sendErrors: 20, lossPct: null });
    expect(row.sendErrorsBy).to.deep.equal([{ count: 20, errno: 'EPERM' }]);
    expect(full.stderr).to.include('20 not sent: dropped by a firewall rule or a full connection table of this host');

    await hosts.spaces.exec('a', 'conntrack', ['--flush']);
    const free = await runLlama(probe, hosts.at('a'));
    expect(free.code).to.equal(0);
    expect(JSON.parse(free.stdout).results[0]).to.include({ sent: 20, received: 20, sendErrorsBy: null });
  });
});
