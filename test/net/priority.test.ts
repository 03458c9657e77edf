import { expect } from 'chai';
import { Urgency } from '../../src/net/priority.js';

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

  /** Works for so long with so much of a core. */
  work(ms: number, share: number): this {
    for (let i = 0; i < ms; i++) {
      this.nowNs += MS;
      this.cpu += share * MS;
      this.urgency.watch(this.nowNs);
    }
    return this;
  }
}

describe('The urgency of a thread', () => {
  it('is real time while it sleeps much, ordinary while it works nearly all the time', () => {
    const thread = new Thread();
    expect(thread.work(2_000, 0.5).calls).to.deep.equal([true]);
    expect(thread.work(1_000, 0.95).calls).to.deep.equal([true, false]);
    expect(thread.work(2_000, 0.95).calls).to.deep.equal([true, false]);
    expect(thread.work(500, 0.5).calls).to.deep.equal([true, false]);
    expect(thread.work(2_000, 0.5).calls).to.deep.equal([true, false, true]);
  });

  it('does not go to and fro at a load near the limit', () => {
    const thread = new Thread().work(1_000, 0.9);
    thread.work(10_000, 0.7);
    expect(thread.calls).to.deep.equal([true, false]);
  });

  it('stays ordinary where real time is not allowed', () => {
    const thread = new Thread(false).work(1_000, 0.1).work(1_000, 0.95).work(3_000, 0.1);
    expect(thread.calls).to.deep.equal([true]);
  });
});
