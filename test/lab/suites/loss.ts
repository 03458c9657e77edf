/** Loss in one spine shows on the paths that go through it, in the classes that it hits, while it lasts; and nowhere else. */

import { expect } from 'chai';
import type { PathRow } from '../../support/contract.js';
import { sumOf } from '../../support/contract.js';
import { needs } from '../../support/needs.js';
import type { RecordedInterval } from '../../support/recorder.js';
import { B_ADDRESSES } from '../network.js';
import type { DropRule } from '../spine.js';
import { DSCP, expectAccounted, Lab, pathKey, REFLECTOR_PORT, sumByPath } from './lab.js';

const PERCENT = 20;
/** Five standard deviations: one false alarm in about two million comparisons. */
const SIGMAS = 5;
const INTERVAL_MS = 1_000;

export function lossSuite({ lossyIntervals }: { readonly lossyIntervals: number }): void {
  describe(`loss of ${PERCENT} % in one spine, for ${lossyIntervals} intervals`, function () {
    this.timeout((2 * lossyIntervals + 60) * 1000);
    let lab: Lab;
    /** Index of the spine that a path takes on its way out, by `pathKey`. */
    let spineOf: Map<string, number>;

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
      spineOf = new Map([...(await lab.flows('A'))].map(([key, flow]) => [key, flow.spine]));
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
    async function lossWith(spine: number, rule: DropRule, hit: (path: PathRow) => boolean): Promise<void> {
      const { recorder } = lab.collector;
      await lab.network.spines[spine].drop(rule);
      const onMs = Date.now();
      await recorder.interval(onMs + (lossyIntervals - 1) * INTERVAL_MS, (lossyIntervals + 10) * 1000);
      const offMs = Date.now();
      await lab.network.spines[spine].clear();
      const clearedMs = Date.now();
      const firstClean = await recorder.interval(clearedMs, 10_000);

      const lossy = within(onMs, offMs);
      expect(lossy.length).to.be.at.least(lossyIntervals);
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
      lossWith(0, { percent: PERCENT, from: 'A' }, (path) => spineOf.get(pathKey(path)) === 0));

    it('shows in the class that it hits and in no other', () =>
      lossWith(
        1,
        { percent: PERCENT, from: 'A', dscp: DSCP.ef },
        (path) => spineOf.get(pathKey(path)) === 1 && path.class === 'ef',
      ));

    it('is reported to the packet, path by path', async () => {
      const { totals } = await lab.collector.settle();
      expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
      expectAccounted(lab.collector);
      const paths = sumByPath(lab.collector.recorder.allPaths());
      let dropped = 0;
      for (const [key, flow] of await lab.flows('A')) {
        expect(paths.get(key)?.sent, `sent on ${key}`).to.equal(flow.arrived);
        expect(paths.get(key)?.lost, `lost on ${key}`).to.equal(flow.arrived - flow.forwarded);
        dropped += flow.arrived - flow.forwarded;
      }
      expect(totals.lost).to.equal(dropped);
    });
  });
}
