import { expect } from 'chai';
import { addressBytes, writeSockaddr } from '../../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../../src/net/batch.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { DEFAULT_SESSIONS } from '../../../src/reflector/reflector.js';
import { COPIES } from '../../../src/reflector/repeats.js';
import { isSigned, llamaLegacyPacket, llamaPacket, stampAuthPacket, stampPacket } from '../../support/fakes/packets.js';
import { Fixture, type Overrides } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();
const KEY = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
const OTHER_KEY = Buffer.from('another key');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Reply {
  readonly bytes: Buffer;
  readonly tos: number;
  readonly ttl: number;
}

/** Sends each packet with a TOS, one after the other, and resolves with what came back and the TOS and TTL that it had. */
async function exchange(family: 4 | 6, port: number, packets: readonly Buffer[], tos: number): Promise<Reply[]> {
  const address = family === 4 ? '127.0.0.1' : '::1';
  const socket = UdpSocket.open({ family, address, port: 0, tosAndTtl: true });
  const replies: Reply[] = [];
  try {
    const out = new SendBatch(family, 1, 2048);
    const received = new ReceiveBatch(1, 2048);
    writeSockaddr(out.memory, out.nameAt(0), family, addressBytes(address), port);
    out.setTos(0, tos);
    for (const packet of packets) {
      out.memory.bytes.set(packet, out.payloadAt(0));
      out.setLength(0, packet.length);
      expect(out.send(socket.fd, 0, 1)).to.equal(1);
      await waitFor('a reply', () => received.receive(socket.fd) === 1);
      const at = received.payloadAt(0);
      const bytes = Buffer.from(received.memory.bytes.slice(at, at + received.lengths[0]));
      replies.push({ bytes, tos: received.tos[0], ttl: received.ttl[0] });
    }
  } finally {
    socket.close();
  }
  return replies;
}

for (const family of [4, 6] as const)
  describe(`A reflector over IPv${family}`, () => {
    const listen = [family === 4 ? '127.0.0.1:0' : '[::1]:0'];
    const start = (overrides: Overrides = {}) => fixture.reflector({ listen, ...overrides });
    afterEach(() => fixture.closeAll());

    it('answers all formats on one port and counts each', async () => {
      const { reflector, port } = await start();
      const packets = [stampPacket(1), llamaPacket(2, 0), llamaLegacyPacket(3, 0), stampPacket(4).subarray(0, 41)];
      const replies = await exchange(family, port, packets, 0);
      for (const [i, { bytes, ttl }] of replies.entries()) {
        expect(bytes.length).to.equal(packets[i].length);
        expect(ttl, 'as sent').to.equal(255);
      }
      const { totals } = reflector.status();
      expect(totals).to.include({ received: 4, reflected: 4, reflectedStamp: 2, reflectedStampAuth: 0 });
      expect(totals).to.include({ reflectedLlama: 1, reflectedLlamaLegacy: 1 });
    });

    for (const [name, packet] of [
      ['LLAMA in Go', llamaPacket],
      ['LLAMA in Python', llamaLegacyPacket],
    ] as const)
      it(`returns probes of ${name} unchanged, with the TOS that they ask for but never CE`, async () => {
        const { port } = await start();
        const asked = [0x00, 0xb8, 0xb9, 0xba, 0xbb, 0xff];
        const packets = asked.map((tos, i) => packet(i, tos));
        const replies = await exchange(family, port, packets, 0x28);
        for (const [i, { bytes }] of replies.entries()) expect(bytes.equals(packets[i])).to.equal(true);
        expect(replies.map(({ tos }) => tos)).to.deep.equal([0x00, 0xb8, 0xb9, 0xba, 0xb8, 0xfc]);
      });

    it('answers STAMP octet for octet as RFC 8762 figure 2 has it, TLVs as RFC 8972', async () => {
      const { reflector, port } = await start({ stateful: DEFAULT_SESSIONS });
      const tlvs = '80030004 00000000 80040004 28000000 8005000C 00000009 00000000 00000000 80F00001 AA 80010002 BEEF';
      const [, { bytes, tos }] = await exchange(
        family,
        port,
        [stampPacket(8, '', 0x1234), stampPacket(9, tlvs, 0x1234)],
        0xba,
      );
      const errorEstimate = hex(bytes.subarray(12, 14));
      const clock = reflector.status().clockSynchronised ? '01' : '05';
      // T3 and T2 are what they are.
      bytes.fill(0, 4, 14).fill(0, 16, 24);
      expect(hex(bytes)).to.equal(
        `00000001 0000000000000000 0000 1234 0000000000000000 00000009 6553f100075bcd15 4001 0000 40 000000
         00030004 ${clock}02${clock}02 00040004 2AE80000 0005000C 00000009 00000002 00000002 80F00001 AA 00010002 BEEF`
          .replace(/\s/g, '')
          .toLowerCase(),
      );
      expect(tos, 'the DSCP that the TLV asks for').to.equal(0x28);
      expect(Number.parseInt(errorEstimate, 16) >> 14, 'S and Z').to.equal(clock === '01' ? 3 : 1);
    });

    it('answers authenticated STAMP octet for octet as RFC 8762 figure 6 has it, signed, TLVs too', async () => {
      const { reflector, port } = await start({ keys: [KEY] });
      const tlvs = '80040004 28000000';
      const [{ bytes, tos }] = await exchange(family, port, [stampAuthPacket(9, KEY, tlvs, '80010001 AA')], 0xb8);
      expect(isSigned(bytes, KEY, 8)).to.equal(true);
      bytes.fill(0, 16, 26).fill(0, 32, 40).fill(0, 96, 112).fill(0, 124, 140);
      expect(hex(bytes)).to.equal(
        [
          '00000009',
          '00'.repeat(12 + 8 + 2),
          '0007',
          '00'.repeat(4 + 8 + 8),
          '00000009',
          '00'.repeat(12),
          '6553f100075bcd15',
          '4001000000000000',
          '40',
          '00'.repeat(15 + 16),
          '000400042ae00000',
          '00080010',
          '00'.repeat(16),
          '00010001aa',
        ].join(''),
      );
      expect(tos).to.equal(0x28);
      expect(reflector.status().totals).to.include({ reflectedStampAuth: 1, reflectedStamp: 0 });
    });
  });

describe('A reflector with keys', () => {
  afterEach(() => fixture.closeAll());

  it('answers nothing without a valid HMAC, counts why, and holds no session for it', async () => {
    const { reflector, port } = await fixture.reflector({ keys: [KEY], stateful: DEFAULT_SESSIONS });
    const peer = await fixture.peer();
    const forged = stampAuthPacket(1, KEY);
    forged[5] ^= 1;
    const changed = stampAuthPacket(1, KEY);
    changed[0] ^= 1;
    for (const packet of [
      stampPacket(1),
      stampPacket(1, '00'.repeat(100)),
      llamaPacket(1, 0),
      llamaLegacyPacket(1, 0),
      stampAuthPacket(1, OTHER_KEY),
      changed,
      forged,
      stampAuthPacket(1, KEY).subarray(0, 111),
    ])
      await peer.send(packet, port);
    await waitFor('all to be looked at', () => reflector.status().totals.received === 8);
    expect(reflector.status().totals).to.include({ unauthenticated: 6, badHmac: 2, reflected: 0, sessions: 0 });
    await peer.ask(stampAuthPacket(1, KEY), port);
    expect(peer.received).to.have.length(1);
    await waitFor('its session', () => reflector.status().totals.sessions === 1);
    expect(reflector.status().authenticated).to.equal(true);
  });

  it('several keys are accepted, and each request is answered with its own', async () => {
    const { port } = await fixture.reflector({ keys: [KEY, OTHER_KEY] });
    const peer = await fixture.peer();
    for (const key of [OTHER_KEY, KEY, OTHER_KEY]) {
      const { bytes } = await peer.ask(stampAuthPacket(1, key, '80040004 28000000'), port);
      expect(isSigned(bytes, key, 8)).to.equal(true);
    }
  });

  it('new keys hold for all that comes after them, in every thread and after a thread was started again', async () => {
    const { reflector, port } = await fixture.reflector({ keys: [KEY], threads: 2 });
    const peers = await Promise.all(Array.from({ length: 8 }, () => fixture.peer()));
    for (const peer of peers) await peer.ask(stampAuthPacket(1, KEY), port);
    reflector.setKeys([OTHER_KEY]);
    for (const peer of peers) await peer.send(stampAuthPacket(2, KEY), port);
    for (const peer of peers) await peer.ask(stampAuthPacket(3, OTHER_KEY), port);
    expect(reflector.status().totals).to.include({ badHmac: 8, reflected: 16 });
    await reflector.killThread(0);
    for (const peer of peers) await peer.ask(stampAuthPacket(4, OTHER_KEY), port);
    expect(peers.every(({ received }) => received.length === 3)).to.equal(true);
  });

  it('TLVs that are not covered by the HMAC go back flagged, are not followed and are counted', async () => {
    const { reflector, port } = await fixture.reflector({ keys: [KEY] });
    const peer = await fixture.peer();
    const packet = stampAuthPacket(1, KEY, '80040004 28000000');
    packet[116] = 0xb8;
    const { bytes } = await peer.ask(packet, port);
    expect(hex(bytes.subarray(112, 124))).to.equal('20040004b800000020080010');
    expect(isSigned(bytes, KEY)).to.equal(true);
    await waitFor('the count', () => reflector.status().totals.forgedTlvs === 1);
  });
});

describe('A reflector without keys', () => {
  afterEach(() => fixture.closeAll());

  it('says that authenticated packets need a key, instead of answering them wrongly', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    await peer.send(stampAuthPacket(1, KEY), port);
    await waitFor('it to be counted', () => reflector.status().totals.noKey === 1);
    expect(peer.received).to.have.length(0);
  });

  it('stateless: counts for the sessions that ask for it, and for no other', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    const asks = '8005000C 00000009 00000000 00000000';
    await peer.ask(stampPacket(1), port);
    await peer.ask(stampPacket(5, asks), port);
    const { bytes } = await peer.ask(stampPacket(7, asks), port);
    expect(hex(bytes.subarray(0, 4)), 'still the sender’s number').to.equal('00000007');
    expect(hex(bytes.subarray(44))).to.equal('0005000c000000090000000200000002');
    await waitFor('the one session', () => reflector.status().totals.sessions === 1);
  });

  it('requests above --max-pps count as received in their session, so that they don’t look lost on the way here', async () => {
    const { reflector, port } = await fixture.reflector({ maxPps: 10, stateful: DEFAULT_SESSIONS });
    const peer = await fixture.peer();
    const asks = '8005000C 00000009 00000000 00000000';
    await peer.ask(stampPacket(0, asks), port);
    for (let i = 1; i <= 20; i++) await peer.send(stampPacket(i, asks), port);
    await waitFor('all to be looked at', () => reflector.status().totals.received === 21);
    expect(reflector.status().totals.overRate).to.be.greaterThan(0);
    const of99 = (): number => peer.received.findIndex(({ bytes }) => bytes.readUInt32BE(24) === 99);
    await waitFor('a reply again', async () => {
      await peer.send(stampPacket(99, asks), port);
      return of99() >= 0;
    });
    const at = of99();
    const { bytes } = peer.received[at];
    const { received } = reflector.status().totals;
    // How many of the last ones came between is not known.
    expect(bytes.readUInt32BE(52)).to.be.within(22, received);
    expect(bytes.readUInt32BE(56)).to.equal(at + 1);
    expect(bytes.readUInt32BE(0)).to.equal(at);
  });

  it('malformed TLVs go back flagged and are counted', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    const { bytes } = await peer.ask(stampPacket(1, '80040003 280000 80010000'), port);
    expect(hex(bytes.subarray(44))).to.equal('4004000328000080010000');
    await waitFor('the count', () => reflector.status().totals.malformedTlvs === 1);
  });

  for (const [name, packet] of [
    ['LLAMA in Go', llamaPacket(1, 0)],
    ['LLAMA in Python', llamaLegacyPacket(1, 0)],
  ] as const)
    it(`two reflectors that a forged probe of ${name} sets on each other stop after a few rounds`, async () => {
      const a = await fixture.reflector();
      const b = await fixture.reflector();
      const peer = await fixture.peer();
      // The peer carries the replies to and fro, as the network would do with forged source addresses.
      for (let round = 0; round < COPIES; round++)
        for (const { port } of [a, b]) expect((await peer.ask(packet, port)).bytes.equals(packet)).to.equal(true);
      await peer.send(packet, a.port);
      await waitFor('the loop to be cut', () => a.reflector.status().totals.repeated === 1);
      expect(a.reflector.status().totals.reflected).to.equal(COPIES);
      // Another probe, and the same one from elsewhere, are no loop.
      await peer.ask(Buffer.from(packet).fill(9, 11, 12), a.port);
      await (await fixture.peer()).ask(packet, a.port);
    });
});
