import { expect } from 'chai';
import { KnownStreams } from '../../../../src/collector/plan/knownStreams.js';
import type { StreamInfo } from '../../../../src/collector/results/results.js';

const TIMEOUT_MS = 300;
const info = (id: number, source = '10.0.0.1') => ({ id, source }) as StreamInfo;

describe('the streams that the aggregator knows', () => {
  it('are known by number, in the state they were given last', () => {
    const streams = new KnownStreams(() => Date.now());
    streams.set([info(0), info(1)]);
    streams.set([info(1, '10.0.0.9')]);
    expect(streams.of([1, 0])).to.deep.equal([info(1, '10.0.0.9'), info(0)]);
    expect(() => streams.of([0, 2])).to.throw(/stream 2, which is not known/);
  });

  it('keep their numbers after removal, until an interval is reported that cannot contain their results', () => {
    const streams = new KnownStreams(() => Date.now());
    const ids = [streams.numbers.take(), streams.numbers.take()];
    streams.set(ids.map((id) => info(id)));
    const removedMs = Date.now();
    streams.retire([info(0)], TIMEOUT_MS);
    expect(streams.release(removedMs + TIMEOUT_MS + 1_000)).to.deep.equal([]);
    expect(streams.current()).to.have.length(2);
    expect(streams.numbers.take()).to.equal(2);
    expect(streams.release(removedMs + TIMEOUT_MS + 3_000)).to.deep.equal([0]);
    expect(streams.current()).to.deep.equal([info(1)]);
    // A result of the former one that is still read somewhere has its name.
    expect(streams.of([0])).to.deep.equal([info(0)]);
    expect(streams.release(removedMs + TIMEOUT_MS + 9_000)).to.deep.equal([]);
    expect(streams.numbers.take()).to.equal(0);
    streams.set([info(0, '10.0.0.7')]);
    expect(streams.current()).to.have.length(2);
  });
});
