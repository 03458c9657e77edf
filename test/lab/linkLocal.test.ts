/** A reflector on a link-local address, which is on an interface and nowhere else. */

import { expect } from 'chai';
import { needs } from '../support/needs.js';
import { startLlama } from '../support/process.js';
import { Namespaces } from './namespaces.js';

const PORT = 8_100;
const START_MS = 20_000;

/** Sends one STAMP packet from a link-local address and prints sequence number, length and source of the reply, and its hop limit. */
const ASK = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(5)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
s.sendto(struct.pack('>IIIH', 7, 1, 1, 0x4001) + bytes(30), (sys.argv[1], ${PORT}, 0, socket.if_nametoindex('eth0')))
data, ancillary, flags, source = s.recvmsg(100, 64)
print(struct.unpack_from('>I', data, 24)[0], len(data), source[0].split('%')[0], struct.unpack('i', ancillary[0][2])[0])
`;

describe('lab: link-local addresses', function () {
  this.timeout(60_000);
  const spaces = new Namespaces();

  before(async function () {
    needs(this, 'root', 'ip', 'python3');
    await spaces.add(['a', 'b']);
    const peer = ['peer', 'name', 'eth0', 'netns', spaces.name('b')];
    await spaces.exec('a', 'ip', ['link', 'add', 'eth0', 'type', 'veth', ...peer]);
    for (const [host, address] of [
      ['a', 'fe80::a/64'],
      ['b', 'fe80::b/64'],
    ]) {
      await spaces.exec(host, 'ip', ['address', 'add', address, 'dev', 'eth0', 'nodad']);
      await spaces.exec(host, 'ip', ['link', 'set', 'eth0', 'up']);
      await spaces.exec(host, 'ip', ['link', 'set', 'lo', 'up']);
    }
  });
  after(() => spaces.destroy());

  for (const listen of [`[fe80::b%eth0]:${PORT}`, `[::]:${PORT}`])
    it(`a reflector on ${listen} answers from the link-local address that was asked, with hop limit 255`, async () => {
      const reflector = startLlama(['reflector', '--listen', listen], (command, args, options) =>
        spaces.spawn('b', command, args, options),
      );
      try {
        await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
        expect(reflector.stderr).to.include(listen);
        expect((await spaces.exec('a', 'python3', ['-c', ASK, 'fe80::b'])).trim()).to.equal('7 44 fe80::b 255');
      } finally {
        await reflector.stop();
      }
    });

  it('an interface that is not there is named with what to do', async () => {
    const reflector = startLlama(['reflector', '--listen', `[fe80::b%eth9]:${PORT}`]);
    expect(await reflector.exited).to.include({ code: 2 });
    expect(reflector.stderr).to.include('[fe80::b%eth9]:8100').and.to.include('ip link');
  });
});
