import { expect } from 'chai';
import { clockText } from '../../../../src/ui/lib/time.js';
import { freshLines } from '../../../../src/ui/pair/reasonLines.js';

const at = new Date().toISOString();
const time = clockText(Date.parse(at));
const SERIES = { group: 'west', target: '10.9.0.2', port: 8100 };

describe('the sentence about a probe from a fresh source port', () => {
  it('says that the flows are dead when it was answered, and that silence proves nothing', () => {
    const probe = { group: 'west', target: '10.9.0.2:8100', at };
    expect(freshLines([{ ...probe, answered: true }], [SERIES, SERIES])).to.deep.equal([
      `Asked from a fresh source port at ${time}: answered; these flows are dead.`,
    ]);
    expect(freshLines([{ ...probe, answered: false }], [SERIES])).to.deep.equal([
      `Asked from a fresh source port at ${time}: no answer; this proves nothing.`,
    ]);
  });

  it('is of this target only: its group, address and port', () => {
    const probes = [
      { group: 'east', target: '10.9.0.2:8100' },
      { group: 'west', target: '10.9.0.2:8101' },
      { group: 'west', target: '10.9.0.3:8100' },
      { group: 'west', target: '10.9.0.2' },
    ].map((probe) => ({ ...probe, answered: true, at }));
    expect(freshLines(probes.slice(0, 3), [SERIES])).to.deep.equal([]);
    expect(freshLines(probes, [{ ...SERIES, port: 0 }]), 'icmp').to.have.length(1);
  });

  it('names the target where the pair has several', () => {
    const probes = ['[fd00::2]:8100', '[fd00::2]:8101'].map((target) => ({
      group: 'west',
      target,
      answered: false,
      at,
    }));
    const series = [8100, 8101].map((port) => ({ group: 'west', target: 'fd00::2', port }));
    expect(freshLines(probes, series).map((line) => line.slice(0, line.indexOf('Asked')))).to.deep.equal([
      '[fd00::2]:8100 of west: ',
      '[fd00::2]:8101 of west: ',
    ]);
  });
});
