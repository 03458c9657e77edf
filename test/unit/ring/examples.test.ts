import { expect } from 'chai';
import { ControlBlock } from '../../../src/ring/control.js';
import { newest } from '../../../src/ring/examples.js';

const NAMES = ['first', 'second'] as const;

describe('Examples', () => {
  it('shows the main thread the last occurrence of each counter, and undefined before the first', () => {
    const main = new ControlBlock(NAMES);
    const thread = new ControlBlock(NAMES, main.memory);
    const words = new Uint32Array(Uint8Array.of(9, 9, 9, 9, 10, 9, 0, 3).buffer);
    thread.examples.nowNs = 5e9;
    expect(main.examples.read(1)).to.equal(undefined);
    thread.examples.note(1, 4, words, 0, 0, 1, 0, -1);
    thread.examples.note(1, 4, words, 1, 0xa41f, 44, 101, 7);
    expect(main.examples.read(0)).to.equal(undefined);
    const example = main.examples.read(1);
    expect({ ...example, address: [...(example?.address ?? [])] }).to.deep.equal({
      version: 4,
      address: [10, 9, 0, 3],
      port: 8100,
      bytes: 44,
      code: 101,
      stream: 7,
      atNs: 5e9,
    });
  });

  it('stores an IPv6 address, and a packet without a stream', () => {
    const { examples } = new ControlBlock(NAMES);
    const address = Uint8Array.from({ length: 16 }, (_, i) => i);
    examples.note(0, 6, new Uint32Array(address.buffer), 0, 0, 8, 0, -1);
    expect([...(examples.read(0)?.address ?? [])]).to.deep.equal([...address]);
    expect(examples.read(0)?.stream).to.equal(undefined);
  });

  it('gives up on a record in the process of writing', () => {
    const control = new ControlBlock(NAMES);
    control.examples.note(0, 4, new Uint32Array(1), 0, 0, 8, 0, -1);
    const before = new Int32Array(control.memory);
    const at = before.lastIndexOf(2);
    Atomics.store(before, at, 3);
    expect(control.examples.read(0)).to.equal(undefined);
    control.examples.note(0, 4, new Uint32Array(1), 0, 0, 9, 0, -1);
    expect(control.examples.read(0)?.bytes, 'its writer died, and another one goes on').to.equal(9);
  });

  it('keeps counters and examples apart', () => {
    const control = new ControlBlock(NAMES);
    control.counters.fill(7);
    control.examples.note(0, 6, new Uint32Array(4).fill(1), 0, 1, 1, 1, 1);
    control.examples.note(1, 6, new Uint32Array(4).fill(1), 0, 1, 1, 1, 1);
    expect(control.snapshot()).to.deep.equal({ first: 7, second: 7 });
  });

  it('finds the newest of several threads', () => {
    const [a, b] = [new ControlBlock(NAMES), new ControlBlock(NAMES)];
    for (const [{ examples }, nowNs] of [
      [a, 3],
      [b, 2],
    ] as const) {
      examples.nowNs = nowNs;
      examples.note(0, 4, new Uint32Array(1), 0, 0, nowNs, 0, -1);
    }
    expect(newest([undefined, b.examples.read(0), a.examples.read(0)])?.bytes).to.equal(3);
    expect(newest([undefined])).to.equal(undefined);
  });
});
