/** Two hosts on two links to one reflector, all in one subnet: by which link a reply leaves. */

import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { type Running, startLlama } from '../support/processes/process.js';
import { Namespaces } from './namespaces.js';

const START_MS = 20_000;
const PORT = 8_100;

/**
 * Asks from an address (with its interface, where it is link-local) and prints where the reply came from, or `no
 * reply`.
 */
const ASK = `
import socket, struct, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
v6 = ':' in target
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
def at(address, port):
    if not v6: return (address, port)
    host, _, zone = address.partition('%')
    return (host, port, 0, socket.if_nametoindex(zone) if zone else 0)
s.bind(at(source, 0))
try:
    for attempt in range(3):
        try:
            s.sendto(struct.pack('>IIIH', 7, 1, 1, 0x4001) + bytes(30), at(target, port))
            print(s.recvfrom(100)[1][0].split('%')[0]); break
        except TimeoutError: pass
    else: print('no reply')
except OSError as error: print(error)
`;

describe('lab: the interface of a reply', function () {
  this.timeout(60_000);
  const spaces = new Namespaces();
  const running: Running[] = [];

  before(async function () {
    needs(this, 'root', 'ip', 'python3');
    // Link n: eth0 of host n, ethn of b. Every interface of b is in the subnets of both links; the first has the route.
    await spaces.add(['n0', 'n1', 'b']);
    await spaces.exec('b', 'ip', ['link', 'set', 'lo', 'up']);
    for (const n of [0, 1]) {
      const host = `n${n}`;
      const peer = ['peer', 'name', `eth${n}`, 'netns', spaces.name('b')];
      await spaces.exec(host, 'ip', ['link', 'add', 'eth0', 'type', 'veth', ...peer]);
      for (const [space, device, last] of [
        [host, 'eth0', 10 + n],
        ['b', `eth${n}`, 2 + n],
      ] as const) {
        await spaces.exec(space, 'ip', ['link', 'set', device, 'up']);
        const link = space === 'b' ? 'fe80::b/64' : 'fe80::a/64';
        for (const address of [`10.5.0.${last}/24`, `169.254.5.${last}/16`, `fd00:5::${last}/64`, link])
          await spaces.exec(space, 'ip', [
            'address',
            'add',
            address,
            'dev',
            device,
            ...(address.includes(':') ? ['nodad'] : []),
          ]);
      }
    }
  });
  afterEach(() => Promise.all(running.splice(0).map((one) => one.stop())));
  after(() => spaces.destroy());

  async function reflector(...options: string[]): Promise<void> {
    const one = startLlama(['reflector', '--threads', '1', ...options], (command, args, spawn) =>
      spaces.spawn('b', command, args, spawn),
    );
    running.push(one);
    await one.until('it answers', () => one.stderr.includes('answering probes'), START_MS);
  }
  const ask = async (host: string, source: string, target: string, port = PORT): Promise<string> =>
    (await spaces.exec(host, 'python3', ['-c', ASK, source, target, String(port)])).trim();

  for (const [title, options, second] of [
    ['by default the routing table chooses: a host on the second link of a subnet gets no reply', [], 'no reply'],
    [
      'with --reply-interface incoming a reply leaves by the link that its request came in by',
      ['--reply-interface', 'incoming'],
      undefined,
    ],
  ] as const)
    it(title, async () => {
      await reflector(...options);
      for (const subnet of ['10.5.0.', 'fd00:5::']) {
        expect(await ask('n0', `${subnet}10`, `${subnet}2`)).to.equal(`${subnet}2`);
        expect(await ask('n1', `${subnet}11`, `${subnet}3`)).to.equal(second ?? `${subnet}3`);
      }
    });

  it('link-local addresses always get it: the same ones on both links, IPv4 and IPv6, and from a global source', async () => {
    await reflector();
    for (const n of [0, 1]) {
      expect(await ask(`n${n}`, `169.254.5.${10 + n}`, `169.254.5.${2 + n}`)).to.equal(`169.254.5.${2 + n}`);
      expect(await ask(`n${n}`, 'fe80::a%eth0', 'fe80::b%eth0')).to.equal('fe80::b');
      expect(await ask(`n${n}`, `fd00:5::${10 + n}`, 'fe80::b%eth0')).to.equal('fe80::b');
    }
  });

  it('replies within one host need no interface, with the option too', async () => {
    await reflector('--reply-interface', 'incoming');
    for (const address of ['127.0.0.1', '10.5.0.2', '10.5.0.3', 'fd00:5::3', '::1'])
      expect(await ask('b', address, address)).to.equal(address);
  });

  it('a member of a VRF always gets it', async function () {
    const made = await spaces.exec('b', 'ip', ['link', 'add', 'red', 'type', 'vrf', 'table', '10']).then(
      () => true,
      () => false,
    );
    if (!made) {
      console.log('      skipped: this kernel has no VRF (CONFIG_NET_VRF)');
      this.skip();
    }
    await spaces.exec('b', 'sysctl', ['-qw', 'net.ipv4.udp_l3mdev_accept=1']);
    await spaces.exec('b', 'ip', ['link', 'set', 'red', 'up']);
    await spaces.exec('b', 'ip', ['link', 'set', 'eth1', 'master', 'red']);
    await reflector();
    expect(await ask('n1', '10.5.0.11', '10.5.0.3')).to.equal('10.5.0.3');
  });
});
