import { expect } from 'chai';
import { FARTHEST, LossSplit } from '../../../src/prober/lossSplit.js';
import { type Random, seededRandom } from '../../support/harness/random.js';

/** Outcome of one probe of a path in a simulated network. */
interface Fate {
  readonly sequence: number;
  /** The reflector's numbers for it, of each copy that arrived; empty when it never arrived. */
  readonly numbers: number[];
  /** The number in the first reply that came back; undefined: lost. */
  number: number | undefined;
  /** A further reply had another number. */
  doubled: boolean;
}

interface Network {
  readonly probes: number;
  /** This number of earlier probes is answered, in order and once: a stream is trusted only after a while. */
  readonly quiet?: number;
  readonly forwardLoss: number;
  readonly reverseLoss: number;
  /** Share of probes that arrive behind a later one, and by how many at most (default 1). */
  readonly overtaken?: number;
  readonly reach?: number;
  /** Share of probes that arrive twice. */
  readonly doubled?: number;
  /** The reflector starts again before these probes. */
  readonly restarts?: readonly number[];
  readonly stateless?: boolean;
  readonly firstNumber?: number;
}

function simulate(network: Network, random: Random): Fate[] {
  const { overtaken = 0, reach = 1, doubled = 0, quiet = 0 } = network;
  const fates: Fate[] = Array.from({ length: quiet + network.probes }, (_, i) => ({
    sequence: (i + 1 + (network.firstNumber ?? 0)) >>> 0,
    numbers: [],
    number: undefined,
    doubled: false,
  }));
  const arrivals = fates
    .filter((_, i) => i < quiet || random.next() >= network.forwardLoss)
    .flatMap((fate, i) => (i >= quiet && random.next() < doubled ? [fate, fate] : [fate]));
  for (let i = quiet; i + 1 < arrivals.length; i++)
    if (random.next() < overtaken) {
      const by = Math.min(1 + random.below(reach), arrivals.length - 1 - i);
      arrivals.splice(i + by, 0, ...arrivals.splice(i, 1));
      i += by;
    }
  let number = network.firstNumber ?? 0;
  for (const [i, fate] of arrivals.entries()) {
    if (network.restarts?.includes(fate.sequence)) number = 0;
    const own = network.stateless ? fate.sequence : number >>> 0;
    fate.numbers.push(own);
    number++;
    if (i >= quiet && random.next() < network.reverseLoss) continue;
    if (fate.number === undefined) fate.number = own;
    else fate.doubled = true;
  }
  return fates;
}

interface Split {
  forward: number;
  reverse: number;
  unknown: number;
  /** Probes whose direction is stated wrongly, at the least. */
  wrong: number;
}

function split(fates: readonly Fate[]): Split {
  const splitter = new LossSplit(1, 1);
  const result: Split = { forward: 0, reverse: 0, unknown: 0, wrong: 0 };
  const pending: Fate[] = [];
  for (const [i, { number, sequence, doubled }] of fates.entries()) {
    if (number === undefined) {
      splitter.lost(0);
      pending.push(fates[i]);
      continue;
    }
    // Both replies come before the probe's timeout.
    if (doubled) splitter.distrust(0);
    const overtakenBy = fates
      .slice(i, i + 64)
      .findLastIndex(({ number: later = number }) => ((later - number) | 0) < 0 && ((later - number) | 0) > -FARTHEST);
    splitter.received(0, sequence, number, Math.max(0, overtakenBy));
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
  const lost = fates.filter((fate) => fate.number === undefined);
  const forward = lost.filter((fate) => fate.numbers.length === 0).length;
  return { forward, reverse: lost.length - forward };
};

/** More probes than a stream is watched for before a direction is stated. */
const QUIET = 300;

describe('LossSplit', () => {
  const random = seededRandom(11);

  for (const [forwardLoss, reverseLoss, mostUnknown] of [
    [0.3, 0, 100],
    [0, 0.3, 100],
    [0.3, 0.3, 200],
    [0.01, 0.02, 10],
    // A window ends with four replies in a row: they are rare here.
    [0.5, 0.3, 1_000],
    [0.9, 0.5, 20_000],
  ])
    it(`finds the direction of each loss with ${forwardLoss} lost on the way out and ${reverseLoss} back`, () => {
      const fates = simulate({ probes: 20_000, quiet: QUIET, forwardLoss, reverseLoss }, random);
      const found = split(fates);
      const expected = truth(fates);
      expect(found.wrong).to.equal(0);
      expect(found.forward + found.reverse + found.unknown).to.equal(expected.forward + expected.reverse);
      // Unknown is only what was lost after the last window.
      expect(found.unknown).to.be.below(mostUnknown);
      expect(expected.forward - found.forward).to.be.within(0, found.unknown);
    });

  it('finds the direction across the wrap-around of 32-bit numbers', () => {
    const fates = simulate(
      { probes: 1000, quiet: QUIET, forwardLoss: 0.2, reverseLoss: 0.2, firstNumber: 2 ** 32 - 800 },
      random,
    );
    const found = split(fates);
    expect(found.wrong).to.equal(0);
    expect(found.unknown).to.be.below(40);
  });

  it('waits until a stream has proved that its packets are not duplicated', () => {
    const found = split(simulate({ probes: 200, forwardLoss: 0.1, reverseLoss: 0.1 }, random));
    expect(found.forward + found.reverse).to.equal(0);
  });

  it('never guesses where a stateless reflector copies the sender’s number', () => {
    const fates = simulate({ probes: 5000, forwardLoss: 0.2, reverseLoss: 0.2, stateless: true }, random);
    const found = split(fates);
    expect(found.forward + found.reverse).to.equal(0);
    expect(found.unknown).to.be.above(1000);
  });

  for (const [what, network] of [
    ['adjacent probes overtake each other', { overtaken: 0.05 }],
    ['probes overtake each other by up to 5', { overtaken: 0.05, reach: 5 }],
    ['probes are doubled', { doubled: 0.01 }],
    ['many probes are doubled', { doubled: 0.2 }],
    ['probes are doubled and overtake each other', { doubled: 0.02, overtaken: 0.02, reach: 3 }],
  ] as const)
    it(`is never wrong where ${what} and are lost`, () => {
      for (const [forwardLoss, reverseLoss] of [
        [0.05, 0.05],
        [0.3, 0],
        [0, 0.3],
        [0.01, 0.2],
      ]) {
        const total: Split = { forward: 0, reverse: 0, unknown: 0, wrong: 0 };
        for (let round = 0; round < 50; round++) {
          const found = split(simulate({ probes: 2000, forwardLoss, reverseLoss, ...network }, random));
          for (const name of Object.keys(total) as (keyof Split)[]) total[name] += found[name];
        }
        expect(total.wrong, `${forwardLoss} ${reverseLoss}`).to.equal(0);
      }
    });

  it('leaves losses around a restart of the reflector unknown, and is right afterwards', () => {
    for (let round = 0; round < 200; round++) {
      const restart = 200 + random.below(400);
      const fates = simulate(
        { probes: 1000, quiet: QUIET, forwardLoss: 0.05, reverseLoss: 0.05, restarts: [QUIET + restart] },
        random,
      );
      const found = split(fates);
      expect(found.wrong, `restart before probe ${restart}`).to.equal(0);
      expect(found.unknown).to.be.below(20);
    }
  });

  /** Losses settled by the numbers of a path, reply by reply: `settled/forward`. */
  const replies = (splitter: LossSplit, path: number, ...numbers: [number, number][]): string[] =>
    numbers.map(([sequence, number]) => {
      splitter.received(path, sequence, number, 0);
      return `${splitter.settled}/${splitter.settledForward}`;
    });

  /** A path that is trusted; its last probe was number `QUIET`. */
  const trusted = (paths = 1): LossSplit => {
    const splitter = new LossSplit(0, 1);
    splitter.reserve(paths);
    for (let path = 0; path < paths; path++) for (let i = 1; i <= QUIET; i++) splitter.received(path, i, i - 1, 0);
    return splitter;
  };
  const behind = (...numbers: [number, number][]): [number, number][] =>
    numbers.map(([sequence, number]) => [QUIET + sequence, QUIET - 1 + number]);

  it('leaves losses unknown where this host dropped a reply in the same window', () => {
    const splitter = trusted();
    splitter.lost(0);
    splitter.uncertain(0);
    expect(replies(splitter, 0, ...behind([3, 2]))).to.deep.equal(['1/-1']);
    expect(replies(splitter, 0, ...behind([4, 3], [5, 4], [6, 5]))).to.deep.equal(['0/0', '0/0', '0/0']);
    splitter.lost(0);
    const found = replies(splitter, 0, ...behind([8, 6], [9, 7], [10, 8], [11, 9]));
    expect(found, 'and known again afterwards').to.deep.equal(['0/0', '0/0', '0/0', '1/1']);
  });

  it('leaves losses directly after a contradiction unknown', () => {
    const splitter = trusted();
    // The reflector began again.
    replies(splitter, 0, [QUIET + 1, 0]);
    splitter.lost(0);
    expect(replies(splitter, 0, [QUIET + 3, 1], [QUIET + 4, 2], [QUIET + 5, 3], [QUIET + 6, 4])).to.deep.equal([
      '0/0',
      '0/0',
      '0/0',
      '1/-1',
    ]);
  });

  it('separates the paths from each other', () => {
    const splitter = trusted(3);
    splitter.lost(0);
    splitter.lost(2);
    const back = replies(splitter, 2, ...behind([2, 2], [3, 3], [4, 4], [5, 5]));
    expect(back, 'numbered, so lost on the way back').to.deep.equal(['0/0', '0/0', '0/0', '1/0']);
    const out = replies(splitter, 0, ...behind([2, 1], [3, 2], [4, 3], [5, 4]));
    expect(out, 'not numbered, so lost on the way out').to.deep.equal(['0/0', '0/0', '0/0', '1/1']);
    splitter.lost(2);
    splitter.forget(2);
    expect(splitter.pending(2)).to.equal(0);
    expect(replies(splitter, 2, [9, 5])).to.deep.equal(['0/-1']);
  });
});
