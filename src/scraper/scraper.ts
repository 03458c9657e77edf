/**
 * The scraper: pollers on one side, writers on the other, and other listeners to intervals. It starts and stops them,
 * and reports their status.
 */

import type { Logger } from 'pino';
import { HttpClient } from '../base/http/httpClient.js';
import { SteadyClock } from '../base/steadyClock.js';
import { SYSTEM_TIMING, type Timing } from '../base/timing.js';
import { VERSION } from '../base/version.js';
import type { CollectorList, ScraperConfig } from '../config/scraper/types.js';
import type { CollectorState, MemoryCounter, ScraperStatus, WriterStatus } from '../contract/scraperStatus.js';
import { ThrottleWatch } from '../net/cpuQuota.js';
import type { SourceTools } from '../targets/create.js';
import { clocksApart } from './clockWarnings.js';
import type { ReachableCollector } from './polling/allPaths.js';
import { Room } from './polling/answerMemory.js';
import { CLOCKS_AGREE_MS } from './polling/collectorClock.js';
import { isoTime } from './polling/collectorStatus.js';
import { Fleet, type FleetChange } from './polling/fleet.js';
import type { Positions } from './polling/poller.js';
import { Gate } from './polling/requestLimiter.js';
import type { CollectedInterval, Delivery } from './results/types.js';
import type { ScraperService } from './service.js';
import { COMPARE_EVERY_MS, Troubles } from './troubles.js';

/** Where intervals go, and the positions that are remembered. */
export interface Sinks {
  readonly delivery: Delivery;
  readonly positions: Positions;
  status(): readonly WriterStatus[];
  /**
   * When it resolves, each delivered interval is safe or its delivery has rejected. It takes about a second at most.
   */
  close(): Promise<void>;
  /** Puts the positions on the disk. */
  save(): Promise<void>;
}

interface ScraperTools {
  readonly logger: Logger;
  readonly sinks: Sinks;
  /** Runs everything; the system's when not given. */
  readonly clock?: SteadyClock;
  /** Timers and chance; its clock is `clock` when not given. */
  readonly timing?: Timing;
  /** Further warnings; none by default. */
  readonly warnings?: () => readonly string[];
  readonly source?: SourceTools;
  /** Whether a reader wants histograms with the intervals; false by default. */
  readonly histograms?: () => boolean;
  /** Called with the bytes of each answer that is no longer needed. */
  readonly passed?: (bytes: number) => void;
  /** Counters of the data in memory; absent where none are kept. */
  readonly memoryCounters?: (() => Readonly<Record<MemoryCounter, number>>) | undefined;
}

/** Answers on their way, in bytes; with histograms a row takes 1.3 KB, so these are 6,500 rows. */
const ANSWER_BYTES = 8 * 2 ** 20;

type Listener = (interval: CollectedInterval) => void | Promise<void>;

export class Scraper implements ScraperService {
  readonly config: ScraperConfig;
  private readonly logger: Logger;
  private readonly sinks: Sinks;
  private readonly timing: Timing;
  private readonly http: HttpClient;
  private readonly fleet: Fleet;
  private readonly clock: SteadyClock;
  private readonly moreWarnings: () => readonly string[];
  /** By `timing`. */
  private readonly startedMs: number;
  private readonly lasting: string[] = [];
  private readonly throttling = new ThrottleWatch('collectors are read and databases written late');
  private readonly troubles: Troubles;
  private comparing: NodeJS.Timeout | undefined;
  private readonly listeners = new Set<Listener>();
  /** Name of the collector at each URL. */
  private readonly names = new Map<string, string>();
  private ending: Promise<void> | undefined;

  /** Sends no request before `start()`. */
  constructor(config: ScraperConfig, tools: ScraperTools) {
    const { connectTimeoutMs, headerTimeoutMs, timeoutMs, concurrency } = config.scraper;
    this.config = config;
    this.logger = tools.logger;
    this.sinks = tools.sinks;
    const clock = tools.clock ?? new SteadyClock();
    this.clock = clock;
    this.moreWarnings = tools.warnings ?? (() => []);
    this.timing = tools.timing ?? { ...SYSTEM_TIMING, nowMs: () => clock.nowMs() };
    this.startedMs = this.timing.nowMs();
    this.troubles = new Troubles(tools.memoryCounters);
    this.http = new HttpClient({ connectMs: connectTimeoutMs, headerMs: headerTimeoutMs, totalMs: timeoutMs });
    this.fleet = new Fleet({
      source: tools.source ?? {},
      poller: {
        http: this.http,
        gate: new Gate(concurrency, this.timing),
        delivery: tools.sinks.delivery,
        positions: tools.sinks.positions,
        timing: this.timing,
        clockAheadMs: () => clock.aheadMs(),
        logger: tools.logger,
        histograms: tools.histograms ?? (() => false),
        room: new Room(ANSWER_BYTES, this.timing, tools.passed),
        fetched: (interval) => this.fetched(interval),
        named: (url, name) => this.named(url, name),
      },
    });
  }

  /** Adds a warning that stays until the end, such as a feature of the API that this host lacks. */
  warn(text: string): void {
    this.lasting.push(text);
  }

  start(): void {
    this.comparing = setInterval(
      () => this.troubles.compare({ collectors: this.fleet.states(), writers: this.sinks.status() }),
      COMPARE_EVERY_MS,
    );
    this.comparing.unref();
    this.fleet.follow(this.config.collectors);
  }

  /** Polls the collectors of another list from now on. Collectors in both lists continue undisturbed. */
  follow(list: CollectorList): FleetChange {
    const change = this.fleet.follow(list);
    for (const url of change.removed) this.names.delete(url);
    return change;
  }

  onInterval(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  collectors(): ReachableCollector[] {
    return this.fleet.pollers().map((poller) => ({
      url: poller.address.url,
      kind: poller.address.kind,
      name: poller.state().name,
      clockAheadMs: agreed(poller.state().clockAheadMs),
      get: async (path, signal) => {
        const { content } = await poller.get(path, signal);
        return { body: content.toString(), bytes: content.length };
      },
    }));
  }

  status(): ScraperStatus {
    const collectors = this.fleet.states();
    const source = this.fleet.sourceState();
    const nowMs = this.timing.nowMs();
    const writers = this.sinks.status();
    return {
      version: VERSION,
      startedAt: isoTime(this.startedMs + this.clock.aheadMs()),
      uptimeMs: nowMs - this.startedMs,
      state: this.ending === undefined ? 'running' : 'stopping',
      collectors,
      source,
      writers,
      matrix: this.troubles.memory?.() ?? null,
      warnings: [
        ...this.throttling.warnings(),
        ...this.lasting,
        ...this.troubles.warnings({ collectors, writers }),
        ...sharedNames(collectors),
        ...clocksApart(collectors),
        ...this.moreWarnings(),
        ...(source === null || source.error === null ? [] : [`the collectors are not up to date: ${source.error}`]),
        ...(source?.warnings ?? []).map((text) => `the list of collectors: ${text}`),
        ...(this.config.writers.length === 0 ? ['there are no writers: results are kept in memory only'] : []),
      ],
    };
  }

  /**
   * Stops the requests and closes the writers: each delivered interval is then acknowledged or in a spool, and the
   * positions say so.
   */
  close(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private async end(): Promise<void> {
    clearInterval(this.comparing);
    // From here on no interval is delivered, not even from an answer that has arrived already.
    const polled = this.fleet.close();
    await this.sinks.close();
    await polled;
    await this.sinks.save();
    this.http.close();
  }

  /** A listener that throws must not keep the interval from the writers. */
  private async fetched(interval: CollectedInterval): Promise<void> {
    const tell = async (listener: Listener): Promise<void> => {
      try {
        await listener(interval);
      } catch (error) {
        this.logger.error({ err: error, collector: interval.collector }, 'a listener failed');
      }
    };
    await Promise.all([...this.listeners].map(tell));
  }

  private named(url: string, name: string): void {
    this.names.set(url, name);
    const urls = [...this.names].flatMap(([one, other]) => (other === name ? [one] : [])).sort();
    if (urls.length > 1) this.logger.warn({ name, urls }, SHARED);
  }
}

/** A difference within the noise of the measurement counts as 0. */
const agreed = (aheadMs: number | null): number =>
  aheadMs === null || Math.abs(aheadMs) <= CLOCKS_AGREE_MS ? 0 : Math.round(aheadMs);

const SHARED =
  'several collectors have the same name, so their results overwrite each other; give each its own (collector.name), or list one address only';

function sharedNames(collectors: readonly CollectorState[]): string[] {
  const urls = new Map<string, string[]>();
  for (const { name, url } of collectors) if (name !== null) urls.set(name, [...(urls.get(name) ?? []), url]);
  return [...urls]
    .filter(([, list]) => list.length > 1)
    .map(([name, list]) => `${name} (${list.join(', ')}): ${SHARED}`);
}
