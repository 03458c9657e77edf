import { expect } from 'chai';
import { keysOf, pressed } from '../../../../src/cli/top/keys.js';
import type { View } from '../../../../src/cli/top/types.js';
import { VIEW } from './samples.js';

const SHOWN = {
  top: { matrix: 5, pairs: 0, paths: 0 },
  left: 2,
  page: { matrix: 10, pairs: 4, paths: 4 },
  pageColumns: 3,
};

function typing(text: string, view: View = VIEW): View {
  return keysOf(text).reduce((now, key) => pressed(now, key, SHOWN, ['cs0', 'ef']).view, view);
}
const effect = (text: string, view = VIEW): string => pressed(view, keysOf(text)[0], SHOWN, []).effect;

describe('keys of llama top', () => {
  it('are known by their sequences, and others are left out', () => {
    expect(keysOf('q\u001b[A\u001bOB\u001b[5~\u001b[99;5u\u001b')).to.deep.equal([
      'q',
      'up',
      'down',
      'pageUp',
      'escape',
    ]);
    expect(keysOf('\u0001\u0003')).to.deep.equal(['interrupt']);
    expect(keysOf('é測')).to.deep.equal(['é', '測']);
  });

  it('go through metrics and classes, and ask for each', () => {
    expect(typing('m').asked.metric).to.equal('p50');
    expect(typing('M').asked.metric).to.equal('jitter');
    expect(['c', 'cc', 'ccc', 'C'].map((keys) => typing(keys).asked.class)).to.deep.equal([
      'cs0',
      'ef',
      undefined,
      'ef',
    ]);
    expect([effect('m'), effect('c'), effect('r'), effect('s')]).to.deep.equal(['ask', 'ask', 'ask', 'none']);
  });

  it('scroll the focused section, from its visible position', () => {
    expect(typing('\u001b[B').top.matrix).to.equal(6);
    expect(typing('\u001b[6~').top.matrix).to.equal(15);
    expect(typing('\u001b[C').left).to.equal(3);
    expect(typing('\u001b[H').top.matrix).to.equal(0);
    expect(typing('\t\u001b[B').top).to.deep.equal({ matrix: 5, pairs: 1, paths: 0 });
    expect(pressed(VIEW, 'pageUp', { ...SHOWN, top: VIEW.top }, []).view.top.matrix).to.equal(0);
  });

  it('type a filter, in which letters mean nothing else', () => {
    const view = typing('/rq1\u007f');
    expect([view.filter, view.typing]).to.deep.equal(['rq', true]);
    expect(typing('\r', view)).to.include({ filter: 'rq', typing: false });
    expect(typing('\u001b', view)).to.include({ filter: '', typing: false });
    expect(effect('q', view)).to.equal('none');
    expect(effect('\u0003', view)).to.equal('quit');
  });

  it('q quits, also from the help, that any other key ends', () => {
    expect(effect('q')).to.equal('quit');
    expect(effect('q', typing('?'))).to.equal('quit');
    expect(typing('?').help).to.equal(true);
    expect(typing('?m')).to.deep.include({ help: false, asked: VIEW.asked });
  });
});
