import { expect } from 'chai';
import { SessionKey, SessionTable } from '../../../src/reflector/sessions.js';
import { seededRandom } from '../../support/harness/random.js';

/** The next number of the session that differs from the others in one word of its key. */
function next(table: SessionTable, session: number, nowMs: number, word: number = SessionKey.source): number {
  table.keys.fill(0);
  table.keys[word] = session;
  table.prepare();
  return table.next(nowMs);
}

/** The same in a Map, whose order of insertion is the order of age. */
class Reference {
  readonly held = new Map<number, { count: number; seenMs: number }>();
  evicted = 0;
  expired = 0;
  private readonly capacity: number;
  private readonly timeoutMs: number;

  constructor(capacity: number, timeoutMs: number) {
    this.capacity = capacity;
    this.timeoutMs = timeoutMs;
  }

  next(session: number, nowMs: number): number {
    const known = this.held.get(session);
    this.held.delete(session);
    let count = 0;
    if (known !== undefined && nowMs - known.seenMs <= this.timeoutMs) count = known.count;
    else if (known !== undefined) this.expired++;
    else if (this.held.size === this.capacity) {
      const [oldest, { seenMs }] = [...this.held][0];
      if (nowMs - seenMs > this.timeoutMs) this.expired++;
      else this.evicted++;
      this.held.delete(oldest);
    }
    this.held.set(session, { count: count + 1, seenMs: nowMs });
    return count;
  }

  expire(nowMs: number): void {
    for (const [session, { seenMs }] of this.held) {
      if (nowMs - seenMs <= this.timeoutMs) return;
      this.held.delete(session);
      this.expired++;
    }
  }
}

describe('SessionTable of a stateful reflector', () => {
  it('counts every session from 0, for a difference in any part of the key', () => {
    const table = new SessionTable(64, 1000);
    for (let word = 0; word < SessionKey.words; word++)
      for (let number = 0; number < 3; number++) expect(next(table, 0xffff_fff0 + word, 0, word)).to.equal(number);
    expect(table.size).to.equal(SessionKey.words);
  });

  it('distinguishes received from reflected packets: packets above the limit of replies count as received only', () => {
    const table = new SessionTable(4, 1000);
    next(table, 1, 0);
    expect(table.received).to.equal(1);
    for (let i = 0; i < 3; i++) table.receivedOnly();
    table.keys[SessionKey.source] = 2;
    table.prepare();
    table.receivedOnly();
    expect(table.size, 'no session is made for them').to.equal(1);
    expect([next(table, 1, 1), table.received]).to.deep.equal([1, 5]);
    expect([next(table, 2, 1), table.received]).to.deep.equal([0, 1]);
    expect([next(table, 1, 2000), table.received], 'anew after the timeout').to.deep.equal([0, 1]);
  });

  it('serves a batch of packets with prefetched sessions, each with its own', () => {
    const table = new SessionTable(64, 1000, 0, 8);
    const packets = Uint8Array.of(7, 0, 3, 5);
    for (let round = 0; round < 3; round++) {
      for (const packet of packets) {
        table.keys[packet * SessionKey.words + SessionKey.local] = packet;
        table.prepare(packet);
      }
      table.fetch(packets, packets.length);
      for (const packet of packets) expect(table.next(round, packet)).to.equal(round);
    }
    expect(table.size).to.equal(4);
  });

  it('evicts the session with the longest silence when it is full', () => {
    const table = new SessionTable(2, 1000);
    next(table, 1, 0);
    next(table, 2, 1);
    next(table, 1, 2);
    next(table, 3, 3);
    expect([table.evicted, table.size]).to.deep.equal([1, 2]);
    expect(next(table, 1, 4)).to.equal(2);
    expect(next(table, 2, 5)).to.equal(0);
  });

  it('restarts a session after the timeout, and not before', () => {
    const table = new SessionTable(4, 1000);
    next(table, 1, 0);
    expect(next(table, 1, 1000)).to.equal(1);
    expect(next(table, 1, 2001)).to.equal(0);
    expect(table.expired).to.equal(1);
  });

  it('expires silent sessions, a bounded number a call', () => {
    const table = new SessionTable(8, 1000);
    for (let session = 1; session <= 5; session++) next(table, session, 0);
    next(table, 6, 500);
    table.expire(1001, 3);
    expect([table.size, table.expired]).to.deep.equal([3, 3]);
    table.expire(1001, 10);
    expect([table.size, table.expired, table.evicted]).to.deep.equal([1, 5, 0]);
  });

  it('evicts a silent session before an active one, with an age order of one second', () => {
    const table = new SessionTable(3, 60_000, 1000);
    for (const session of [1, 2, 3]) next(table, session, 0);
    for (let ms = 0; ms < 5000; ms += 100) for (const session of [1, 3]) next(table, session, ms);
    next(table, 4, 5000);
    expect([table.evicted, table.size]).to.deep.equal([1, 3]);
    expect(next(table, 1, 5001), 'still held').to.be.greaterThan(0);
    expect(next(table, 3, 5001), 'still held').to.be.greaterThan(0);
    table.expire(65_002, 10);
    expect([table.expired, table.size]).to.deep.equal([3, 0]);
  });

  it('continues when its milliseconds roll over', () => {
    const table = new SessionTable(4, 1000);
    const nearlyMs = 2 ** 32 - 500;
    next(table, 1, nearlyMs);
    expect(next(table, 1, nearlyMs + 900)).to.equal(1);
    table.expire(nearlyMs + 1900, 10);
    expect(table.size).to.equal(1);
    table.expire(nearlyMs + 1901, 10);
    expect(table.size).to.equal(0);
  });

  it('works with capacity for a single session', () => {
    const table = new SessionTable(1, 1000);
    expect([next(table, 1, 0), next(table, 1, 0), next(table, 2, 0), next(table, 1, 0)]).to.deep.equal([0, 1, 0, 0]);
    expect([table.evicted, table.size]).to.deep.equal([2, 1]);
  });

  it('agrees with a plain map over 200,000 random packets', () => {
    const random = seededRandom(5);
    const table = new SessionTable(100, 1000);
    const reference = new Reference(100, 1000);
    let nowMs = 0;
    for (let i = 0; i < 200_000; i++) {
      nowMs += random.below(6);
      // Now and then a long silence, in which much expires.
      if (random.below(1000) === 0) nowMs += random.below(3000);
      const session = random.below(random.below(2) === 0 ? 20 : 160);
      const [got, expected] = [next(table, session, nowMs), reference.next(session, nowMs)];
      if (got !== expected) expect.fail(`packet ${i}: number ${got}, expected ${expected}`);
      if (random.below(50) === 0) {
        table.expire(nowMs, 1000);
        reference.expire(nowMs);
      }
      if (table.size !== reference.held.size) expect.fail(`packet ${i}: ${table.size} sessions`);
    }
    expect([table.evicted, table.expired]).to.deep.equal([reference.evicted, reference.expired]);
    expect(table.evicted).to.be.greaterThan(100);
    expect(table.expired).to.be.greaterThan(100);
  });
});
