import { expect } from 'chai';
import { AddressInfoCalls, mostCalls } from '../../../../src/base/resolver/getaddrinfo.js';
import { waitFor } from '../../../support/harness/wait.js';

describe('AddressInfoCalls', () => {
  it('uses at most half of the threads', () => {
    expect([undefined, '', '1', '2', '4', '5', '16', 'x'].map((size) => mostCalls(size))).to.deep.equal([
      2, 2, 1, 1, 2, 2, 8, 2,
    ]);
  });

  it('queues calls, urgent ones first, and skips unwanted ones', async () => {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const calls = new AddressInfoCalls(async (name) => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      return [];
    }, 2);
    const all = ['a', 'b', 'c', 'd'].map((name) =>
      calls.ask(name, { wanted: () => name !== 'c' }).catch(() => 'left out'),
    );
    all.push(calls.ask('e', { first: true }));
    expect(begun).to.deep.equal(['a', 'b']);
    for (const [name, next] of [
      ['a', 'e'],
      ['b', 'd'],
    ] as const) {
      ends.get(name)?.();
      await waitFor(`the call of ${next}`, () => begun.includes(next));
    }
    for (const name of ['e', 'd']) ends.get(name)?.();
    expect(await Promise.all(all)).to.deep.equal([[], [], 'left out', [], []]);
    expect(begun).to.deep.equal(['a', 'b', 'e', 'd']);
  });
});
