import { expect } from 'chai';
import { ownTroubles } from '../../../../src/ui/overview/own.js';

describe('the troubles of the tool on the overview', () => {
  it('is said once: a counter with a warning has no line of its own', () => {
    const thread = { thread: 'aggregator', state: 'running', restarts: 0, lastError: null };
    const status = {
      ...{
        name: 'a',
        version: '1',
        state: 'running',
        uptimeMs: 1,
        groups: 1,
        targets: 1,
        paths: 1,
        probesPerSecond: 1,
      },
      ...{ workers: [], aggregator: thread, totals: { sendErrors: 7, clockSteps: 1 } },
      freshProbes: [],
      warnings: ['sendErrors: 5 probes were not sent'],
    };
    expect(ownTroubles(status, undefined).map(({ text }) => text.split(':')[0])).to.deep.equal([
      ...['sendErrors', 'clockSteps 1 since the start'],
    ]);
  });
});
