import { expect } from 'chai';
import { HdrTextEncoder } from '../../src/stats/hdrText.js';
import { RttHistogram } from '../../src/stats/histogram.js';
import { bodyOf, EMPTY, formOf } from '../../src/ui/groups/form.js';
import type { HistorySeries } from '../../src/ui/lib/types.js';
import { onsetOf } from '../../src/ui/overview/onset.js';
import { addHdr, logBins, percentileOf } from '../../src/ui/pair/hdr.js';
import { seededRandom } from '../support/random.js';

describe('the histograms that the page reads', () => {
  it('have the counts that were recorded, each within its bucket', async () => {
    const random = seededRandom(7);
    const encoder = new HdrTextEncoder();
    const counts = new Map<number, number>();
    const values: number[] = [];
    for (let text = 0; text < 3; text++) {
      const histogram = new RttHistogram();
      for (let i = 0; i < 2_000; i++) {
        const ns = Math.floor(10 ** (3 + random.next() * 6));
        histogram.record(ns);
        values.push(ns);
      }
      await addHdr(encoder.encode(histogram), counts);
    }
    values.sort((a, b) => a - b);
    expect([...counts.values()].reduce((a, b) => a + b, 0)).to.equal(values.length);
    for (const share of [0.001, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1];
      expect(percentileOf(counts, share) / exact, String(share)).to.be.within(0.999, 1.001);
    }
    const bins = logBins(counts, 1_000, 1_000_000_000, 60);
    expect(bins.reduce((sum, { count }) => sum + count, 0)).to.equal(values.length);
  });

  it('are refused when they are something else', async () => {
    for (const text of ['AAAAAAAAAAAA', 'HISTFAAAAAA'])
      expect(
        await addHdr(text, new Map()).then(
          () => 'read',
          () => 'refused',
        ),
        text,
      ).to.equal('refused');
  });
});

describe('since when a pair is bad', () => {
  const startMs = [0, 10, 20, 30, 40, 50, 60, 70];
  const onset = (lost: readonly (number | null)[]) =>
    onsetOf(startMs, {
      sent: lost.map((one) => (one === null ? null : 10)),
      received: lost.map((one) => (one === null ? null : 10 - 2 * one)),
      lost,
      unreachable: lost,
    } as unknown as HistorySeries);

  it('is the start of the newest spell of loss, which a clean interval or two do not end', () => {
    expect(onset([0, 0, 0, 0, 1, 0, 0, 1])).to.deep.equal({ sinceMs: 40, knownMs: 10 });
    expect(onset([1, 0, 0, 0, 0, 1, 1, 0])).to.deep.equal({ sinceMs: 50, knownMs: 20 });
  });

  it('is not known when it is bad as far back as is known', () => {
    expect(onset([1, 1, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 0 });
    expect(onset([null, null, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 20 });
  });
});

describe('the form of a group', () => {
  it('gives back the group that it was filled from, with options that it does not show', () => {
    const group = {
      name: 'west',
      origin: 'api',
      protocol: 'stamp',
      port: 8100,
      period: '1s',
      timeout: '500ms',
      classes: ['cs0', 17],
      payloadBytes: 44,
      sourcePorts: 4,
      targets: [
        { address: '10.0.0.1', tags: { rack: 'r1', site: 'new "york"' } },
        { address: '10.0.0.2', port: 9 },
        { address: '2001:db8::1' },
        { address: '2001:db8::2', port: 9, tags: { rack: 'r2' } },
      ],
    };
    const { name: _name, origin: _origin, ...rest } = group;
    expect(bodyOf(formOf(group))).to.deep.equal(rest);
  });

  it('says which line of the targets it cannot read', () => {
    expect(() => bodyOf({ ...EMPTY, targets: '10.0.0.1 rack' })).to.throw(
      'found "rack" in the line "10.0.0.1 rack", expected tag=value',
    );
  });
});
