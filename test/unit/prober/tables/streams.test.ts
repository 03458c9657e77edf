import { expect } from 'chai';
import { addressBytes } from '../../../../src/net/address.js';
import { ProbeSlots } from '../../../../src/prober/tables/slots.js';
import { Streams, targetHash } from '../../../../src/prober/tables/streams.js';
import { table } from '../../../support/harness/proberBench.js';
import { seededRandom } from '../../../support/harness/random.js';

const PORTS = 3;

/** The streams that a reply from this address and port may belong to, by walking the chain. */
function chain(streams: Streams, address: string, port: number): number[] {
  const bytes = new Uint8Array(16);
  bytes.set(addressBytes(address));
  const family = address.includes(':') ? 6 : 4;
  const hash = targetHash(new Uint32Array(bytes.buffer), 0, family, ((port & 0xff) << 8) | (port >> 8));
  const found: number[] = [];
  for (let stream = streams.first(hash); stream >= 0; stream = streams.next(stream)) {
    found.push(stream);
    if (found.length > 1000) throw new Error('the chain has a ring');
  }
  return found.sort((a, b) => a - b);
}

describe('Streams', () => {
  it('gives each path K slots, which its numbers cycle through, also past 2^32', () => {
    const streams = new Streams(PORTS, new ProbeSlots());
    streams.add(
      table([
        { id: 0, port: 1 },
        { id: 500, port: 1 },
      ]),
      8,
      44,
      1e9,
    );
    const seen = new Set<number>();
    for (const stream of [0, 500])
      for (let index = 0; index < PORTS; index++)
        for (let i = 0; i < 8; i++) seen.add(streams.slot(stream, index, (0xffff_fffc + i) >>> 0));
    expect(seen.size).to.equal(2 * PORTS * 8);
    expect(streams.slot(0, 1, 0xffff_ffff)).to.equal(streams.slot(0, 1, 7));
  });

  it('finds the streams of a target by address and port, after any additions and removals', () => {
    const random = seededRandom(12);
    const streams = new Streams(PORTS, new ProbeSlots());
    const targets = ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2'].flatMap((address) =>
      [8100, 862].map((port) => ({ address, port })),
    );
    const known = new Map<number, (typeof targets)[number]>();
    for (let i = 0; i < 3_000; i++) {
      const id = random.below(200);
      const had = known.get(id);
      expect(streams.has(id)).to.equal(had !== undefined);
      if (had === undefined) {
        const target = targets[random.below(targets.length)];
        streams.add(table([{ id, ...target, dscp: random.below(64) }]), 2, 44, 1e9);
        known.set(id, target);
      } else {
        streams.remove(id);
        known.delete(id);
      }
      if (i % 50 !== 0) continue;
      for (const target of targets) {
        const expected = [...known].filter(([, one]) => one === target).map(([stream]) => stream);
        expect(chain(streams, target.address, target.port)).to.include.members(expected);
      }
    }
  });

  it('starts a reused stream number at sequence 1', () => {
    const streams = new Streams(PORTS, new ProbeSlots());
    streams.add(table([{ id: 3, port: 1 }]), 2, 44, 1e9);
    streams.nextSequence.fill(9, 3 * PORTS, 4 * PORTS);
    streams.nextExpected.fill(9, 3 * PORTS, 4 * PORTS);
    streams.remove(3);
    streams.add(table([{ id: 3, port: 2 }]), 4, 44, 1e9);
    expect([...streams.nextSequence.subarray(9, 12), ...streams.nextExpected.subarray(9, 12)]).to.deep.equal(
      Array(6).fill(1),
    );
    expect(streams.port[3]).to.equal(0x0200);
  });
});
