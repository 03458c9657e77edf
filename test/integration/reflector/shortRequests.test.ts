/** Requests of TWAMP-Light test tools, which are shorter than their replies: who gets an answer, how much, and that no loop begins. */

import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { UdpPeer } from '../../support/fakes/udpPeer.js';
import { stampRequest } from '../../support/fakes/udpPeer.js';
import { needs } from '../../support/harness/needs.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();
const ALLOW = ['127.0.0.0/8'];

/** As nokia/twampy sends and reads: NTP time, error estimate 0x3FFF, no padding; it exits with an error unless T1 to T4 are in order. */
const TOOL = `
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
ntp = lambda t: (int(t) + 2208988800, int((t % 1) * 2**32))
unix = lambda s, f: s - 2208988800 + f / 2**32
for idx in range(3):
    t1 = time.time()
    s.sendto(struct.pack('!L2IH', idx, *ntp(t1), 0x3FFF), ('127.0.0.1', int(sys.argv[1])))
    data = s.recv(2048); t4 = time.time()
    assert len(data) == 41, len(data)
    rseq, t3s, t3f, e, mbz, t2s, t2f, sseq, t1s, t1f, serr, mbz2, ttl = struct.unpack('!L2I2H2IL2I2HB', data)
    t2, t3 = unix(t2s, t2f), unix(t3s, t3f)
    assert (sseq, (t1s, t1f), serr, ttl) == (idx, ntp(t1), 0x3FFF, 64), (sseq, serr, ttl)
    assert rseq == idx and mbz == 0 and e & 0x4000 == 0
    assert t1 - 1e-4 <= t2 <= t3 <= t4 + 1e-4, (t1, t2, t3, t4)
print('ok')
`;

/** Sends one UDP packet with a source of one's choice: source address and port, destination address and port, bytes in hexadecimal, how often. */
const FORGE = `
import socket, struct, sys
src, sport, dst, dport, data, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), bytes.fromhex(sys.argv[5]), int(sys.argv[6])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack('!HHHH', sport, dport, 8 + len(data), 0) + data
ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
for _ in range(count): s.sendto(ip + udp, (dst, 0))
`;

const python = (script: string, ...args: (string | number)[]): string => {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', script, ...args.map(String)], { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  return stdout.trim();
};

/** Sequence number, time of now and error estimate; behind them padding of one byte. */
const short = (length = 14, padding = 0): Buffer => {
  const bytes = Buffer.alloc(length, padding);
  stampRequest(7).copy(bytes, 0, 0, 14);
  return bytes;
};

describe('Short requests', () => {
  let peer: UdpPeer;
  before(function () {
    needs(this, 'root', 'python3');
  });
  beforeEach(async () => {
    peer = await fixture.peer();
  });
  afterEach(() => fixture.closeAll());

  it('of a test tool get 41 bytes with all times, in the format of its own', async () => {
    const { reflector, port } = await fixture.reflector({
      allow: ALLOW,
      maxShortPps: 100,
      stateful: { maxSessions: 9, timeoutMs: 9000 },
    });
    expect(python(TOOL, port)).to.equal('ok');
    await waitFor('the counter', () => reflector.status().totals.shortRequests === 3);
    expect(reflector.status().totals).to.include({ received: 3, reflected: 3, reflectedStamp: 3 });
  });

  it('of every length from 14 to 40 are answered, whatever the padding; the session identifier is 0', async () => {
    const { port } = await fixture.reflector({ allow: ALLOW, maxShortPps: 10_000 });
    for (let length = 14; length <= 40; length++)
      for (const padding of [0, 0xa5]) {
        const { bytes } = await peer.ask(short(length, padding), port);
        expect(bytes.length, `${length}`).to.equal(41);
        expect(bytes.readUInt16BE(14)).to.equal(0);
        expect(bytes.readUInt32BE(24)).to.equal(7);
      }
  });

  it('are dropped as too short without the option, below 14 bytes, and from outside the networks', async () => {
    const { reflector, port } = await fixture.reflector({ allow: ALLOW });
    await peer.send(short(), port);
    await waitFor('too short', () => reflector.status().totals.tooShort === 1);
    const { reflector: other, port: otherPort } = await fixture.reflector({
      allow: ['10.0.0.0/8', '127.9.0.0/16'],
      maxShortPps: 9,
    });
    await peer.send(short(), otherPort);
    await waitFor('not allowed', () => other.status().totals.notAllowed === 1);
    const far = await fixture.peer('127.9.0.1');
    await far.send(short().subarray(0, 13), otherPort);
    await waitFor('too short', () => other.status().totals.tooShort === 1);
    expect((await far.ask(short(), otherPort)).bytes.length).to.equal(41);
  });

  it('get at most the limit of their network, which other networks do not share, over all threads', async () => {
    const allow = ['127.8.0.0/16', '127.9.0.0/16'];
    const { reflector, port } = await fixture.reflector({
      listen: ['127.0.0.1:0'],
      allow,
      maxShortPps: 10,
      threads: 2,
    });
    const greedy = await fixture.peer('127.8.0.1');
    const modest = await fixture.peer('127.9.0.1');
    const startMs = performance.now();
    for (let i = 0; i < 200; i++) await greedy.send(short(), port);
    await waitFor('all seen', () => reflector.status().totals.received === 200);
    const { shortRequests, shortOverRate } = reflector.status().totals;
    const most = 2 + ((performance.now() - startMs) / 1000) * 10;
    expect(shortRequests).to.be.within(1, Math.ceil(most));
    expect(shortRequests + shortOverRate).to.equal(200);
    expect((await modest.ask(short(), port)).bytes.length).to.equal(41);
  });

  it('that look like a reply are dropped: a time of now where requests have none, in either format', async () => {
    const { reflector, port } = await fixture.reflector({ allow: ALLOW, maxShortPps: 100 });
    const nowS = Math.floor(Date.now() / 1000);
    for (const field of [16, 28])
      for (const s of [nowS, nowS + 2_208_988_800]) {
        const bytes = short(38);
        bytes.writeUInt32BE(s, field);
        await peer.send(bytes, port);
      }
    await waitFor('all dropped', () => reflector.status().totals.looksLikeReply === 4);
    expect(reflector.status().totals.reflected).to.equal(0);
  });

  for (const [title, format] of [
    ['PTPv2', 0x4001],
    ['NTP', 0x3fff],
  ] as const)
    it(`with a forged source never set two reflectors on each other for ever (${title} time)`, async () => {
      const options = { allow: ALLOW, maxShortPps: 1000 };
      const a = await fixture.reflector({ ...options, listen: ['127.0.0.2:0'] });
      const b = await fixture.reflector({ ...options, listen: ['127.0.0.3:0'] });
      const forged = short();
      forged.writeUInt16BE(format, 12);
      // With a T1 of now the second reflector would take the first reply for one to itself.
      forged.writeUInt32BE(1, 4);
      const COUNT = 10;
      python(FORGE, '127.0.0.3', b.port, '127.0.0.2', a.port, forged.toString('hex'), COUNT);
      const received = (): number => a.reflector.status().totals.received + b.reflector.status().totals.received;
      await waitFor('the end of each exchange', () => a.reflector.status().totals.looksLikeReply === COUNT);
      // The forged packet, its reply, and the answer to that, which the first reflector knows as one to itself.
      const end = received();
      expect(end).to.equal(3 * COUNT);
      await delay(200);
      expect(received(), 'nothing goes on').to.equal(end);
    });

  it('from a port that the reflector listens on itself, as another one probably does, are not answered at all', async () => {
    const a = await fixture.reflector({ listen: ['127.0.0.2:0'], allow: ALLOW, maxShortPps: 1000 });
    python(FORGE, '127.0.0.3', a.port, '127.0.0.2', a.port, short().toString('hex'), 5);
    await waitFor('five dropped', () => a.reflector.status().totals.shortFromOwnPort === 5);
    expect(a.reflector.status().totals).to.include({ received: 5, reflected: 0, shortRequests: 0 });
  });
});
