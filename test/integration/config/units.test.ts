import { expect } from 'chai';
import { isLoopback } from '../../../src/config/address.js';
import { fromPointer, nearest, toPointer } from '../../../src/config/files/problems.js';
import { CLASS_NAMES, parseClass } from '../../../src/config/group/classes.js';
import { formatBytes, parseBytes } from '../../../src/config/options/bytes.js';

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

describe('parseClass', () => {
  it('knows the standard code points', () => {
    // RFC 2597: AFxy = 8x + 2y; RFC 2474: CSn = 8n.
    for (let x = 1; x <= 4; x++)
      for (let y = 1; y <= 3; y++) expect(parseClass(`af${x}${y}`)?.dscp).to.equal(8 * x + 2 * y);
    for (let n = 0; n <= 7; n++) expect(parseClass(`cs${n}`)?.dscp).to.equal(8 * n);
    for (const [name, dscp] of Object.entries({ ef: 46, va: 44, le: 1, df: 0, be: 0 }))
      expect(parseClass(name)).to.deep.equal({ name, dscp });
    expect(CLASS_NAMES).to.have.length(25);
  });

  it('takes every DSCP from 0 to 63, as number and as text, and no other', () => {
    for (let dscp = 0; dscp < 64; dscp++) {
      expect(parseClass(dscp)).to.deep.equal({ name: String(dscp), dscp });
      expect(parseClass(String(dscp))?.dscp).to.equal(dscp);
    }
    for (const value of [64, -1, 1.5, '64', '-1', '', 'af44', 'cs8', 'toString'])
      expect(parseClass(value)).to.equal(undefined);
  });
});

describe('listen addresses', () => {
  it('are loopback in every notation', () => {
    for (const text of ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1']) expect(isLoopback(text)).to.equal(true);
    for (const text of ['10.0.0.1', '::', '::ffff:10.0.0.1', 'localhost', '']) expect(isLoopback(text)).to.equal(false);
  });
});

describe('problems', () => {
  it('point with JSON pointers that can be read back', () => {
    for (const path of [[], ['a'], ['a/b', '~', '0'], ['', '~1']])
      expect(fromPointer(toPointer(path))).to.deep.equal(path);
  });

  it('suggest a word only when it is near', () => {
    expect(nearest('perod', ['period', 'port'])).to.equal('period');
    expect(nearest('PERIOD', ['period', 'port'])).to.equal('period');
    expect(nearest('something', ['period', 'port'])).to.equal(undefined);
  });
});
