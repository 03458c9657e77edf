/**
 * The prober threads, as the main thread sees them: their memory and messages. A thread's next incarnation gets the
 * whole plan.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { msToNs } from '../../base/units.js';
import { yieldNow } from '../../base/yielding.js';
import { sourcePortsOf } from '../../config/group/limits.js';
import { MAX_SOURCE_PORTS } from '../../config/options/schema.js';
import type { ProberStatus } from '../../contract/collectorStatus.js';
import type { TimeBase } from '../../net/clock.js';
import { closeDescriptor, openWake, wake } from '../../net/poll.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../../ring/control.js';
import { type Example, newest } from '../../ring/examples.js';
import { createRing, RingProducer } from '../../ring/ring.js';
import type {
  CloseMessage,
  LocalsMessage,
  ProberTask,
  RunMessage,
  SourceSocket,
  ToProber,
} from '../../threads/messages.js';
import { SupervisedThreads, type ThreadTask } from '../../threads/supervised.js';
import type { LocalChange } from '../plan/localAddresses.js';
import { type GroupPlan, streamTable, streamTableInTurns } from '../plan/plan.js';
import { runMessage } from '../plan/runMessage.js';
import type { StreamInfo } from '../results/results.js';
import type { SourcePorts } from '../sourcePorts/sourcePorts.js';

const WORKER_FILE = fileURLToPath(new URL('../../../workers/prober.js', import.meta.url));
/** Capacity for half a second at 500,000 records a second, more than one thread can produce; 8 MiB. */
const RING_RECORDS = 2 ** 18;
const APPLY_POLL_MS = 1;
/**
 * The main thread stops waiting for a change after this time, ms: the thread is alive and late, or its next incarnation
 * will get the whole plan.
 */
const APPLY_TIMEOUT_MS = 2_000;

interface ProberThreadsOptions {
  readonly sources: SourcePorts;
  readonly threads: number;
  readonly timeBase: TimeBase;
  readonly window: number;
  readonly count: number;
  readonly logger: Logger;
  readonly died: (thread: number, life: number) => Promise<void>;
}

interface Thread {
  readonly control: ControlBlock<ProberCounter>;
  readonly ring: SharedArrayBuffer;
  readonly ringView: RingProducer;
  readonly wakeFd: number;
  port: MessagePort | undefined;
  /** Sockets that this incarnation of the thread knows. */
  told: ReadonlySet<SourceSocket>;
}

export class ProberThreads {
  private readonly options: ProberThreadsOptions;
  private readonly threads: readonly Thread[];
  private readonly supervised: SupervisedThreads<ProberTask>;
  private readonly plans = new Map<number, GroupPlan>();
  private revision = 0;

  constructor(options: ProberThreadsOptions) {
    this.options = options;
    this.threads = createThreads(options.threads);
    this.supervised = new SupervisedThreads<ProberTask>({
      name: 'prober',
      file: WORKER_FILE,
      controls: this.threads.map((thread) => thread.control),
      logger: options.logger,
      begin: (thread) => this.begin(thread),
      died: options.died,
    });
  }

  get count(): number {
    return this.threads.length;
  }

  started(): Promise<void> {
    return this.supervised.started();
  }

  /** The memories that the aggregator reads. */
  memories(): { ring: SharedArrayBuffer; control: SharedArrayBuffer }[] {
    return this.threads.map(({ ring, control }) => ({ ring, control: control.memory }));
  }

  /** Starts or changes a run by adding and removing these streams; resolves when every thread has the change. */
  async setRun(plan: GroupPlan, added: readonly StreamInfo[], removed: readonly StreamInfo[] = []): Promise<void> {
    const table = await streamTableInTurns(added, yieldNow);
    // No yield from here to the messages: an incarnation that starts earlier gets the messages, one that starts later
    // gets the whole plan.
    this.plans.set(plan.run, plan);
    const set = this.options.sources.setOf(plan.group);
    this.announceSockets();
    await this.tellAll(
      runMessage(plan, { added: table, removed, count: this.options.count, set, revision: ++this.revision }),
    );
  }

  /** Ends a run; its probes under way are still decided. */
  async endRun(plan: GroupPlan): Promise<void> {
    this.plans.delete(plan.run);
    const [added, removed] = [streamTable([]), plan.streams];
    const set = this.options.sources.setOf(plan.group);
    const message = { added, removed, count: 0, set, revision: ++this.revision };
    await this.tellAll(runMessage({ ...plan, streams: [] }, message));
  }

  /** Stops sending and waits until outstanding probes are decided, at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const thread of this.threads)
      this.tell(thread, { type: 'stop', revision: ++this.revision, graceNs: msToNs(graceMs) });
    await this.supervised.stop(graceMs + 100);
  }

  /** Counts the probes that a stop left undecided on a thread that has ended. */
  leave(thread: number, undecided: number): void {
    const { control } = this.threads[thread];
    control.counters[control.index('undecided')] += undecided;
  }

  async close(graceMs: number): Promise<void> {
    await this.stop(graceMs);
    for (const thread of this.threads) {
      thread.port?.close();
      closeDescriptor(thread.wakeFd);
    }
  }

  kill(thread: number): Promise<void> {
    return this.supervised.kill(thread);
  }

  status(lossesOf: (thread: number) => number): ProberStatus[] {
    return this.threads.map((thread, i) => {
      const { sources } = this.options;
      const indexes = sources.indexesOf(i);
      const [ports, ports6] = [sources.ports(4), sources.ports(6)];
      return {
        ...this.supervised.status(i),
        sourcePorts: indexes.flatMap((index) => ports[index] ?? ports6[index] ?? []),
        paths: this.pathsOn(indexes),
        ringFill: thread.ringView.size / thread.ringView.capacity,
        totals: { ...thread.control.snapshot(), threadLosses: lossesOf(i) },
      };
    });
  }

  /** The last occurrence of a counter's event, on any thread. */
  example(name: ProberCounter): Example | undefined {
    return newest(this.threads.map(({ control }) => control.examples.read(control.index(name))));
  }

  private pathsOn(indexes: readonly number[]): number {
    let paths = 0;
    for (const { group, streams } of this.plans.values()) {
      const used = sourcePortsOf(group, MAX_SOURCE_PORTS);
      paths += streams.length * indexes.filter((index) => index < used).length;
    }
    return paths;
  }

  /** An incarnation of a thread starts with all that is in force. */
  private begin(index: number): ThreadTask<ProberTask> {
    const thread = this.threads[index];
    const { sources, timeBase, window, count } = this.options;
    const { port1, port2 } = new MessageChannel();
    thread.port?.close();
    thread.port = port1;
    port1.unref();
    // Without a plan there is no change to carry out, so no thread would acknowledge it.
    if (this.plans.size === 0) thread.control.applied = this.revision;
    for (const plan of this.plans.values()) {
      const added = streamTable(plan.streams);
      const set = sources.setOf(plan.group);
      port1.postMessage(runMessage(plan, { added, removed: [], count, set, revision: this.revision }));
    }
    const sockets = sources.ofThread(index);
    thread.told = new Set(sockets);
    const start = {
      thread: index,
      timeBase,
      stamps: sources.stamps,
      withoutTos: sources.without('tos'),
      sourcePorts: sources.count,
      sourceIndexes: sources.indexesOf(index),
      sockets,
      wakeFd: thread.wakeFd,
      control: thread.control.memory,
      ring: thread.ring,
      window,
    };
    return { task: { start, port: port2 }, transfer: [port2] };
  }

  private tell(thread: Thread, message: ToProber): void {
    thread.port?.postMessage(message);
    thread.control.ring();
    wake(thread.wakeFd);
  }

  /** Announces opened sockets to the threads; resolves when they have them. */
  async tellSockets(): Promise<void> {
    this.announceSockets();
    await this.applied(this.revision);
  }

  /** Before the first run that needs them. */
  private announceSockets(): void {
    for (const [i, thread] of this.threads.entries()) {
      const open = this.options.sources.ofThread(i);
      const sockets = open.filter((socket) => !thread.told.has(socket));
      thread.told = new Set(open);
      if (sockets.length === 0) continue;
      this.tell(thread, { type: 'sockets', revision: ++this.revision, sockets });
    }
  }

  /** Streams of a plan whose local address or interface changed, where the probers know it. */
  async tellLocals({ plan, moved, locals }: LocalChange): Promise<void> {
    this.plans.set(plan.run, plan);
    const message: LocalsMessage = {
      type: 'locals',
      revision: ++this.revision,
      ids: Uint32Array.from(moved, ({ id }) => id),
      locals: Uint32Array.from(locals),
    };
    await this.tellAll(message);
  }

  /**
   * The threads are to read these sockets no more; resolves with whether all of them have said so, and they can be
   * closed.
   */
  closing(sockets: readonly SourceSocket[]): Promise<boolean> {
    const fds = [...new Set(sockets.map(({ fd }) => fd))];
    return this.tellAll({ type: 'close', revision: ++this.revision, fds });
  }

  private tellAll(message: RunMessage | LocalsMessage | CloseMessage): Promise<boolean> {
    for (const thread of this.threads) this.tell(thread, message);
    return this.applied(message.revision);
  }

  /** Resolves with true when every thread has carried the change out, or with false after a while without. */
  private async applied(revision: number): Promise<boolean> {
    const deadline = performance.now() + APPLY_TIMEOUT_MS;
    while (this.threads.some((thread) => thread.control.applied < revision)) {
      if (performance.now() > deadline) {
        this.options.logger.warn({ revision }, 'a prober thread has not yet carried out a change of the plan');
        return false;
      }
      await delay(APPLY_POLL_MS);
    }
    return true;
  }
}

/** Throws `LLAMA_NO_FILES`; no file stays open then. */
function createThreads(count: number): Thread[] {
  const threads: Thread[] = [];
  try {
    while (threads.length < count) {
      const ring = createRing(RING_RECORDS);
      const control = new ControlBlock(PROBER_COUNTERS);
      threads.push({
        control,
        ring,
        ringView: new RingProducer(ring),
        wakeFd: openWake(),
        port: undefined,
        told: new Set(),
      });
    }
    return threads;
  } catch (error) {
    for (const { wakeFd } of threads) closeDescriptor(wakeFd);
    throw error;
  }
}
