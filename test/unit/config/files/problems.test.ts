import { expect } from 'chai';
import { fromPointer, nearest, toPointer } from '../../../../src/config/files/problems.js';

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
