/**
 * A collector on loopback whose replies are wrong in one way each: its warnings say what came, how much, from where and
 * since when.
 */

import { expect } from 'chai';
import { type Mode, Responder } from '../../support/fakes/responder.js';
import { Live } from '../../support/harness/live.js';
import { waitFor } from '../../support/harness/wait.js';

const INTERVAL_MS = 200;
const WITHIN_MS = 5_000;
const TIME = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;

interface Case {
  readonly counter: string;
  readonly mode: Mode;
  readonly text: (port: number) => string;
}
const CASES: readonly Case[] = [
  {
    counter: 'invalidSource',
    mode: { kind: 'wrongSource' },
    text: (port) =>
      String.raw`replies came from another address than the target's, for example 44 bytes from 127\.0\.0\.2:\d+ for a probe of 127\.0\.0\.1:${port}`,
  },
  {
    counter: 'invalidTimestamp',
    mode: { kind: 'wrongT1' },
    text: (port) =>
      String.raw`replies do not return the time that was sent, for example 44 bytes from 127\.0\.0\.1:${port}`,
  },
  {
    counter: 'invalidSequence',
    mode: { kind: 'wrongSequence' },
    text: (port) =>
      String.raw`replies have a number that no waiting probe has, for example 44 bytes from 127\.0\.0\.1:${port}`,
  },
  {
    counter: 'invalidFormat',
    mode: { kind: 'junk' },
    text: (port) =>
      String.raw`packets came that cannot be read as a reply, for example 4 bytes from 127\.0\.0\.1:${port}`,
  },
];

describe('warnings of a collector', () => {
  let live: Live;
  before(async () => {
    live = await Live.start({ intervalMs: INTERVAL_MS });
    await live.collector.measure();
  });
  after(() => live.collector.close());

  const aboutOf = (counter: string) => live.collector.status().warnings.find((text) => text.startsWith(`${counter}: `));

  for (const { counter, mode, text } of CASES)
    it(`${counter}: names the last one, and goes when no more come`, async () => {
      const startMs = Date.now();
      const responder = await Responder.start(mode, '127.0.0.1', 0, '127.0.0.2');
      try {
        const targets = [{ address: '127.0.0.1', port: responder.port }];
        await live.put('wrong', { period: '20ms', timeout: '100ms', targets });
        const said = await waitFor('the warning', () => aboutOf(counter), WITHIN_MS);
        expect(said).to.match(
          new RegExp(`^${counter}: [1-9]\\d* ${text(responder.port)}, since ${TIME}( or up to \\d+ s before)?(; .*)?$`),
        );
        const [since] = new RegExp(`(?<=since )${TIME}`).exec(said) ?? [];
        expect(Date.parse(since ?? '')).to.be.within(startMs - 5 * INTERVAL_MS, Date.now());
      } finally {
        await live.collector.deleteGroup('wrong');
        responder.close();
      }
      await waitFor('the warning is gone', () => aboutOf(counter) === undefined, WITHIN_MS);
    });

  it('says that the history refuses intervals', async () => {
    live.collector.history.refused.ahead += 2;
    const said = await waitFor('the warning', () => aboutOf('ahead'), WITHIN_MS);
    expect(said).to.match(/^ahead: 2 intervals end in the future, since .*; the matrix does not show them/);
  });
});
