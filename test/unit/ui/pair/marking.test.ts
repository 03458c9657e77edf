import { expect } from 'chai';
import type { ResultRow } from '../../../../src/ui/lib/types.js';
import { markingText, remarkedOf } from '../../../../src/ui/pair/marking.js';

describe('the marking of a pair', () => {
  const ROW = { group: 'west', target: '10.9.0.2', port: 8100, dscp: 46, received: 20, lost: 0, localDrops: 0 };
  const row = (changes: Partial<ResultRow> = {}) => ({ ...ROW, ...changes }) as ResultRow;

  it('knows nothing of the marking of a target that never answered', () => {
    const silent = row({ received: 0, lost: 20, remarked: 0 });
    expect([remarkedOf(silent), markingText(silent)]).to.deep.equal([undefined, 'unknown']);
    const answers = row({ remarked: 0, dscpForward: 46, dscpReverse: 46 });
    expect([remarkedOf(answers), markingText(answers)]).to.deep.equal([0, 'kept (46)']);
    expect(markingText(row({ dscpForward: 0, dscpReverse: 46 }))).to.equal('46 → 0 → 46');
  });
});
