import { expect } from 'chai';
import { formatBytes, parseBytes } from '../../../../src/config/options/bytes.js';

describe('parseBytes', () => {
  it('reads amounts with a unit, and plain bytes', () => {
    for (const [text, bytes] of [
      ['256MiB', 268_435_456],
      ['1.5KiB', 1536],
      ['64 GiB', 68_719_476_736],
      ['12B', 12],
      ['12', 12],
      [12, 12],
    ] as const)
      expect(parseBytes(text)).to.equal(bytes);
  });

  it('refuses other units, fractions of a byte and other types', () => {
    for (const value of ['1MB', '1mib', '0.3KiB', '1.5', '-1', '', 'MiB', -1, 1.5, Number.NaN, true, null])
      expect(parseBytes(value), String(value)).to.equal(undefined);
  });

  it('is undone by formatBytes', () => {
    for (const bytes of [0, 1, 1023, 1024, 1536, 2 ** 20, 256 * 2 ** 20, 3 * 2 ** 30])
      expect(parseBytes(formatBytes(bytes))).to.equal(bytes);
  });
});
