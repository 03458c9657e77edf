import { expect } from 'chai';
import { addressBytes } from '../../../src/net/address.js';
import { F64, ProbeSlots, SlotState, U8, U32 } from '../../../src/prober/slots.js';
import { Streams, targetHash } from '../../../src/prober/streams.js';
import { table } from '../../support/harness/proberBench.js';
import { seededRandom } from '../../support/harness/random.js';

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

describe('ProbeSlots', () => {
  it('allocates blocks without overlap, reuses them by size, and empties them', () => {
    const random = seededRandom(11);
    const slots = new ProbeSlots();
    const blocks = new Map<number, number>();
    for (let i = 0; i < 5_000; i++) {
      if (random.below(2) === 0 || blocks.size === 0) {
        const length = 2 ** (1 + random.below(6)) * PORTS;
        const first = slots.allocate(length);
        for (let slot = first; slot < first + length; slot++) {
          expect(slots.state[slot * U8]).to.equal(SlotState.free);
          slots.state[slot * U8] = SlotState.waiting;
        }
        blocks.set(first, length);
      } else {
        const [first, length] = [...blocks][random.below(blocks.size)];
        slots.release(first, length);
        blocks.delete(first);
      }
    }
    const most = slots.capacity;
    for (const [first, length] of blocks) slots.release(first, length);
    for (let i = 0; i < 100; i++) slots.allocate(2 * PORTS);
    expect(slots.capacity).to.equal(most);
  });

  it('keeps all fields of a slot when it grows, without overlap between fields', () => {
    const slots = new ProbeSlots();
    const fields = [
      [slots.sentNs, F64],
      [slots.kernelNs, F64],
      [slots.sequence, U32],
      [slots.path, U32],
      [slots.t1S, U32],
      [slots.t1Ns, U32],
      [slots.number, U32],
      [slots.state, U8],
      [slots.epoch, U8],
    ] as const;
    const filled = [0, 5, slots.capacity - 1];
    for (const slot of filled) for (const [i, [field, stride]] of fields.entries()) field[slot * stride] = slot + i + 1;
    slots.allocate(10_000);
    expect(slots.capacity).to.be.at.least(10_000);
    const now = [slots.sentNs, slots.kernelNs, slots.sequence, slots.path, slots.t1S, slots.t1Ns, slots.number];
    for (const slot of filled) {
      for (const [i, field] of now.entries()) expect(field[slot * fields[i][1]]).to.equal(slot + i + 1);
      expect([slots.state[slot * U8], slots.epoch[slot * U8]]).to.deep.equal([(slot + 8) & 255, (slot + 9) & 255]);
    }
    expect(slots.sentNs[(slots.capacity - 1) * F64] + slots.epoch[(slots.capacity - 1) * U8]).to.equal(0);
  });
});

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
