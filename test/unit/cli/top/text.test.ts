import { expect } from 'chai';
import { cut, padEnd, widthOf } from '../../../../src/cli/top/text.js';

describe('text of llama top', () => {
  it('is cut in the middle, by columns of the terminal and not by characters', () => {
    expect(cut('2001:db8:1234:5678::1', 11)).to.equal('2001:…78::1');
    expect(cut('short', 5)).to.equal('short');
    expect(widthOf('測定')).to.equal(4);
    expect(widthOf('e\u0301')).to.equal(1);
    expect(padEnd('測定対象', 6)).to.equal('測…象 ');
    for (let width = 0; width < 12; width++) expect(widthOf(padEnd('測定対象のホスト', width))).to.equal(width);
  });
});
