import { expect } from 'chai';
import { durationMs, fieldText, lengthOf, matrixStretch, stepped } from '../../../../src/ui/lib/time.js';

describe('which stretch of time is shown', () => {
  it('is as long as is chosen, or from a beginning to an end', () => {
    expect(['30s', '5m', '1h'].map(durationMs)).to.deep.equal([30_000, 300_000, 3_600_000]);
    expect(durationMs('soon')).to.be.NaN;
    expect(lengthOf({ from: '', to: '' }, 60_000)).to.equal(60_000);
    expect(lengthOf({ from: '1000', to: '91000' }, 60_000)).to.equal(90_000);
    expect(matrixStretch({ window: '5m', from: '', to: '' })).to.deep.equal({ window: '5m', to: '' });
    expect(matrixStretch({ window: '5m', from: '1000', to: '91000' })).to.deep.equal({
      window: '90000ms',
      to: '91000',
    });
  });

  it('goes back and forth by its own length, and ends now at the latest', () => {
    expect(stepped({ from: '', to: '' }, 60_000, -1, 1_000_000)).to.deep.equal({ from: '', to: '940000' });
    expect(stepped({ from: '', to: '940000' }, 60_000, 1, 1_000_000)).to.deep.equal({ from: '', to: '' });
    expect(stepped({ from: '100000', to: '200000' }, 100_000, 2, 1_000_000)).to.deep.equal({
      from: '300000',
      to: '400000',
    });
  });

  it('is shown in a field as this place has the time', () => {
    const ms = new Date(2026, 10, 6, 3, 4, 5).getTime();
    expect(fieldText(String(ms))).to.equal('2026-11-06T03:04:05');
    expect([fieldText(''), fieldText('soon')]).to.deep.equal(['', '']);
  });
});
