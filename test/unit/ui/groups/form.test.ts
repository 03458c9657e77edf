import { expect } from 'chai';
import { bodyOf, EMPTY, formOf } from '../../../../src/ui/groups/form.js';

describe('the form of a group', () => {
  it('gives back the group that it was filled from, with options that it does not show', () => {
    const group = {
      name: 'west',
      origin: 'api',
      protocol: 'stamp',
      port: 8100,
      period: '1s',
      timeout: '500ms',
      classes: ['cs0', 17],
      payloadBytes: 44,
      sourcePorts: 4,
      targets: [
        { address: '10.0.0.1', tags: { rack: 'r1', site: 'new "york"' } },
        { address: '10.0.0.2', port: 9 },
        { address: '2001:db8::1' },
        { address: '2001:db8::2', port: 9, tags: { rack: 'r2' } },
      ],
    };
    const { name: _name, origin: _origin, ...rest } = group;
    expect(bodyOf(formOf(group))).to.deep.equal(rest);
  });

  it('says which line of the targets it cannot read', () => {
    expect(() => bodyOf({ ...EMPTY, targets: '10.0.0.1 rack' })).to.throw(
      'found "rack" in the line "10.0.0.1 rack", expected tag=value',
    );
  });
});
