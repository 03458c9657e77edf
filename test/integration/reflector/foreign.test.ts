/**
 * LLAMA's own senders, imitated to the byte with nothing but Python's standard library, against our reflector: what they pack, send and check.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { needs } from '../../support/harness/needs.js';
import { Fixture } from '../../support/harness/reflector.js';

const fixture = new Fixture();

const COMMON = `
import json, os, socket, struct, sys, time
host, port = sys.argv[1], int(sys.argv[2])
v6 = ':' in host
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
else: s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
def send(data, tos):
    if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
    else: s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    s.sendto(data, (host, port))
    got, ancillary, flags, addr = s.recvmsg(2048, 64)
    back = int.from_bytes(ancillary[0][2], sys.byteorder)
    print(json.dumps({'bytes': len(data), 'same': got == data, 'from': addr[1] == port, 'asked': tos, 'tos': back}))
    return got
`;

/** LLAMA in Python, udp.py: FORMAT '<10sBddd?', and the socket's TOS is the one in the packet. */
const LEGACY = `${COMMON}
for tos in (0, 0x20, 0xb8, 0xb9):
    got = send(struct.pack('<10sBddd?', b'__llama__', tos, time.time() * 1000, 0, 0, False), tos)
    signature, back, sent, rcvd, rtt, lost = struct.unpack('<10sBddd?', got)
    rtt = time.time() * 1000 - sent
    assert signature == b'__llama__\\0' and back == tos and 0 <= rtt < 5000 and not lost
`;

/** LLAMA in Go: what golang/protobuf marshals of signature, tos, sent and padding, in the order of field numbers. */
const GO = `${COMMON}
def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])
def field(number, data): return varint(number << 3 | 2) + varint(len(data)) + data
for tos in (0, 0x20, 0xb8, 0xb9):
    data = field(1, os.urandom(10)) + field(2, bytes([tos])) + varint(3 << 3) + varint(time.time_ns()) + field(7, bytes(1000))
    assert len(data) == 1028
    send(data, tos)
`;

interface Sent {
  readonly bytes: number;
  readonly same: boolean;
  readonly from: boolean;
  readonly asked: number;
  readonly tos: number;
}

async function runSender(script: string, address: string, port: number): Promise<Sent[]> {
  const child = spawn('python3', ['-c', script, address, String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(code, error).to.equal(0);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sent);
}

describe('Senders of LLAMA', () => {
  before(function () {
    needs(this, 'python3');
  });
  afterEach(() => fixture.closeAll());

  for (const [name, script, bytes, counter] of [
    ['Python', LEGACY, 36, 'reflectedLlamaLegacy'],
    ['Go', GO, 1028, 'reflectedLlama'],
  ] as const)
    for (const [listen, address] of [
      ['127.0.0.1:0', '127.0.0.1'],
      ['[::1]:0', '::1'],
    ] as const)
      it(`in ${name} get their packets back from ${address} unchanged, with the TOS that they ask for`, async () => {
        const { reflector, port } = await fixture.reflector({ listen: [listen] });
        const sent = await runSender(script, address, port);
        const tos = [0, 0x20, 0xb8, 0xb9];
        expect(sent).to.deep.equal(tos.map((asked) => ({ bytes, same: true, from: true, asked, tos: asked })));
        expect(reflector.status().totals[counter]).to.equal(4);
      });
});
