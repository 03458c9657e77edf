/** The prober threads, as the main thread sees them: their memory, their messages, and that a thread's next life gets the whole plan. */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { ProberTask } from '../../workers/prober.js';
import type { TimestampMode } from '../config/types.js';
import type { TimeBase } from '../net/clock.js';
import { closeDescriptor, openWake, wake } from '../net/poll.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../ring/control.js';
import { createRing, RingProducer } from '../ring/ring.js';
import { msToNs } from '../stats/units.js';
import { SupervisedThreads, type ThreadTask } from '../threads/supervised.js';
import { type RunMessage, SLOT_COLUMNS, type StreamsMessage, type ToProber } from './messages.js';
import { type GroupPlan, streamTable } from './plan.js';
import type { StreamInfo } from './results.js';
import type { ProberStatus } from './service.js';
import type { SourcePorts } from './sources.js';

const WORKER_FILE = fileURLToPath(new URL('../../workers/prober.js', import.meta.url));
/** Holds half a second at 500,000 records a second, more than one thread can make; 8 MiB. */
const RING_RECORDS = 2 ** 18;
const APPLY_POLL_MS = 1;
/** A change that a thread has not carried out by then is left to it: it is alive and late, or its next life will get the whole plan. */
const APPLY_TIMEOUT_MS = 2_000;

export interface ProberThreadsOptions {
  readonly sources: SourcePorts;
  readonly threads: number;
  readonly timeBase: TimeBase;
  readonly timestamps: TimestampMode;
  readonly window: number;
  readonly count: number;
  readonly logger: Logger;
  readonly died: (thread: number, life: number) => Promise<void>;
}

/** New streams that a thread takes in at a time: some 200 us of its time. */
const STREAMS_A_TURN = 250;

interface Thread {
  readonly control: ControlBlock<ProberCounter>;
  readonly ring: SharedArrayBuffer;
  readonly ringView: RingProducer;
  readonly wakeFd: number;
  port: MessagePort | undefined;
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

  /** What the aggregator reads from. */
  memories(): { ring: SharedArrayBuffer; control: SharedArrayBuffer }[] {
    return this.threads.map(({ ring, control }) => ({ ring, control: control.memory }));
  }

  /** Starts or changes a run; resolves when every thread works by it. */
  async setRun(plan: GroupPlan, added: readonly StreamInfo[]): Promise<void> {
    // From here on a new life of a thread gets all of the plan when it begins, and so nothing of what is dealt out here.
    this.plans.set(plan.run, plan);
    const lives = this.threads.map(({ port }) => port);
    const same = (thread: Thread, i: number): boolean => thread.port === lives[i];
    const deal = async (from: number, to: number): Promise<void> => {
      const message = this.streamsMessage(plan, added, from, to);
      for (const [i, thread] of this.threads.entries()) if (same(thread, i)) this.tell(thread, message);
      await this.applied(message.revision, same);
    };
    if (added.length > STREAMS_A_TURN) for (let column = 0; column < SLOT_COLUMNS; column++) await deal(0, 0);
    let dealt = 0;
    for (; added.length - dealt > STREAMS_A_TURN; dealt += STREAMS_A_TURN) await deal(dealt, dealt + STREAMS_A_TURN);
    const message = runMessage(plan, added.slice(dealt), this.options.count, ++this.revision);
    const again = { ...message, added: streamTable([]) };
    for (const [i, thread] of this.threads.entries()) this.tell(thread, same(thread, i) ? message : again);
    await this.applied(message.revision);
  }

  private streamsMessage(plan: GroupPlan, added: readonly StreamInfo[], from: number, to: number): StreamsMessage {
    const { periodNs, timeoutNs, payloadBytes } = plan.group;
    return {
      type: 'streams',
      revision: ++this.revision,
      periodNs,
      timeoutNs,
      payloadBytes,
      added: streamTable(added.slice(from, to)),
      coming: added.length - from,
    };
  }

  /** Ends a run; its probes under way are still decided. */
  endRun(plan: GroupPlan): Promise<void> {
    this.plans.delete(plan.run);
    return this.tellAll(runMessage({ ...plan, streams: [] }, [], 0, ++this.revision));
  }

  /** Stops sending and waits until what is under way is decided, at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const thread of this.threads)
      this.tell(thread, { type: 'stop', revision: ++this.revision, graceNs: msToNs(graceMs) });
    await this.supervised.stop(graceMs + 100);
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

  status(streams: number, lossesOf: (thread: number) => number): ProberStatus[] {
    return this.threads.map((thread, i) => {
      const sockets = this.options.sources.ofThread(i, this.count).filter((socket) => socket.family === 4);
      return {
        ...this.supervised.status(i),
        sourcePorts: sockets.map((socket) => socket.port),
        paths: streams * sockets.length,
        ringFill: thread.ringView.size / thread.ringView.capacity,
        totals: { ...thread.control.snapshot(), threadLosses: lossesOf(i) },
      };
    });
  }

  /** A life of a thread begins with all that is in force. */
  private begin(index: number): ThreadTask<ProberTask> {
    const thread = this.threads[index];
    const { sources, timeBase, timestamps, window, count } = this.options;
    const { port1, port2 } = new MessageChannel();
    thread.port?.close();
    thread.port = port1;
    port1.unref();
    // Nothing to carry out, and so nobody who would say that it is.
    if (this.plans.size === 0) thread.control.applied = this.revision;
    for (const plan of this.plans.values()) port1.postMessage(runMessage(plan, plan.streams, count, this.revision));
    const start = {
      thread: index,
      timeBase,
      timestamps,
      sourcePorts: sources.ports(4).length,
      sockets: sources.ofThread(index, this.count),
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

  private async tellAll(message: RunMessage): Promise<void> {
    for (const thread of this.threads) this.tell(thread, message);
    await this.applied(message.revision);
  }

  /** Resolves when every thread (of those that `counts`) has carried the change out, or after a while without. */
  private async applied(revision: number, counts: (thread: Thread, i: number) => boolean = () => true): Promise<void> {
    const deadline = Date.now() + APPLY_TIMEOUT_MS;
    while (this.threads.some((thread, i) => counts(thread, i) && thread.control.applied < revision)) {
      if (Date.now() > deadline) {
        this.options.logger.warn({ revision }, 'a prober thread has not yet carried out a change of the plan');
        return;
      }
      await delay(APPLY_POLL_MS);
    }
  }
}

/** Throws `LLAMA_NO_FILES`; nothing stays open then. */
function createThreads(count: number): Thread[] {
  const threads: Thread[] = [];
  try {
    while (threads.length < count) {
      const ring = createRing(RING_RECORDS);
      const control = new ControlBlock(PROBER_COUNTERS);
      threads.push({ control, ring, ringView: new RingProducer(ring), wakeFd: openWake(), port: undefined });
    }
    return threads;
  } catch (error) {
    for (const { wakeFd } of threads) closeDescriptor(wakeFd);
    throw error;
  }
}

function runMessage(plan: GroupPlan, added: readonly StreamInfo[], count: number, revision: number): RunMessage {
  const { group, run, streams } = plan;
  return {
    type: 'run',
    revision,
    run,
    periodNs: group.periodNs,
    timeoutNs: group.timeoutNs,
    payloadBytes: group.payloadBytes,
    order: Uint32Array.from(streams, (info) => info.id),
    added: streamTable(added),
    count,
  };
}
