import { expect } from 'chai';
import { column, grown } from '../../../src/base/growable.js';

describe('growable columns', () => {
  it('stay at their address, keep their content, and continue with zeros', () => {
    const first = column(Uint32Array, 4, 1_000_000);
    first.set([1, 2, 3, 4]);
    const larger = grown(first, 1_000_000);
    expect(larger.buffer).to.equal(first.buffer);
    expect([...larger.subarray(0, 6), larger.at(-1)]).to.deep.equal([1, 2, 3, 4, 0, 0, 0]);
    larger[2] = 9;
    expect(first[2]).to.equal(9);
  });

  it('move when they need more than was reserved, and keep their content', () => {
    const first = column(Float64Array, 2, 4);
    first.set([1.5, 2.5]);
    const larger = grown(first, 5);
    expect(larger.buffer).not.to.equal(first.buffer);
    expect([...larger]).to.deep.equal([1.5, 2.5, 0, 0, 0]);
  });

  it('grow by moving where address space cannot be reserved', () => {
    const given = globalThis.SharedArrayBuffer;
    class Small extends given {
      constructor(bytes: number, options?: { maxByteLength?: number }) {
        if (options !== undefined) throw new RangeError('Array buffer allocation failed');
        super(bytes);
      }
    }
    globalThis.SharedArrayBuffer = Small as SharedArrayBufferConstructor;
    try {
      const first = column(Uint8Array, 2, 1000);
      first.set([7, 8]);
      expect([...grown(grown(first, 4), 6)]).to.deep.equal([7, 8, 0, 0, 0, 0]);
    } finally {
      globalThis.SharedArrayBuffer = given;
    }
  });
});
