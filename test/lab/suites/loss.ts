/**
 * Loss in one spine shows on the paths that go through it, in the classes that it hits, while it lasts; and nowhere
 * else.
 */

import { expect } from 'chai';
import type { PathRow } from '../../support/harness/contract.js';
import { sumOf } from '../../support/harness/contract.js';
import { needs } from '../../support/harness/needs.js';
import type { RecordedInterval } from '../../support/harness/recorder.js';
import { B_ADDRESSES, SPINES } from '../network.js';
import type { DropRule, Side } from '../spine.js';
import { DSCP, expectAccounted, Lab, pathKey, printFound, REFLECTOR_PORT, sumByPath } from './lab.js';

const PERCENT = 20;
/** Five standard deviations: one false alarm in about two million comparisons. */
const SIGMAS = 5;
const INTERVAL_MS = 1_000;
/** Whole intervals of loss in each turn, and what comes on top of them at most. */
const TURN_INTERVALS = 10;
const TURN_MARGIN = 10;

export interface LossOptions {
  readonly lossyIntervals: number;
  /**
   * How many times a spine drops for some intervals, one spine after the other: once around what comes from B, then
   * what comes from A.
   */
  readonly turns: number;
}

export function lossSuite({ lossyIntervals, turns }: LossOptions): void {
  describe(`loss of ${PERCENT} % in one spine, for ${lossyIntervals} intervals and in ${turns} turns`, function () {
    this.timeout((2 * lossyIntervals + turns * (TURN_INTERVALS + TURN_MARGIN) + 60) * 1000);
    let lab: Lab;
    /** Index of the spine that a path's probes and replies take, by the side they come from and by `pathKey`. */
    let spineOf: Record<Side, Map<string, number>>;

    before(async function () {
      needs(this, 'root', 'ip', 'nft');
      lab = await Lab.start({
        source: { ports: 16 },
        groups: {
          lossy: {
            port: REFLECTOR_PORT,
            period: '10ms',
            timeout: '300ms',
            classes: ['cs0', 'ef'],
            targets: B_ADDRESSES.slice(0, 3).map((address) => ({ address })),
          },
        },
      });
      await lab.collector.recorder.interval(Date.now(), 10_000);
      const spines = async (from: Side): Promise<Map<string, number>> =>
        new Map([...(await lab.flows(from))].map(([key, flow]) => [key, flow.spine]));
      spineOf = { A: await spines('A'), B: await spines('B') };
    });
    after(async () => {
      await lab?.stop();
    });

    /** Intervals that lie wholly within a stretch of time. */
    const within = (fromMs: number, toMs: number): RecordedInterval[] =>
      lab.collector.recorder.intervals.filter((interval) => interval.startMs >= fromMs && interval.endMs <= toMs);

    function expectWithinChance(lost: number, sent: number, what: string): void {
      const p = PERCENT / 100;
      expect(lost, what).to.be.closeTo(sent * p, SIGMAS * Math.sqrt(sent * p * (1 - p)));
    }

    /** Loss on the paths that the rule hits is what chance allows; the others have none. */
    function expectLoss(rows: readonly PathRow[], hit: (path: PathRow) => boolean): void {
      for (const row of rows.filter((path) => !hit(path)))
        expect(row.lost, `lost on ${pathKey(row)}, which the rule does not hit`).to.equal(0);
      const lossy = rows.filter(hit);
      expect(lossy).to.not.be.empty;
      for (const [key, { lost, sent }] of sumByPath(lossy)) expectWithinChance(lost, sent, `lost on ${key}`);
      expectWithinChance(sumOf(lossy, 'lost'), sumOf(lossy, 'sent'), 'lost on all paths that the rule hits');
    }

    /** Has the rule in force for whole intervals, then looks at these and at those behind it. */
    async function lossWith(
      spine: number,
      rule: DropRule,
      intervals: number,
      hit: (path: PathRow) => boolean,
    ): Promise<void> {
      const { recorder } = lab.collector;
      await lab.network.spines[spine].drop(rule);
      const onMs = Date.now();
      await recorder.interval(onMs + (intervals - 1) * INTERVAL_MS, (intervals + TURN_MARGIN) * 1000);
      const offMs = Date.now();
      await lab.network.spines[spine].clear();
      const clearedMs = Date.now();
      const firstClean = await recorder.interval(clearedMs, 10_000);

      const lossy = within(onMs, offMs);
      expect(lossy.length).to.be.at.least(intervals);
      expectLoss(
        lossy.flatMap((interval) => recorder.paths(interval)),
        hit,
      );
      expect(firstClean.startMs - clearedMs, 'start of the first whole interval').to.be.below(INTERVAL_MS);
      for (const path of recorder.paths(firstClean))
        expect(path.lost, `lost on ${pathKey(path)} afterwards`).to.equal(0);
    }

    it('there is none before', () => {
      for (const path of lab.collector.recorder.allPaths()) expect(path.lost, pathKey(path)).to.equal(0);
    });

    it('shows on the paths through that spine and on no other, and is gone in the first whole interval after it', () =>
      lossWith(0, { percent: PERCENT, from: 'A' }, lossyIntervals, (path) => spineOf.A.get(pathKey(path)) === 0));

    it('shows in the class that it hits and in no other', () =>
      lossWith(
        1,
        { percent: PERCENT, from: 'A', dscp: DSCP.ef },
        lossyIntervals,
        (path) => spineOf.A.get(pathKey(path)) === 1 && path.class === 'ef',
      ));

    it('shows when the replies are hit, and when one spine after the other drops', async () => {
      for (let turn = 0; turn < turns; turn++) {
        const spine = turn % SPINES;
        const from = Math.floor(turn / SPINES) % 2 === 0 ? 'B' : 'A';
        const intervals = Math.min(TURN_INTERVALS, lossyIntervals);
        await lossWith(
          spine,
          { percent: PERCENT, from },
          intervals,
          (path) => spineOf[from].get(pathKey(path)) === spine,
        );
      }
    });

    it('is reported to the packet, path by path', async () => {
      const { totals } = await lab.collector.settle();
      expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
      expectAccounted(lab.collector);
      const paths = sumByPath(lab.collector.recorder.allPaths());
      const back = await lab.flows('B');
      let dropped = 0;
      for (const [key, out] of await lab.flows('A')) {
        const received = back.get(key)?.forwarded ?? 0;
        expect(paths.get(key)?.sent, `sent on ${key}`).to.equal(out.arrived);
        expect(paths.get(key)?.lost, `lost on ${key}`).to.equal(out.arrived - received);
        dropped += out.arrived - received;
      }
      printFound(totals, `; dropped by the spines ${dropped}`);
      expect(totals.lost).to.equal(dropped);
    });
  });
}
