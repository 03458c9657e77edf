/**
 * Every interval of every collector reaches every database once, whatever dies meanwhile. What was finished is known
 * from witnesses on the collectors' own hosts; what is stored is read from InfluxDB, VictoriaMetrics and files; the two
 * must be equal, point by point.
 *
 * Two things can take an interval away before anybody fetches it: its collector dies, or (Dropbox's LLAMA, which holds
 * one only) the next one comes. These, and no others, may be missing, and only if the scraper's log names them.
 */

import { expect } from 'chai';
import { needs } from '../../support/harness/needs.js';
import { Chaos } from '../fleet/chaos.js';
import { Fleet } from '../fleet/fleet.js';
import { nameOf } from '../fleet/hosts.js';
import { compare, type Ledger } from '../fleet/ledger.js';
import { Star } from '../fleet/star.js';
import { storedInFiles, storedInInflux, storedInVictoria, sumsOfInflux } from '../fleet/stored.js';

const COLLECTORS = 3;
const GO_INTERVAL_MS = 5_000;
const TELL_MS = 60_000;

export interface OnceOptions {
  readonly seed: number;
  /** Until there were so many faults, and it has run for so long. */
  readonly faults: number;
  readonly runMs: number;
  /** Intervals of a second that collectors keep. */
  readonly retention: number;
  /** The database is away once for so long. */
  readonly outageMs: number;
  /** Told what was found, when all of it holds. Where somebody wants that, it says every minute how far it is. */
  readonly report?: (found: OnceReport) => void;
}

export interface OnceReport {
  readonly seconds: number;
  readonly faults: ReadonlyMap<string, number>;
  /** What each collector finished. */
  readonly finished: ReadonlyMap<string, ReturnType<Ledger['sums']> & { readonly intervals: number }>;
  readonly stored: ReadonlyMap<string, ReturnType<Ledger['sums']>>;
  /** Points that nobody could have had any more, by collector; each named in the log. */
  readonly named: ReadonlyMap<string, number>;
}

export function onceSuite({ seed, faults, runMs, retention, outageMs, report }: OnceOptions): void {
  describe(`intervals on their way to databases, with faults at random (seed ${seed})`, function () {
    this.timeout(runMs * 2 + 180_000);
    let fleet: Fleet;
    before(async function () {
      needs(this, 'root', 'ip', 'nft', 'influxd', 'victoriaMetrics');
      fleet = await Fleet.start({ collectors: COLLECTORS, retention, goIntervalMs: GO_INTERVAL_MS });
    });
    after(async () => {
      await fleet?.destroy();
    });

    it('are all there, once, with the numbers that were measured', async () => {
      const chaos = new Chaos(fleet, seed);
      const startMs = Date.now();
      let tellAtMs = startMs + TELL_MS;
      await chaos.run(() => {
        fleet.check();
        if (report !== undefined && Date.now() >= tellAtMs) {
          console.log(`      ${Math.round((Date.now() - startMs) / 1000)} s, ${chaos.total} faults`);
          tellAtMs += TELL_MS;
        }
        return Date.now() - startMs >= runMs && chaos.total >= faults && chaos.deaths.length > 0;
      }, outageMs);
      const untilMs = await fleet.caughtUp();
      expect(await fleet.scraper.stop(), 'exit code of the scraper').to.equal(0);
      const goName = Star.hostAddress(fleet.goHost);
      const finished = fleet.ledger.select(
        (collector, endMs) => endMs <= untilMs && (collector !== goName || endMs >= fleet.goFromMs),
      );
      for (const name of fleet.names()) expect(finished.ends.get(name)?.size, name).to.be.greaterThan(2);
      expect(finished.twice, 'intervals that were finished twice').to.deep.equal([]);
      expect(finished.sums().lost, 'probes lost').to.be.greaterThan(0);

      const gaps = fleet.scraper.gaps();
      const isNamed = (collector: string, endMs: number): boolean =>
        gaps.some((gap) => gap.collector === collector && endMs > gap.fromMs && endMs <= gap.toMs);
      const mayBeGone = (collector: string, endMs: number): boolean =>
        isNamed(collector, endMs) &&
        (collector === goName || chaos.deaths.some((death) => death.collector === collector && isAbout(death, endMs)));
      for (let host = 1; host < COLLECTORS; host++)
        expect(
          gaps.filter(({ collector }) => collector === nameOf(host)),
          'gaps of a collector that lives',
        ).to.deep.equal([]);

      const stores = {
        InfluxDB: await storedInInflux(fleet.influx, 'llama'),
        VictoriaMetrics: await storedInVictoria(fleet.victoria),
        files: await storedInFiles(fleet.files),
      };
      let named: Ledger | undefined;
      for (const [store, all] of Object.entries(stores)) {
        expect(all.twice, `twice in ${store}`).to.deep.equal([]);
        const stored = all.select((_collector, endMs) => endMs <= untilMs);
        const gone = finished.select(
          (collector, endMs) => mayBeGone(collector, endMs) && !stored.ends.get(collector)?.has(endMs),
        );
        named ??= gone;
        const expected = finished.select((collector, endMs) => !gone.ends.get(collector)?.has(endMs));
        const found = compare(expected, stored);
        const known = JSON.stringify({ deaths: chaos.deaths, gaps });
        expect(found, `${store}; ${known}`).to.deep.equal({ missing: [], extra: [], different: [] });
        expect(stored.sums(), `sums of ${store}`).to.deep.equal(expected.sums());
        if (store === 'InfluxDB')
          expect(await sumsOfInflux(fleet.influx, 'llama', untilMs), 'sums by InfluxQL').to.deep.equal(expected.sums());
      }
      report?.({
        seconds: Math.round((Date.now() - startMs) / 1000),
        faults: chaos.counts,
        finished: new Map(
          fleet.names().map((name) => {
            const own = finished.select((collector) => collector === name);
            return [name, { ...own.sums(), intervals: own.ends.get(name)?.size ?? 0 }];
          }),
        ),
        stored: new Map(
          Object.entries(stores).map(([store, all]) => [store, all.select((_name, endMs) => endMs <= untilMs).sums()]),
        ),
        named: new Map([...(named?.ends ?? [])].map(([name, ends]) => [name, ends.size])),
      });
    });
  });
}

/**
 * What ends after the link was cut and before the collector died; and the interval before, which may not have been
 * fetched yet when it was cut.
 */
function isAbout({ cutMs, deadMs }: { readonly cutMs: number; readonly deadMs: number }, endMs: number): boolean {
  return endMs > cutMs - 10_000 && endMs <= deadMs;
}
