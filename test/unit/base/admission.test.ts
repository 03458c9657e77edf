import { expect } from 'chai';
import { Admission } from '../../../src/base/admission.js';
import { seededRandom } from '../../support/harness/random.js';

const never = new AbortController().signal;
const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe('Admission', () => {
  /** Names of admitted work, in the order in which it was admitted. */
  function enterAll(admission: Admission, amounts: readonly number[], signal = never): number[] {
    const admitted: number[] = [];
    for (const [name, amount] of amounts.entries())
      admission.enter(amount, signal).then(
        () => admitted.push(name),
        () => {},
      );
    return admitted;
  }

  it('admits what fits, in the order of the requests', async () => {
    const admission = new Admission(10);
    const admitted = enterAll(admission, [5, 5, 6, 1]);
    await turns();
    expect(admitted).to.deep.equal([0, 1]);
    admission.change(-5);
    await turns();
    // The fourth would fit, but it came after the third.
    expect(admitted).to.deep.equal([0, 1]);
    admission.change(-5);
    await turns();
    expect(admitted).to.deep.equal([0, 1, 2, 3]);
    expect(admission.used).to.equal(7);
  });

  it('admits work larger than the capacity alone, and counts it as the capacity', async () => {
    const admission = new Admission(10);
    const admitted = enterAll(admission, [1, 40, 1]);
    await turns();
    expect(admitted).to.deep.equal([0]);
    admission.change(-1);
    await turns();
    expect(admitted).to.deep.equal([0, 1]);
    expect(admission.used).to.equal(10);
  });

  it('delays new work while admitted work uses more than it requested', async () => {
    const admission = new Admission(10);
    await admission.enter(4, never);
    admission.change(8);
    const admitted = enterAll(admission, [1]);
    await turns();
    expect([admitted.length, admission.used]).to.deep.equal([0, 12]);
    admission.change(-8);
    await turns();
    expect([admitted.length, admission.used]).to.deep.equal([1, 5]);
  });

  it('forgets aborted work, and admits the work behind it', async () => {
    const admission = new Admission(10);
    await admission.enter(8, never);
    const ending = new AbortController();
    const gaveUp = admission.enter(5, ending.signal).catch((reason: Error) => reason.message);
    const admitted = enterAll(admission, [2]);
    await turns();
    expect(admitted).to.deep.equal([]);
    ending.abort(new Error('the end'));
    expect(await gaveUp).to.equal('the end');
    await turns();
    expect([admitted, admission.used]).to.deep.equal([[0], 10]);
  });

  it('refuses work that was aborted before', async () => {
    const refused = new Admission(1).enter(1, AbortSignal.abort(new Error('too late')));
    expect(await refused.catch((reason: Error) => reason.message)).to.equal('too late');
  });

  it('never exceeds its capacity and leaves no work waiting, in random sequences', async () => {
    const admission = new Admission(100);
    const random = seededRandom(5);
    const inside: number[] = [];
    let ended = 0;
    for (let i = 0; i < 2_000; i++) {
      admission.enter(1 + random.below(120), new AbortController().signal).then(
        (amount) => inside.push(amount),
        () => {},
      );
      await Promise.resolve();
      expect(admission.used).to.be.at.most(100);
      while (inside.length > 0 && random.below(3) > 0) {
        admission.change(-(inside.shift() ?? 0));
        ended += 1;
      }
    }
    while (ended < 2_000) {
      await turns();
      expect(inside).not.to.have.length(0);
      admission.change(-(inside.shift() ?? 0));
      ended += 1;
    }
    expect(admission.used).to.equal(0);
  });
});
