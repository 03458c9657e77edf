import { expect } from 'chai';
import { HangUps } from '../../../../src/cli/shared/signals.js';

describe('HangUps', () => {
  let before: ((...args: unknown[]) => void)[];

  beforeEach(() => {
    before = process.listeners('SIGHUP') as typeof before;
  });
  afterEach(() => {
    for (const listener of process.listeners('SIGHUP'))
      if (!before.includes(listener as (typeof before)[number])) process.off('SIGHUP', listener);
  });

  it('remembers a signal that came before anybody listened, and tells it once', () => {
    const hangUps = new HangUps();
    process.emit('SIGHUP', 'SIGHUP');
    process.emit('SIGHUP', 'SIGHUP');
    let calls = 0;
    hangUps.listen(() => calls++);
    expect(calls).to.equal(1);
    process.emit('SIGHUP', 'SIGHUP');
    expect(calls).to.equal(2);
  });

  it('ignores signals when there is no listener any more', () => {
    const hangUps = new HangUps();
    let calls = 0;
    hangUps.listen(() => calls++);
    hangUps.listen(undefined);
    process.emit('SIGHUP', 'SIGHUP');
    expect(calls).to.equal(0);
  });
});
