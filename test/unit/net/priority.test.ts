import { expect } from 'chai';
import { Urgency } from '../../../src/net/priority.js';

const MS = 1e6;

/** A thread whose use of a core the test sets. */
class Thread {
  nowNs = 0;
  cpu = 0;
  allowed = true;
  readonly calls: boolean[] = [];
  readonly urgency: Urgency;

  constructor(allowed = true) {
    this.allowed = allowed;
    this.urgency = new Urgency(0, {
      cpuNs: () => this.cpu,
      setRealTime: (on) => {
        this.calls.push(on);
        return this.allowed;
      },
    });
  }

  /** Simulates work for this time with this share of a core. */
  work(ms: number, share: number): this {
    for (let i = 0; i < ms; i++) {
      this.nowNs += MS;
      this.cpu += share * MS;
      this.urgency.watch(this.nowNs);
    }
    return this;
  }
}

describe('Urgency', () => {
  it('is real-time while it sleeps much, and ordinary for a second when it works too much', () => {
    const thread = new Thread();
    expect(thread.work(2_000, 0.35).calls).to.deep.equal([true]);
    expect(thread.work(500, 0.95).calls).to.deep.equal([true, false]);
    // Kept from its core it uses little: that says nothing about how much it needs.
    expect(thread.work(500, 0.05).calls).to.deep.equal([true, false]);
    expect(thread.work(1_000, 0.35).calls).to.deep.equal([true, false, true]);
  });

  it('is rarely real-time when it always works too much, and at once again after a quiet minute', () => {
    const thread = new Thread().work(300_000, 0.9);
    // Ordinary for 1, 2, 4, 8, 16, 32, 60, 60, 60, … seconds.
    expect(thread.calls.filter((on) => on).length).to.be.within(9, 11);
    thread.work(130_000, 0.1);
    expect(thread.calls.at(-1)).to.equal(true);
    const before = thread.calls.length;
    thread.work(2_000, 0.9).work(500, 0.1);
    expect(thread.calls.slice(before, before + 2)).to.deep.equal([false, true]);
  });

  it('stays ordinary where real time is not permitted', () => {
    const thread = new Thread(false).work(1_000, 0.1).work(1_000, 0.95).work(3_000, 0.1);
    expect(thread.calls).to.deep.equal([true]);
  });
});
