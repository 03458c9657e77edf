import { expect } from 'chai';
import { JUNK_REASONS, type REFLECTOR_COUNTERS } from '../../../src/reflector/messages.js';
import { DEFAULT_SESSIONS } from '../../../src/reflector/reflector.js';
import { llamaLegacyPacket, llamaPacket, stampAuthPacket, stampPacket } from '../../support/fakes/packets.js';
import type { UdpPeer } from '../../support/fakes/udpPeer.js';
import { seededRandom } from '../../support/harness/random.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();
const KEY = Buffer.from('a key of sixteen');
const TLVS =
  '80030004 00000000 80040004 28000000 8005000C 00000009 00000000 00000000 80F00002 BEEF 80080010 00000000000000000000000000000000 80010002 BEEF';
const SEEDS = [
  stampPacket(1),
  stampPacket(2, TLVS, 7),
  stampPacket(3, '00'.repeat(200)),
  stampAuthPacket(4, KEY),
  stampAuthPacket(5, KEY, TLVS.slice(0, 60), '80010002 BEEF'),
  llamaPacket(6, 0xb8),
  llamaLegacyPacket(7, 0xb8),
];
const PACKETS = 50_000;
/** Sent before their number is looked at: no more than the default receive buffer holds of the replies. */
const BURST = 50;

/** Sends random packets: a seed with some bytes changed, cut or made longer. Resolves with their lengths. */
async function sendMutations(
  peer: UdpPeer,
  port: number,
  seed: number,
  answered: (sent: number) => boolean,
): Promise<number[]> {
  const { below, u32 } = seededRandom(seed);
  const lengths: number[] = [];
  for (let sent = 0; sent < PACKETS; sent += BURST) {
    const burst: Promise<void>[] = [];
    for (let i = 0; i < BURST; i++) {
      let packet = Buffer.from(SEEDS[below(SEEDS.length)]);
      for (let k = below(5); k > 0; k--)
        packet[below(Math.min(packet.length, below(2) === 0 ? 64 : 400))] = u32() & 0xff;
      if (below(6) === 0) packet = packet.subarray(0, below(packet.length + 1));
      if (below(6) === 0) packet = Buffer.concat([packet, Buffer.alloc(below(100), u32() & 0xff)]);
      lengths.push(packet.length);
      burst.push(peer.send(packet, port));
    }
    await Promise.all(burst);
    await waitFor('all to be looked at and answered', () => answered(sent + BURST), 20_000);
  }
  return lengths;
}

describe('A reflector that gets 100,000 random packets of all formats', () => {
  afterEach(() => fixture.closeAll());

  for (const [name, seed, keys] of [
    ['without keys', 1, undefined],
    ['with a key', 2, [KEY]],
  ] as const)
    it(`${name}: answers afterwards, with all of them counted, each reply as long as its request`, async function () {
      this.timeout(120_000);
      const { reflector, port } = await fixture.reflector({ stateful: DEFAULT_SESSIONS, ...(keys && { keys }) });
      const peer = await fixture.peer();
      const totals = () => reflector.status().totals;
      const lengths = await sendMutations(peer, port, seed, (sent) => {
        const { received, reflected } = totals();
        return received === sent && peer.received.length === reflected;
      });
      const after = totals();
      const sum = (names: readonly (typeof REFLECTOR_COUNTERS)[number][]): number =>
        names.reduce((all, one) => all + after[one], 0);
      expect(after.received).to.equal(PACKETS);
      expect(after.reflected + after.sendErrors + sum(JUNK_REASONS)).to.equal(PACKETS);
      expect(sum(['reflectedStamp', 'reflectedStampAuth', 'reflectedLlama', 'reflectedLlamaLegacy'])).to.equal(
        after.reflected,
      );
      expect(after.stampsMissing).to.be.lessThan(100);
      const met: readonly (typeof REFLECTOR_COUNTERS)[number][] =
        keys === undefined
          ? [
              'reflectedStamp',
              'reflectedLlama',
              'reflectedLlamaLegacy',
              'tooShort',
              'noKey',
              'repeated',
              'malformedTlvs',
              'forgedTlvs',
            ]
          : ['reflectedStampAuth', 'unauthenticated', 'badHmac', 'tooShort', 'forgedTlvs'];
      for (const counter of met) expect(after[counter], counter).to.be.greaterThan(0);
      // They come in the order of their requests.
      let request = 0;
      for (const { bytes } of peer.received) {
        while (request < PACKETS && lengths[request] !== bytes.length) request++;
        request++;
      }
      expect(request, 'a request of its length for every reply').to.be.at.most(PACKETS);
      expect(reflector.status().workers[0]).to.include({ restarts: 0, state: 'running' });
      await peer.ask(keys === undefined ? stampPacket(1) : stampAuthPacket(1, KEY), port);
    });
});
