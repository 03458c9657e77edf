/**
 * Faults at random, several at a time: each lane has its own victim and does one thing to it after the other, until it
 * is told to end. All is whole again when `run` resolves.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from '../../support/harness/random.js';
import { waitFor } from '../../support/harness/wait.js';
import type { Fleet } from './fleet.js';
import { nameOf } from './hosts.js';
import type { Cut } from './star.js';

/** The longest stretch that a random fault lasts; what follows one must fit into what collectors keep. */
const LONGEST_MS = 4_000;

/**
 * An interval goes to the spool when its database has been away for 5 s, and the cursor is on the disk a second later.
 */
const LONG_LIFE_MS = 7_500;

export interface Death {
  readonly collector: string;
  /** From here on the scraper could not reach it. */
  readonly cutMs: number;
  readonly deadMs: number;
}

export class Chaos {
  readonly counts = new Map<string, number>();
  readonly deaths: Death[] = [];
  private readonly fleet: Fleet;
  private readonly seed: number;
  private ending = false;

  constructor(fleet: Fleet, seed: number) {
    this.fleet = fleet;
    this.seed = seed;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * All lanes until `done`, and once in between an outage of the database of `outageMs`. The last collector is the one
   * that is killed; the others live, so that all of theirs must be there.
   */
  async run(done: () => boolean, outageMs: number): Promise<void> {
    const { fleet } = this;
    const [influx, victim] = [fleet.influx, fleet.hosts().length];
    let outages = 0;
    let lives = 0;
    const lanes = [
      this.lane(1, async (random) => {
        await fleet.scraper.kill();
        this.count('scraper killed');
        await sleep(random.next() * 1_500);
        await fleet.scraper.start();
        // Every second life is long enough to find that a database is away, and to put its intervals on the disk.
        lives += 1;
        if (lives % 2 === 1) await this.unlessEnding(LONG_LIFE_MS);
      }),
      this.lane(2, async (random) => {
        if (outages === 0) {
          outages = 1;
          this.count('InfluxDB killed, away for longer than collectors keep results');
          await influx.stop('SIGKILL');
          await sleep(outageMs);
          await influx.start();
        } else if (random.next() < 0.6) {
          this.count('InfluxDB killed');
          await influx.stop('SIGKILL');
          await sleep(random.next() * LONGEST_MS);
          await influx.start();
        } else {
          this.count('InfluxDB stopped: takes connections, answers nothing');
          influx.signal('SIGSTOP');
          await sleep(random.next() * LONGEST_MS);
          influx.signal('SIGCONT');
        }
      }),
      this.lane(3, async (random) => {
        // It acknowledges what it has not on disk yet: a kill would lose what no scraper can know of. So it is ended
        // cleanly.
        this.count('VictoriaMetrics ended and started');
        await fleet.victoria.stop('SIGTERM');
        await sleep((random.next() * LONGEST_MS) / 2);
        await fleet.victoria.start();
      }),
      this.lane(4, async (random) => {
        const host = 1 + random.below(fleet.goHost);
        const how: Cut = random.next() < 0.7 ? 'silent' : 'refused';
        this.count(`network cut (${how})`);
        await fleet.star.cut(host, how);
        await sleep(random.next() * LONGEST_MS);
        await fleet.star.heal(host, how);
      }),
      this.lane(5, () => this.death(victim), 3 * LONGEST_MS),
    ];
    try {
      const ended = (): boolean => this.ending || done();
      await Promise.race([waitFor('the faults are done', ended, 2 ** 31 - 1, 100), Promise.all(lanes)]);
    } finally {
      this.ending = true;
      // After a failure, too, every lane ends before the fleet is taken down.
      await Promise.allSettled(lanes);
    }
    await Promise.all(lanes);
  }

  /**
   * Kills a collector, which takes what was not fetched with it. Its link is cut before, and the witness reads
   * everything before it dies: so it is certain which intervals there were, and that the scraper cannot have had
   * others.
   */
  private async death(host: number): Promise<void> {
    const { fleet } = this;
    const witness = fleet.witnesses[host - 1];
    this.count('collector killed');
    await fleet.star.cut(host, 'silent');
    const cutMs = Date.now();
    const seen = fleet.ledger.newest(nameOf(host));
    await waitFor('two more intervals', () => fleet.ledger.newest(nameOf(host)) >= seen + 2_000, 30_000, 50);
    await witness.beforeDeath();
    await fleet.killCollector(host);
    this.deaths.push({ collector: nameOf(host), cutMs, deadMs: Date.now() });
    fleet.startCollector(host);
    await witness.back();
    await fleet.star.heal(host, 'silent');
  }

  /** One fault after the other, with some time between them. */
  private async lane(
    number: number,
    fault: (random: Random) => Promise<void>,
    mostBetweenMs = LONGEST_MS,
  ): Promise<void> {
    const random = seededRandom(this.seed * 10 + number);
    for (;;) {
      await this.unlessEnding(500 + random.next() * mostBetweenMs);
      if (this.ending) return;
      await fault(random);
    }
  }

  private async unlessEnding(ms: number): Promise<void> {
    const untilMs = Date.now() + ms;
    await waitFor('the next fault', () => this.ending || Date.now() >= untilMs, ms + 5_000, 50);
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
