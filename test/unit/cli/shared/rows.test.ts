import { expect } from 'chai';
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { distribution } from '../../../../src/cli/probe/outcomes.js';
import { formatPct, formatUs, textTable } from '../../../../src/cli/shared/rows.js';

describe('figures for people', () => {
  for (const [us, text] of [
    [0, '0 us'],
    [0.5, '0.500 us'],
    [7.216, '7.22 us'],
    [99.96, '100 us'],
    [999.4, '999 us'],
    [999.6, '1.00 ms'],
    [12_345, '12.3 ms'],
    [999_499, '999 ms'],
    [999_600, '1.00 s'],
    [60_000_000, '60.0 s'],
    [2_000_000_000, '2000 s'],
  ] as const)
    it(`${us} microseconds are written ${text}`, () => {
      expect(formatUs(us)).to.equal(text);
      expect(formatUs(us)).not.to.match(/e/);
    });

  for (const [pct, text] of [
    [0, '0 %'],
    [100, '100 %'],
    [0.0001, '0.0001 %'],
    [0.625, '0.625 %'],
    [33.3333, '33.3 %'],
    [99.9999, '99.9999 %'],
  ] as const)
    it(`a loss of ${pct} percent is written ${text}`, () => {
      expect(formatPct(pct)).to.equal(text);
    });

  it('columns are as wide as their widest cell; the first is flush left', () => {
    expect(
      textTable([
        ['name', 'n'],
        ['a', '100'],
      ]),
    ).to.equal('name    n\na     100\n');
  });

  it('a distribution counts every sample, and its longest bar is that of the fullest step', () => {
    const histogram = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: 3 });
    for (let i = 0; i < 40; i++) histogram.recordValue(10_000);
    histogram.recordValue(20_000);
    expect(distribution('ef', encodeIntoCompressedBase64(histogram)))
      .to.match(/^ef, round-trip time from:\n/)
      .and.to.match(/^ +9\.74 us +40 {2}#{40}$/m)
      .and.to.match(/ +1 {2}#\n$/);
  });
});
