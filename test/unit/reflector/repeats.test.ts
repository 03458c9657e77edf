import { expect } from 'chai';
import { COPIES, RepeatGuard } from '../../../src/reflector/repeats.js';
import { llamaLegacyPacket, llamaPacket } from '../../support/fakes/packets.js';

const SOURCE = 8;

/** The guard's answer for a packet from a source. */
function repeats(guard: RepeatGuard, source: number, packet: Buffer, nowMs: number): boolean {
  const bytes = Buffer.alloc(SOURCE + packet.length);
  bytes.writeUInt32BE(source, 4);
  packet.copy(bytes, SOURCE);
  return guard.repeats(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    0,
    SOURCE,
    SOURCE,
    packet.length,
    nowMs,
  );
}

describe('RepeatGuard', () => {
  it('passes the first copies of a packet, and again after a while', () => {
    const guard = new RepeatGuard();
    const packet = llamaPacket(1, 0);
    for (let i = 0; i < COPIES; i++) expect(repeats(guard, 1, packet, i)).to.equal(false);
    for (let i = 0; i < 300; i++) expect(repeats(guard, 1, packet, 10 + i)).to.equal(true);
    expect(repeats(guard, 2, packet, 11), 'of another source').to.equal(false);
    expect(repeats(guard, 1, packet, 10_100)).to.equal(false);
  });

  it('distinguishes a million different probes', () => {
    const guard = new RepeatGuard();
    const packet = llamaLegacyPacket(0, 0);
    for (let i = 0; i < 1_000_000; i++) {
      packet.writeDoubleLE(1_763_700_000_000 + i / 1024, 11);
      if (repeats(guard, i % 100, packet, i / 1000)) expect.fail(`probe ${i} was taken for a repeated one`);
    }
  });

  it('ends a loop among other traffic', () => {
    const guard = new RepeatGuard();
    const loop = llamaLegacyPacket(5, 0);
    const other = llamaLegacyPacket(0, 0);
    let rounds = 0;
    for (let i = 0; !repeats(guard, 1, loop, i / 10); i++) {
      rounds++;
      for (let k = 0; k < 100; k++) {
        other.writeDoubleLE(1e12 + i * 100 + k, 11);
        repeats(guard, k, other, i / 10);
      }
    }
    expect(rounds).to.be.within(COPIES, 20);
  });
});
