import { expect } from 'chai';
import { ephemeralPorts, readPortSettings } from '../../../src/net/portRange.js';

describe('ephemeral ports', () => {
  const range = '32768\t60999\n';

  for (const [from, to, reserved, found] of [
    [20_000, 20_015, '\n', undefined],
    [40_000, 40_015, '\n', [40_000, 40_015]],
    [32_760, 32_770, '\n', [32_768, 32_770]],
    [60_990, 61_010, '\n', [60_990, 60_999]],
    [40_000, 40_015, '39000-41000\n', undefined],
    [40_000, 40_003, '40000,40002-40003\n', [40_001, 40_001]],
    [40_000, 40_001, '9000\n', [40_000, 40_001]],
  ] as const)
    it(`are ${found === undefined ? 'none' : found.join(' to ')} of ${from} to ${to}, with ${JSON.stringify(reserved)} reserved`, () => {
      expect(ephemeralPorts(from, to, { range, reserved })).to.deep.equal(found);
    });

  it('are read on this host', () => {
    const settings = readPortSettings();
    expect(settings?.range).to.match(/^\d+\s+\d+\n$/);
    expect(settings?.reserved).to.match(/^[\d,-]*\n$/);
  });
});
