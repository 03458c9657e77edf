import { expect } from 'chai';
import { ProberSources, placeOf } from '../../../../src/prober/tables/sources.js';
import type { SourceSocket } from '../../../../src/threads/messages.js';

const socket = (fd: number, set: number, family: 4 | 6 = 4): SourceSocket => ({
  fd,
  set,
  device: undefined,
  family,
  sourceIndex: 0,
  port: 20_000 + fd,
  transport: 'udp',
  skipsIpHeader: false,
});

describe('ProberSources', () => {
  it('forgets closed sockets and their set, for any number of sets', () => {
    const sources = new ProberSources([0], [socket(1, 0)], () => 0);
    for (let set = 1; set < 1_000; set++) {
      const places = sources.set(set);
      sources.add(socket(2, set));
      expect(places[placeOf(0, 4)]?.fd).to.equal(2);
      expect(sources.remove([2])).to.deep.equal([set]);
      expect(sources.set(set), 'a new set').to.not.equal(places);
    }
    expect(sources.sockets.map(({ fd }) => fd)).to.deep.equal([1]);
  });

  it('keeps the set of sockets that others replaced', () => {
    const sources = new ProberSources([0], [socket(1, 0), socket(2, 0, 6)], () => 0);
    const places = sources.set(0);
    expect(sources.add(socket(3, 0))).to.equal(true);
    expect(sources.remove([1])).to.deep.equal([]);
    expect(places.map((one) => one?.fd)).to.deep.equal([3, 2]);
    expect(places[placeOf(0, 4)]?.replaces).to.equal(undefined);
    expect(sources.remove([3])).to.deep.equal([]);
    expect(sources.remove([2])).to.deep.equal([0]);
  });
});
