import { expect } from 'chai';
import pino from 'pino';
import { Follower, type FollowerOptions } from '../../../src/targets/follower.js';
import type { Answer, Entry } from '../../../src/targets/source.js';
import { FakeTiming, settled } from '../../support/fakes/timing.js';

const entry = (address: string): Entry => ({ address, family: 4, port: null, tags: {} });
const answer = (...addresses: string[]): Answer => ({ entries: addresses.map(entry), warnings: [] });

describe('a follower', () => {
  let timing: FakeTiming;
  /** What the source does next; the last of them again and again. */
  let answers: (Answer | Error)[];
  let asked: number;
  let inForce: readonly string[];
  let refusal: Error | undefined;
  let changed: (() => void) | undefined;
  let follower: Follower;

  async function follow(options: Partial<FollowerOptions> = {}): Promise<void> {
    follower = new Follower({
      source: {
        ask: async () => {
          asked++;
          const next = answers.length > 1 ? answers.shift() : answers[0];
          if (next instanceof Error || next === undefined) throw next;
          return next;
        },
        watch: (notice) => {
          changed = notice;
          return () => {
            changed = undefined;
          };
        },
      },
      timing,
      logger: pino({ level: 'silent' }),
      refreshMs: 30_000,
      allowEmpty: false,
      entries: [],
      apply: async (entries) => {
        if (refusal !== undefined) throw refusal;
        inForce = entries.map(({ address }) => address);
        follower.entries = entries;
        return [];
      },
      ...options,
    });
    follower.start();
    await settled();
  }

  beforeEach(() => {
    timing = new FakeTiming();
    asked = 0;
    inForce = [];
    refusal = undefined;
  });
  afterEach(() => follower.close());

  it('asks at once, and again after the refresh time and up to a tenth more', async () => {
    answers = [answer('10.0.0.1')];
    await follow();
    expect(inForce).to.deep.equal(['10.0.0.1']);
    expect(follower).to.include({ updatedAtMs: 1_000_000, error: null, nextAtMs: 1_030_000 });
    timing.chance = 1;
    await timing.next();
    expect([asked, timing.waitMs]).to.deep.equal([2, 33_000]);
  });

  it('without a refresh time asks again when the TTL of the answer is over', async () => {
    answers = [
      { ...answer('10.0.0.1'), ttlMs: 5_000 },
      { ...answer('10.0.0.1'), ttlMs: 60_000 },
    ];
    await follow({ refreshMs: null });
    expect(timing.waitMs).to.equal(5_000);
    await timing.next();
    expect(timing.waitMs).to.equal(60_000);
  });

  it('keeps the last good answer when the source fails, shows the error, and recovers', async () => {
    answers = [answer('10.0.0.1'), new Error('gone'), answer('10.0.0.2')];
    await follow();
    await timing.next();
    expect(inForce).to.deep.equal(['10.0.0.1']);
    expect(follower).to.include({ updatedAtMs: 1_000_000, error: 'gone' });
    await timing.next();
    expect(inForce).to.deep.equal(['10.0.0.2']);
    expect(follower).to.include({ updatedAtMs: timing.now, error: null });
  });

  it('asks a failing source again after 1 s, 2 s, 4 s and so on, at most after its refresh time, with jitter', async () => {
    answers = [new Error('gone')];
    await follow();
    const waits: (number | undefined)[] = [];
    for (let i = 0; i < 7; i++) {
      waits.push(timing.waitMs);
      await timing.next();
    }
    expect(waits).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    timing.chance = 1;
    await timing.next();
    expect(timing.waitMs).to.equal(15_000);
  });

  it('takes an empty answer for an error unless it is allowed', async () => {
    answers = [answer('10.0.0.1'), answer(), { ...answer(), empty: 'x: no such name' }];
    await follow();
    await timing.next();
    expect(inForce).to.deep.equal(['10.0.0.1']);
    expect(follower.error).to.match(/found an answer without any target.* set allowEmpty: true/);
    await timing.next();
    expect(follower.error).to.match(/^x: no such name, expected at least one/);
    follower.close();
    answers = [answer('10.0.0.1'), answer()];
    await follow({ allowEmpty: true });
    await timing.next();
    expect([inForce, follower.error]).to.deep.equal([[], null]);
  });

  it('keeps the entries in force when an answer is refused, and tries again', async () => {
    answers = [answer('10.0.0.1'), answer('10.0.0.1', '10.0.0.2')];
    await follow();
    refusal = new Error('too large');
    await timing.next();
    expect([inForce, follower.error, follower.entries.length]).to.deep.equal([['10.0.0.1'], 'too large', 1]);
    refusal = undefined;
    await timing.next();
    expect([inForce, follower.error]).to.deep.equal([['10.0.0.1', '10.0.0.2'], null]);
  });

  it('asks when the source notices a change, and once more when that was during a question', async () => {
    answers = [answer('10.0.0.1')];
    await follow();
    changed?.();
    changed?.();
    changed?.();
    await settled();
    expect(asked).to.equal(3);
    expect(timing.timers.size).to.equal(1);
  });

  it('shows ten warnings at most, and how many more there are', async () => {
    answers = [{ ...answer('10.0.0.1'), warnings: Array.from({ length: 12 }, (_, i) => `w${i}`) }];
    await follow();
    expect(follower.warnings).to.have.length(11);
    expect(follower.warnings[10]).to.equal('… and 2 more');
  });

  it('leaves no timer and no watch when it is closed, also in the middle of a question', async () => {
    answers = [answer('10.0.0.1')];
    await follow();
    changed?.();
    follower.close();
    await settled();
    expect([timing.timers.size, changed]).to.deep.equal([0, undefined]);
  });
});
