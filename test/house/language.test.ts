import { expect } from 'chai';
import { isTooWide, oldWordIn, textLines, widthProblems } from './language.js';

describe('check of the language', () => {
  it('reads block comments, line comments, trailing comments and titles, but no code', () => {
    const text = [
      '/** One. */',
      'const a = 1; // Two.',
      '/**',
      ' * Three.',
      ' */',
      "it('four', () => {",
      '  // Five.',
      "  const glob = 'nobody/**/x';",
      '});',
    ].join('\n');
    expect(textLines(text).map(({ line, text: words }) => `${line} ${words}`)).to.deep.equal([
      '1 One.',
      '2 Two.',
      '4 Three.',
      '6 four',
      '7 Five.',
    ]);
  });

  it('finds the words of the old language', () => {
    expect(oldWordIn('What the reply says.')).to.equal('what');
    expect(oldWordIn('A thread waits. Those that wait longer end.')).to.equal('those');
    expect(oldWordIn('the packet, of which nothing is known')).to.equal('of which');
    expect(oldWordIn('Nobody reads it.')).to.equal('nobody');
  });

  it('accepts plain language', () => {
    expect(oldWordIn('Reports what was found; besides, the number of probes in those rows.')).to.equal(undefined);
    expect(oldWordIn('Undefined when absent.')).to.equal(undefined);
  });

  it('measures comments only, except tables, URLs and single words', () => {
    const wide = (line: string): boolean => textLines(line).some((found) => isTooWide(found, 20));
    expect(wide('// A comment that is wider.')).to.equal(true);
    expect(wide('// A narrow comment.')).to.equal(false);
    expect(wide('// | a table | is wide |')).to.equal(false);
    expect(wide('// See https://example.org.')).to.equal(false);
    expect(wide("it('is a long title of a test', () => {")).to.equal(false);
  });

  it('refuses more wide comments than before', () => {
    expect(widthProblems(3, 3, 120)).to.deep.equal([]);
    expect(widthProblems(4, 3, 120)[0])
      .to.contain('found 4 comment lines')
      .and.to.contain('at most 3');
  });
});
