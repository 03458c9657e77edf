import { expect } from 'chai';
import { LossSplit } from '../../src/stats/lossSplit.js';
import { type Random, seededRandom } from '../support/random.js';

/** What became of one probe of a path in a simulated network. */
interface Fate {
  readonly sequence: number;
  /** The reflector's numbers for it, first copy and doubled one; empty when it never arrived. */
  readonly numbers: number[];
  received: boolean;
}

interface Network {
  readonly probes: number;
  readonly forwardLoss: number;
  readonly reverseLoss: number;
  /** Share of probes that arrive behind their successor. */
  readonly swapped?: number;
  /** The reflector starts again before these probes. */
  readonly restarts?: readonly number[];
  readonly stateless?: boolean;
  readonly firstNumber?: number;
}

function simulate(network: Network, random: Random): Fate[] {
  const fates: Fate[] = Array.from({ length: network.probes }, (_, i) => ({
    sequence: (i + 1 + (network.firstNumber ?? 0)) >>> 0,
    numbers: [],
    received: false,
  }));
  const arrivals = fates.filter(() => random.next() >= network.forwardLoss);
  for (let i = 0; i + 1 < arrivals.length; i++)
    if (random.next() < (network.swapped ?? 0)) {
      [arrivals[i], arrivals[i + 1]] = [arrivals[i + 1], arrivals[i]];
      i++;
    }
  let number = network.firstNumber ?? 0;
  for (const fate of arrivals) {
    if (network.restarts?.includes(fate.sequence)) number = 0;
    fate.numbers.push(network.stateless ? fate.sequence : number >>> 0);
    number++;
    fate.received = random.next() >= network.reverseLoss;
  }
  return fates;
}

interface Split {
  forward: number;
  reverse: number;
  unknown: number;
  /** Probes said to be lost the wrong way, at the least. */
  wrong: number;
}

function split(fates: readonly Fate[]): Split {
  const splitter = new LossSplit(1);
  const result: Split = { forward: 0, reverse: 0, unknown: 0, wrong: 0 };
  const pending: Fate[] = [];
  for (const [i, fate] of fates.entries()) {
    if (!fate.received) {
      splitter.lost(0);
      pending.push(fate);
      continue;
    }
    const number = fate.numbers[0];
    const later = fates.slice(i + 1, i + 8).filter((other) => other.received);
    const overtaken = later.some((other) => ((other.numbers[0] - number) | 0) < 0);
    splitter.received(0, fate.sequence, number, overtaken);
    const settled = pending.splice(0, splitter.settled);
    if (splitter.settledForward < 0) result.unknown += settled.length;
    else {
      result.forward += splitter.settledForward;
      result.reverse += settled.length - splitter.settledForward;
      result.wrong += Math.abs(settled.filter((probe) => probe.numbers.length === 0).length - splitter.settledForward);
    }
    expect(splitter.pending(0)).to.equal(pending.length);
  }
  result.unknown += pending.length;
  return result;
}

const truth = (fates: readonly Fate[]): { forward: number; reverse: number } => {
  const lost = fates.filter((fate) => !fate.received);
  const forward = lost.filter((fate) => fate.numbers.length === 0).length;
  return { forward, reverse: lost.length - forward };
};

describe('the way on which probes are lost', () => {
  const random = seededRandom(11);

  it('is found to the probe, whichever way they are lost', () => {
    for (const [forwardLoss, reverseLoss] of [
      [0.3, 0],
      [0, 0.3],
      [0.3, 0.3],
      [0.01, 0.02],
      [0.9, 0.5],
    ]) {
      const fates = simulate({ probes: 20_000, forwardLoss, reverseLoss }, random);
      const found = split(fates);
      const expected = truth(fates);
      expect(found.wrong, `${forwardLoss} ${reverseLoss}`).to.equal(0);
      expect(found.forward + found.reverse + found.unknown).to.equal(expected.forward + expected.reverse);
      // Unknown is only what was lost before the first reply or after the last one.
      expect(found.unknown).to.be.below(100);
      expect(expected.forward - found.forward).to.be.within(0, found.unknown);
    }
  });

  it('is found over the wrap-around of 32-bit numbers', () => {
    const fates = simulate({ probes: 1000, forwardLoss: 0.2, reverseLoss: 0.2, firstNumber: 2 ** 32 - 500 }, random);
    const found = split(fates);
    expect(found.wrong).to.equal(0);
    expect(found.unknown).to.be.below(20);
  });

  it('is never guessed where a stateless reflector copies the sender’s number', () => {
    const fates = simulate({ probes: 5000, forwardLoss: 0.2, reverseLoss: 0.2, stateless: true }, random);
    const found = split(fates);
    expect(found.forward + found.reverse).to.equal(0);
    expect(found.unknown).to.be.above(1000);
  });

  it('is right or unknown where probes overtake each other, but for one in 50', () => {
    let lost = 0;
    let wrong = 0;
    let unknown = 0;
    for (let round = 0; round < 50; round++) {
      const fates = simulate({ probes: 2000, forwardLoss: 0.05, reverseLoss: 0.05, swapped: 0.05 }, random);
      const found = split(fates);
      const expected = truth(fates);
      lost += expected.forward + expected.reverse;
      wrong += found.wrong;
      unknown += found.unknown;
      expect(Math.abs(expected.forward - found.forward)).to.be.at.most(found.unknown + found.wrong);
    }
    // A lost probe that was overtaken by a lost probe leaves no trace: one may be taken for the other.
    expect(wrong / lost).to.be.below(0.02);
    expect(unknown / lost).to.be.below(0.4);
  });

  it('is unknown for what a restart of the reflector swallows, and right again after it', () => {
    for (let round = 0; round < 200; round++) {
      const restart = 200 + random.below(400);
      const fates = simulate({ probes: 1000, forwardLoss: 0.05, reverseLoss: 0.05, restarts: [restart] }, random);
      const found = split(fates);
      expect(found.wrong, `restart before probe ${restart}`).to.equal(0);
      expect(found.unknown).to.be.below(20);
    }
  });

  /** What the numbers of a path settle, reply by reply: `settled/forward`. */
  const replies = (splitter: LossSplit, path: number, ...numbers: [number, number][]): string[] =>
    numbers.map(([sequence, number]) => {
      splitter.received(path, sequence, number, false);
      return `${splitter.settled}/${splitter.settledForward}`;
    });

  it('is unknown where this host dropped a reply in the same window', () => {
    const splitter = new LossSplit(1);
    replies(splitter, 0, [1, 0]);
    splitter.lost(0);
    splitter.uncertain(0);
    expect(replies(splitter, 0, [4, 2])).to.deep.equal(['1/-1']);
    splitter.lost(0);
    expect(replies(splitter, 0, [6, 3], [7, 4]), 'and known again afterwards').to.deep.equal(['0/0', '1/1']);
  });

  it('of one path does not depend on another', () => {
    const splitter = new LossSplit(1);
    splitter.reserve(3);
    for (const path of [0, 2]) replies(splitter, path, [1, 0]);
    splitter.lost(0);
    splitter.lost(2);
    expect(replies(splitter, 2, [3, 2], [4, 3]), 'numbered, so lost on the way back').to.deep.equal(['0/0', '1/0']);
    expect(replies(splitter, 0, [3, 1], [4, 2]), 'not numbered, so lost on the way out').to.deep.equal(['0/0', '1/1']);
    splitter.lost(2);
    splitter.forget(2);
    expect(splitter.pending(2)).to.equal(0);
    expect(replies(splitter, 2, [9, 5])).to.deep.equal(['0/-1']);
  });
});
