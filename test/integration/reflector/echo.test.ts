import { expect } from 'chai';
import { addressBytes, writeSockaddr } from '../../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../../src/net/batch.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { STAMP_BYTES } from '../../../src/wire/stamp.js';
import { readReply, stampRequest } from '../../support/fakes/udpPeer.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();
const asNs = (s: number, ns: number): bigint => BigInt(s) * 1_000_000_000n + BigInt(ns);
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
const CLOCK_READING_NS = 1_000_000n;

describe('A reflector on loopback', () => {
  afterEach(() => fixture.closeAll());

  it('returns what RFC 8762 asks for: numbers, T1, error estimate, SSID, TTL', async () => {
    const { port } = await fixture.reflector();
    const peer = await fixture.peer();
    const request = stampRequest(0xdead_beef, 44, 0x1234);
    const { bytes, from } = await peer.ask(request, port);
    const reply = readReply(bytes);
    expect(from.port).to.equal(port);
    expect(reply.ok).to.equal(true);
    expect(reply.sequence).to.equal(0xdead_beef);
    expect(reply.senderSequence).to.equal(0xdead_beef);
    expect(reply.ssid).to.equal(0x1234);
    expect(reply.senderTtl).to.equal(64);
    expect(reply.t1S).to.equal(request.readUInt32BE(4));
    expect(reply.t1Ns).to.equal(request.readUInt32BE(8));
    expect(bytes.subarray(36, 38)).to.deep.equal(request.subarray(12, 14));
  });

  it('gives times in order: sent, T2, T3, received', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    for (let i = 0; i < 50; i++) {
      const before = nowNs();
      const reply = readReply((await peer.ask(stampRequest(i), port)).bytes);
      const after = nowNs() + CLOCK_READING_NS;
      const t2 = asNs(reply.t2S, reply.t2Ns);
      const t3 = asNs(reply.t3S, reply.t3Ns);
      expect(t2 >= before && t3 >= t2 && after >= t3, `round ${i}: ${before} ${t2} ${t3} ${after}`).to.equal(true);
    }
    expect(reflector.status().totals.stampsMissing).to.be.lessThan(50);
  });

  it('answers with the length it was asked with, and leaves what follows the base packet as it is', async () => {
    const { port } = await fixture.reflector();
    const peer = await fixture.peer();
    for (const length of [41, 42, 43, 44, 45, 200, 1472, 9000]) {
      const request = stampRequest(length, length);
      const { bytes } = await peer.ask(request, port);
      expect(bytes.length).to.equal(length);
      expect(bytes.subarray(STAMP_BYTES)).to.deep.equal(request.subarray(STAMP_BYTES));
    }
  });

  it('on a wildcard address answers from the address that was asked', async () => {
    const { port } = await fixture.reflector({ listen: ['0.0.0.0:0'] });
    const peer = await fixture.peer('0.0.0.0');
    for (const address of ['127.0.0.5', '127.0.0.1', '127.200.3.4']) {
      const { from } = await peer.ask(stampRequest(1), port, address);
      expect(from.address).to.equal(address);
    }
  });

  it('answers over IPv6, from the address that was asked', async () => {
    const { port } = await fixture.reflector({ listen: ['[::]:0'] });
    const peer = await fixture.peer('::1');
    const { bytes, from } = await peer.ask(stampRequest(7), port, '::1');
    expect(from.address).to.equal('::1');
    expect(readReply(bytes).senderSequence).to.equal(7);
    expect(readReply(bytes).senderTtl).to.equal(64);
  });

  it('listens on several addresses at a time', async () => {
    const { reflector } = await fixture.reflector({ listen: ['127.0.0.1:0', '127.0.0.2:0', '[::1]:0'] });
    const v4 = await fixture.peer();
    const v6 = await fixture.peer('::1');
    for (const { address, family, port } of reflector.endpoints) {
      const { from } = await (family === 4 ? v4 : v6).ask(stampRequest(1), port, address);
      expect([from.address, from.port]).to.deep.equal([address, port]);
    }
  });

  for (const [family, address] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const)
    it(`IPv${family}: the reply carries the DSCP of the request, and never its ECN bits`, async () => {
      const { port } = await fixture.reflector({ listen: [family === 4 ? '127.0.0.1:0' : '[::1]:0'] });
      const socket = UdpSocket.open({ family, address, port: 0, tosAndTtl: true });
      try {
        const out = new SendBatch(family, 4, STAMP_BYTES);
        const tosSent = [0xb8, 0x00, 0xb9, 0xff];
        for (const [i, tos] of tosSent.entries()) {
          out.memory.bytes.set(stampRequest(i), out.payloadAt(i));
          writeSockaddr(out.memory, out.nameAt(i), family, addressBytes(address), port);
          out.setLength(i, STAMP_BYTES);
          out.setTos(i, tos);
        }
        expect(out.send(socket.fd, 0, 4)).to.equal(4);
        const received = new ReceiveBatch(4, 64);
        const tosGot = new Map<number, number>();
        await waitFor('four replies', () => {
          const count = received.receive(socket.fd);
          for (let i = 0; i < count; i++)
            tosGot.set(received.memory.view.getUint32(received.payloadAt(i)), received.tos[i]);
          return tosGot.size === 4;
        });
        expect(tosSent.map((_, i) => tosGot.get(i))).to.deep.equal([0xb8, 0x00, 0xb8, 0xfc]);
      } finally {
        socket.close();
      }
    });

  it('counts junk by its reason and answers none of it', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    const answered = (await peer.ask(stampRequest(2), port)).bytes;
    const ours = Buffer.from(answered);
    answered.copy(ours, 28, 4, 12);
    await peer.send(new Uint8Array(0), port);
    await peer.send(stampRequest(1, 40), port);
    await peer.send(ours, port);
    await peer.send(stampRequest(1, 20_000), port);
    // The last one is answered: by then all before it have been looked at.
    await peer.ask(stampRequest(3), port);
    const { totals } = reflector.status();
    expect(totals).to.include({ received: 6, reflected: 2, tooShort: 2, looksLikeReply: 1, tooLong: 1 });
    expect(totals).to.include({ notAllowed: 0, overRate: 0, noSource: 0, sendErrors: 0, receiveQueueDrops: 0 });
    expect(peer.received.length).to.equal(2);
  });

  it('two reflectors that a forged packet sets on each other stop after one round', async () => {
    const a = await fixture.reflector();
    const b = await fixture.reflector();
    // The peer carries the replies to and fro, as the network would do with forged source addresses.
    const peer = await fixture.peer();
    const forged = stampRequest(1);
    forged.writeUInt32BE(1000, 4);
    const ofA = await peer.ask(forged, a.port);
    const ofB = await peer.ask(ofA.bytes, b.port);
    await peer.send(ofB.bytes, a.port);
    await waitFor('the loop to be cut', () => a.reflector.status().totals.looksLikeReply === 1);
    expect(a.reflector.status().totals.reflected).to.equal(1);
    expect(b.reflector.status().totals.reflected).to.equal(1);
  });

  it('answers only the networks of the allow list', async () => {
    const { reflector, port } = await fixture.reflector({
      listen: ['0.0.0.0:0'],
      allow: ['127.0.0.2/31', '2001:db8::/32'],
    });
    const stranger = await fixture.peer('127.0.0.1');
    const friend = await fixture.peer('127.0.0.3');
    await stranger.send(stampRequest(1), port);
    await friend.ask(stampRequest(2), port);
    expect(reflector.status().totals).to.include({ received: 2, reflected: 1, notAllowed: 1 });
    expect(stranger.received.length).to.equal(0);
  });
});
