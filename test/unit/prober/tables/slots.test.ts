import { expect } from 'chai';
import { F64, ProbeSlots, SlotState, U8, U32 } from '../../../../src/prober/tables/slots.js';
import { seededRandom } from '../../../support/harness/random.js';

const PORTS = 3;

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
