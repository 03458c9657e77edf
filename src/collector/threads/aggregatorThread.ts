/** The aggregator thread, as the main thread sees it: its messages, its restarts, and the data lost with it. */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { atMost } from '../../base/atMost.js';
import type { AggregatorStatus } from '../../contract/collectorStatus.js';
import type { TimeBase } from '../../net/clock.js';
import { ControlBlock } from '../../ring/control.js';
import { RingConsumer } from '../../ring/ring.js';
import {
  AGGREGATOR_COUNTERS,
  type AggregatorCounter,
  type AggregatorStart,
  type AggregatorTask,
  type FromAggregator,
  type IntervalReport,
  type StreamRow,
  type ToAggregator,
} from '../../threads/messages.js';
import { SupervisedThreads, type ThreadTask } from '../../threads/supervised.js';

/** Replaces the number of an incarnation that died. */
const STOPPED = -1;
const WORKER_FILE = fileURLToPath(new URL('../../../workers/aggregator.js', import.meta.url));
/** Time for the last messages of a dead thread to arrive; they come at once, unless this thread is delayed. */
const LAST_MESSAGES_TIMEOUT_MS = 5_000;

export interface AggregatorThreadOptions
  extends Pick<AggregatorStart, 'timeBase' | 'intervalMs' | 'sourcePorts' | 'probers'> {
  readonly timeBase: TimeBase;
  readonly logger: Logger;
  /** All rows in force, for a new incarnation of the thread. */
  readonly rows: () => readonly StreamRow[];
  readonly report: (report: IntervalReport) => void;
}

export class AggregatorThread {
  private readonly options: AggregatorThreadOptions;
  private readonly control = new ControlBlock<AggregatorCounter>(AGGREGATOR_COUNTERS);
  private readonly supervised: SupervisedThreads<AggregatorTask>;
  private port: MessagePort | undefined;
  /**
   * Resolves when the port of the current incarnation is closed: its last message has then arrived. The port may close
   * before the death of the thread is seen.
   */
  private portClosed: Promise<unknown> = Promise.resolve();
  private lastEndMs = 0;
  /**
   * Final records in the received intervals, and final records lost with an incarnation of the thread (without
   * `orphans`, which the thread counts).
   */
  private reported = 0;
  private lost = 0;
  private readonly losses: number[];
  /** Only to read how many records of each ring were released. */
  private readonly rings: readonly RingConsumer[];
  /** Deaths of probers that are not settled: announced again to a new incarnation. */
  private readonly unsettled = new Map<string, { thread: number; life: number; settle: (probes: number) => void }>();
  private flushed: (() => void) | undefined;

  constructor(options: AggregatorThreadOptions) {
    this.options = options;
    this.losses = options.probers.map(() => 0);
    this.rings = options.probers.map(({ ring }) => new RingConsumer(ring));
    this.supervised = new SupervisedThreads<AggregatorTask>({
      name: 'aggregator',
      file: WORKER_FILE,
      controls: [this.control],
      logger: options.logger,
      begin: () => this.begin(),
      died: () => this.settleDeath(),
    });
  }

  started(): Promise<void> {
    return this.supervised.started();
  }

  addRows(rows: readonly StreamRow[]): void {
    if (rows.length > 0) this.tell({ type: 'streams', rows });
  }

  forget(ids: Uint32Array): void {
    this.tell({ type: 'forget', ids });
  }

  /**
   * Resolves when the aggregator has read all that the dead thread left and reported the missing probes. When the
   * aggregator is dead too, its next incarnation does that. Until then the prober must not continue, for its new probes
   * would count as lost with the old ones.
   */
  async proberDied(thread: number, life: number): Promise<void> {
    await this.bury(thread, life);
  }

  private bury(thread: number, life: number): Promise<number> {
    const settled = new Promise<number>((settle) => {
      this.unsettled.set(`${thread} ${life}`, { thread, life, settle });
    });
    this.tell({ type: 'proberDied', thread, life });
    return settled;
  }

  /**
   * At a clean end: reads all that the thread left, within `ms`. Resolves with the number of its probes that have no
   * outcome.
   */
  async proberStopped(thread: number, ms: number): Promise<number> {
    return (await atMost(this.bury(thread, STOPPED), ms)) ?? 0;
  }

  /** Probes that died with lives of a prober thread. */
  lossesOf(thread: number): number {
    return this.losses[thread];
  }

  /** Closes the open intervals early; resolves when their reports are here, or after `ms`. */
  async flush(ms: number): Promise<void> {
    this.supervised.ending();
    const done = new Promise<void>((resolve) => {
      this.flushed = resolve;
    });
    this.tell({ type: 'flush' });
    await atMost(done, ms);
    this.countLost();
  }

  kill(): Promise<void> {
    return this.supervised.kill(0);
  }

  async close(): Promise<void> {
    await this.supervised.stop(0);
    this.port?.close();
  }

  status(): AggregatorStatus {
    return {
      ...this.supervised.status(0),
      consumed: this.control.read('consumed'),
      reported: this.reported,
      orphans: this.control.read('orphans'),
      threadLosses: this.lost + this.control.read('orphans'),
    };
  }

  private tell(message: ToAggregator): void {
    this.port?.postMessage(message);
    this.control.ring();
  }

  private begin(): ThreadTask<AggregatorTask> {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.portClosed = once(port1, 'close');
    port1.on('message', (message: FromAggregator) => this.take(message));
    port1.unref();
    const rows = this.options.rows();
    if (rows.length > 0) this.tell({ type: 'streams', rows });
    for (const { thread, life } of this.unsettled.values()) this.tell({ type: 'proberDied', thread, life });
    const { timeBase, intervalMs, sourcePorts, probers } = this.options;
    const start: AggregatorStart = {
      timeBase,
      intervalMs,
      sourcePorts,
      probers,
      control: this.control.memory,
      resumeAfterMs: this.lastEndMs,
    };
    return { task: { start, port: port2 }, transfer: [port2] };
  }

  private take(message: FromAggregator): void {
    switch (message.type) {
      case 'interval':
        this.lastEndMs = message.report.endMs;
        this.reported += message.report.sent;
        this.options.report(message.report);
        break;
      case 'threadLosses': {
        const died = message.life !== STOPPED;
        if (died) this.losses[message.thread] += message.probes;
        if (died && message.probes > 0)
          this.options.logger.warn(
            { thread: message.thread, probes: message.probes },
            'probes were lost with a prober thread',
          );
        const key = `${message.thread} ${message.life}`;
        this.unsettled.get(key)?.settle(message.probes);
        this.unsettled.delete(key);
        break;
      }
      case 'flushed':
        this.flushed?.();
        break;
      default:
        message satisfies never;
    }
  }

  /** Records that the dead thread had read and not reported are gone: counts them when its last messages are in. */
  private async settleDeath(): Promise<void> {
    await atMost(this.portClosed, LAST_MESSAGES_TIMEOUT_MS);
    this.countLost();
  }

  /**
   * Call it only while the thread is stopped. Uses the rings: the thread's own count may be ahead of them by a batch
   * that its next incarnation reads again.
   */
  private countLost(): void {
    const released = this.rings.reduce((sum, ring) => sum + ring.finalsReleased, 0);
    this.lost = released - this.reported - this.control.read('orphans');
  }
}
