import { expect } from 'chai';
import { CLASS_NAMES, parseClass } from '../../../../src/config/group/classes.js';

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
