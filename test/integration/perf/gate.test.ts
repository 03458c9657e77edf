import { expect } from 'chai';
import { failures, verdict } from '../../../perf/gate.js';
import type { Scenario } from '../../../perf/harness.js';
import { measurePairs } from '../../../perf/pairs.js';
import { runScenarios } from '../../../perf/run.js';

const scenario = (name: string, run: Scenario['run'], goals: Scenario['goals'] = []): Scenario => ({
  name,
  about: name,
  goals,
  run,
});
const fields = (all: Record<string, number>) => async () => ({ fields: all, samples: {} });

async function runAll(scenarios: readonly Scenario[]) {
  let printed = '';
  const print = (text: string): void => {
    printed += text;
  };
  const result = await runScenarios(scenarios, { quick: true, print, progress: () => {} });
  return { ...result, printed };
}

describe('the verdict on a figure', () => {
  it('tells a goal that is met, one that is not, and a floor that does not hold', () => {
    const ratio = { field: 'ratio', atLeast: 0.85, floor: 0.6 };
    expect(verdict(ratio, 0.85)).to.equal('met');
    expect(verdict(ratio, 0.7)).to.equal('NOT MET');
    expect(verdict(ratio, 0.59)).to.equal('FAILED');
    const time = { field: 'ms', atMost: 100, floor: 1_000 };
    expect(verdict(time, 100)).to.equal('met');
    expect(verdict(time, 999)).to.equal('NOT MET');
    expect(verdict(time, 1_001)).to.equal('FAILED');
  });

  it('takes the goal for the floor where none is given', () => {
    expect(verdict({ field: 'lost', atMost: 0 }, 0)).to.equal('met');
    expect(verdict({ field: 'lost', atMost: 0 }, 1)).to.equal('FAILED');
  });

  it('fails a figure that is missing or no number, whatever the floor', () => {
    const goal = { field: 'lost', atMost: 0, floor: Number.POSITIVE_INFINITY };
    expect(verdict(goal, undefined)).to.equal('FAILED');
    expect(verdict(goal, Number.NaN)).to.equal('FAILED');
    expect(failures('pipeline', [goal], {})).to.deep.equal(['pipeline: lost is missing, expected at most Infinity']);
  });
});

describe('a run of scenarios', () => {
  it('passes when every floor holds, though a goal is not met', async () => {
    const { failures: failed, printed } = await runAll([
      scenario('one', fields({ ratio: 0.7, lost: 0 }), [
        { field: 'ratio', atLeast: 0.85, floor: 0.6 },
        { field: 'lost', atMost: 0 },
      ]),
    ]);
    expect(failed).to.deep.equal([]);
    expect(printed).to.match(/ratio .*>= 0.85 .*>= 0.6 +NOT MET/);
  });

  it('fails when a probe was lost, when a floor does not hold and when a scenario throws, and runs the others', async () => {
    const { failures: failed, results } = await runAll([
      scenario('loses', fields({ lost: 3 }), [{ field: 'lost', atMost: 0 }]),
      scenario('throws', async () => {
        throw new Error('no Chromium');
      }),
      scenario('slow', fields({ ratio: 0.5 }), [{ field: 'ratio', atLeast: 0.85, floor: 0.6 }]),
      scenario('well', fields({ ratio: 0.9 }), [{ field: 'ratio', atLeast: 0.85, floor: 0.6 }]),
    ]);
    expect(failed).to.deep.equal([
      'loses: lost is 3, expected at most 0',
      'throws: no Chromium',
      'slow: ratio is 0.5, expected at least 0.6',
    ]);
    expect(Object.keys(results)).to.deep.equal(['loses', 'slow', 'well']);
  });
});

describe('two things in turns', () => {
  it('gives the ratio that both have to each other on a machine that becomes three times slower meanwhile', async () => {
    const rounds = 20;
    let slices = 0;
    const speed = (): number => 3 - (2 * slices++) / (2 * rounds);
    const { medianRatio, ratios } = await measurePairs(
      rounds,
      async () => 1_000 * speed(),
      async () => 800 * speed(),
    );
    expect(ratios).to.have.length(rounds);
    expect(medianRatio).to.be.closeTo(0.8, 0.01);
  });
});
