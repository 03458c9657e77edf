/**
 * Warnings of a scraper that need a person: collectors that are down or far behind, writers that fail, counters that
 * grew lately.
 */

import type { CollectorState, MemoryCounter, WriterStatus } from '../contract/scraperStatus.js';
import type { CounterReaders } from '../counters/reader.js';
import { COUNTER_READERS } from '../counters/readers.js';
import { RecentWarnings } from '../counters/recentWarnings.js';

/** A scraper has no intervals of its own: counters are compared over two of these. */
export const COMPARE_EVERY_MS = 60_000;
/** Intervals that a collector may have ready, after an outage or a full answer, without a word. */
const FEW_BEHIND = 10;

type CollectorCounter = keyof typeof COUNTER_READERS.scraperCollector;
type WriterCounter = keyof typeof COUNTER_READERS.scraperWriter;

interface Parts {
  readonly collectors: readonly CollectorState[];
  readonly writers: readonly WriterStatus[];
}

export class Troubles {
  private readonly collectorSums = new Sums<CollectorCounter, CollectorState>(
    COUNTER_READERS.scraperCollector,
    ({ url }) => url,
  );
  private readonly writerSums = new Sums<WriterCounter, WriterStatus>(
    COUNTER_READERS.scraperWriter,
    ({ name }) => name,
  );
  private readonly ofCollectors = new RecentWarnings<CollectorCounter>(COUNTER_READERS.scraperCollector);
  private readonly ofWriters = new RecentWarnings<WriterCounter>(COUNTER_READERS.scraperWriter);
  private readonly ofMemory = new RecentWarnings<MemoryCounter>({
    ...COUNTER_READERS.history,
    ...COUNTER_READERS.scraper,
  });
  readonly memory: (() => Readonly<Record<MemoryCounter, number>>) | undefined;

  /** `memory`: its counters; undefined where no data are kept in memory. */
  constructor(memory?: () => Readonly<Record<MemoryCounter, number>>) {
    this.memory = memory;
  }

  /** Call every `COMPARE_EVERY_MS`. */
  compare({ collectors, writers }: Parts): void {
    this.ofCollectors.intervalEnded(this.collectorSums.of(collectors));
    this.ofWriters.intervalEnded(this.writerSums.of(writers));
    if (this.memory !== undefined) this.ofMemory.intervalEnded(this.memory());
  }

  warnings({ collectors, writers }: Parts): string[] {
    return [
      ...collectorsDown(collectors),
      ...collectorsBehind(collectors),
      ...writersFailing(writers),
      ...this.ofCollectors.warnings(this.collectorSums.of(collectors)),
      ...this.ofWriters.warnings(this.writerSums.of(writers)),
      ...(this.memory === undefined ? [] : this.ofMemory.warnings(this.memory())),
    ];
  }
}

/** Whether the collector answered the last question. */
export const isUp = ({ state }: CollectorState): boolean => state === 'up' || state === 'behind';

function collectorsDown(collectors: readonly CollectorState[]): string[] {
  const down = collectors.filter(({ state }) => state === 'down');
  if (down.length === 0) return [];
  const [{ url, lastError, lastSuccess }] = down;
  const since = lastSuccess === null ? 'no answer yet' : `last answer ${lastSuccess}`;
  return [
    `${down.length} of ${collectors.length} collectors are down, for example ${url} (${since}): ${lastError ?? 'unknown'}`,
  ];
}

function collectorsBehind(collectors: readonly CollectorState[]): string[] {
  const behind = collectors.filter((one) => isUp(one) && (one.lagIntervals ?? 0) > FEW_BEHIND);
  if (behind.length === 0) return [];
  const [{ url, lagIntervals }] = behind;
  return [
    `${behind.length} of ${collectors.length} collectors have more than ${FEW_BEHIND} intervals that are not fetched, for example ${url}: ${lagIntervals}`,
  ];
}

function writersFailing(writers: readonly WriterStatus[]): string[] {
  const failing = writers.filter(({ up }) => !up);
  if (failing.length === 0) return [];
  const [{ name, lastError, lastSuccessMs }] = failing;
  const since = lastSuccessMs === null ? 'no write yet' : `last write ${new Date(lastSuccessMs).toISOString()}`;
  return [
    `${failing.length} of ${writers.length} writers fail, for example ${name} (${since}): ${lastError ?? 'unknown'}; results wait in the spool`,
  ];
}

/** Sums of the counters of all members of a list. They never fall: the counts of a removed member stay. */
class Sums<Name extends string, One extends Readonly<Record<Name, number>>> {
  private readonly names: readonly Name[];
  private readonly keyOf: (one: One) => string;
  private readonly sums: Record<Name, number>;
  private before: ReadonlyMap<string, One> = new Map();

  constructor(readers: CounterReaders<Name>, keyOf: (one: One) => string) {
    this.names = Object.keys(readers) as Name[];
    this.keyOf = keyOf;
    this.sums = Object.fromEntries(this.names.map((name) => [name, 0])) as Record<Name, number>;
  }

  of(list: readonly One[]): Readonly<Record<Name, number>> {
    for (const one of list) {
      const before = this.before.get(this.keyOf(one));
      for (const name of this.names) {
        const grown = one[name] - (before?.[name] ?? 0);
        // A member that was removed and added again counts from 0.
        this.sums[name] += grown < 0 ? one[name] : grown;
      }
    }
    this.before = new Map(list.map((one) => [this.keyOf(one), one]));
    return { ...this.sums };
  }
}
