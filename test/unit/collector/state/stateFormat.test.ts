import { expect } from 'chai';
import { readState, type StateEntry, writeState } from '../../../../src/collector/state/stateFormat.js';
import { seededRandom } from '../../../support/harness/random.js';

const GROUP: StateEntry = { kind: 'group', text: '{"targets":[{"address":"10.0.0.1","tags":{"dst_rack":"ü\\n1"}}]}' };
const REMOVED: StateEntry = { kind: 'removed', digest: 'abc' };

describe('a state file', () => {
  it('has these bytes', () => {
    expect(writeState('west', REMOVED)).to.equal(
      '{"format":"llama-state","version":1,"sha256":"6d42c5eb506ecccdc6e4c03764109c5541cf81be4f57284b54311c296d3f828f","entry":{"name":"west","removed":"abc"}}\n',
    );
  });

  it('is JSON, and reads back unchanged', () => {
    const text = writeState('west', GROUP);
    expect(JSON.parse(text).entry.name).to.equal('west');
    expect(readState(text)).to.deep.equal({
      name: 'west',
      entry: { kind: 'group', input: { targets: [{ address: '10.0.0.1', tags: { dst_rack: 'ü\n1' } }] } },
    });
    expect(readState(writeState('a', REMOVED))).to.deep.equal({ name: 'a', entry: REMOVED });
  });

  for (const [title, spoil, damage] of [
    ['nothing', () => '', /empty/],
    ['zeros', (text: string) => '\0'.repeat(text.length), /does not begin/],
    ['a part of it', (text: string) => text.slice(0, -5), /end is missing/],
    ['another letter', (text: string) => text.replace('10.0.0.1', '10.0.0.2'), /checksum/],
    ['no version that there is', (text: string) => text.replace('"version":1', '"version":0'), /version 0, expected 1/],
    ['something else', () => 'groups: {}', /does not begin/],
  ] as const)
    it(`is damaged when it holds ${title}`, () => {
      const state = readState(spoil(writeState('west', GROUP)));
      expect(state).to.have.property('damage').that.matches(damage);
    });

  it('of a newer version is told from a damaged one, however the rest of it looks, and is written as it was', () => {
    const text = writeState('west', GROUP).replace('"version":1', '"version":2');
    expect(readState(text)).to.deep.equal({ newer: '2' });
    expect(readState('{"format":"llama-state","version":17,"what":["comes"]}')).to.deep.equal({ newer: '17' });
    expect(writeState('west', { kind: 'newer', version: '2', text })).to.equal(text);
  });

  it('is found damaged whatever single character is changed or cut, and never throws', () => {
    const random = seededRandom(7);
    const text = writeState('west', GROUP);
    for (let i = 0; i < 5000; i++) {
      const at = random.below(text.length);
      const other = String.fromCharCode(32 + random.below(95));
      const spoiled = i % 2 === 0 ? text.slice(0, at) : `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      if (spoiled === text) continue;
      // Another digit in the place of the version makes it a file of that version.
      const expected = at === text.indexOf('1') && /[2-9]/.test(spoiled[at]) && i % 2 === 1 ? 'newer' : 'damage';
      expect(readState(spoiled), spoiled).to.have.property(expected);
    }
  });
});
