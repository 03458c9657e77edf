/**
 * Sends single probes from ports that no path uses, to a target that answers none of its paths: does it answer there?
 * Owns a prober on the main thread, with its own ring and counters, so that these probes are in no row and the prober
 * threads are not involved.
 */

import type { TimeBase } from '../../net/clock.js';
import { closeDescriptor, openWake } from '../../net/poll.js';
import { Prober } from '../../prober/prober.js';
import { ControlBlock, PROBER_COUNTERS } from '../../ring/control.js';
import { createRing, Outcome, RingConsumer } from '../../ring/ring.js';
import type { ToProber } from '../../threads/messages.js';
import { streamTable } from '../plan/plan.js';
import { runMessage } from '../plan/runMessage.js';
import type { StreamInfo } from '../results/results.js';
import type { SourcePorts } from './sourcePorts.js';
import type { SourceSet } from './sourceSet.js';

/** Probes that are under way at a time, at most. */
export const MOST_FRESH = 4;
/** Interval between two iterations of the prober while a probe is outstanding. */
const TURN_MS = 5;
const RING_RECORDS = 256;
const PORTS = 1;

interface Question {
  readonly info: StreamInfo;
  readonly run: number;
  readonly set: SourceSet;
  /** Undefined until the probe is decided. */
  answered: boolean | undefined;
  readonly settle: (answered: boolean) => void;
}

export class FreshProber {
  private readonly sources: SourcePorts;
  private readonly control = new ControlBlock(PROBER_COUNTERS);
  private readonly ring = createRing(RING_RECORDS);
  private readonly consumer = new RingConsumer(this.ring);
  private readonly wakeFd = openWake();
  private readonly messages: ToProber[] = [];
  private readonly prober: Prober;
  private questions: Question[] = [];
  private timer: NodeJS.Timeout | undefined;
  private numbers = 0;
  private closed = false;

  constructor(sources: SourcePorts, timeBase: TimeBase) {
    this.sources = sources;
    const start = {
      thread: 0,
      timeBase,
      stamps: sources.stamps,
      withoutTos: sources.without('tos'),
      sourcePorts: PORTS,
      sourceIndexes: [0],
      sockets: [],
      wakeFd: this.wakeFd,
      control: this.control.memory,
      ring: this.ring,
      window: 0,
    };
    try {
      this.prober = new Prober(start, () => this.messages.shift());
      this.prober.begin();
    } catch (error) {
      closeDescriptor(this.wakeFd);
      throw error;
    }
  }

  /** How many more may be asked now. */
  get free(): number {
    return MOST_FRESH - this.questions.length;
  }

  /**
   * Sends one probe from a fresh port; resolves with whether it was answered within its timeout. Rejects with a
   * LlamaError when no port can be had. The caller heeds `free`.
   */
  async ask(info: StreamInfo): Promise<boolean> {
    if (this.free === 0) throw new Error(`${MOST_FRESH} fresh probes are under way already`);
    const set = this.sources.fresh(info.group, info.target.family);
    const number = ++this.numbers;
    const stream = { ...info, id: this.freeStream() };
    const streams = [stream];
    const change = { added: streamTable(streams), removed: [], count: 1, set: set.options.number, revision: number };
    const run = runMessage({ group: info.group, run: number, streams }, change);
    this.tell({ type: 'sockets', revision: number, sockets: set.sockets });
    this.tell(run);
    return new Promise((settle) => {
      this.questions.push({ info: stream, run: number, set, answered: undefined, settle });
      this.timer ??= setInterval(() => this.turn(), TURN_MS);
      this.timer.unref();
    });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    for (const { set, settle } of this.questions) {
      set.close();
      settle(false);
    }
    this.questions = [];
    closeDescriptor(this.wakeFd);
  }

  private turn(): void {
    this.prober.turn();
    this.read();
    for (const question of this.questions) if (question.answered !== undefined) this.end(question, question.answered);
    if (this.questions.length > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private read(): void {
    const count = this.consumer.begin();
    for (let i = 0; i < count; i++) {
      this.consumer.select(i);
      const { outcome, path } = this.consumer;
      if (outcome === Outcome.watermark) continue;
      const question = this.questions.find(({ info }) => info.id === path);
      // Refused, unreachable, too big or lost: no answer. Outcomes after the first say nothing more.
      if (question !== undefined) question.answered ??= outcome === Outcome.received;
    }
    this.consumer.release(count, 0);
  }

  private end(question: Question, answered: boolean): void {
    const { info, run, set, settle } = question;
    const change = { added: streamTable([]), removed: [info], count: 1, set: set.options.number, revision: run };
    this.tell(runMessage({ group: info.group, run, streams: [] }, change));
    this.tell({ type: 'close', revision: run, fds: set.sockets.map(({ fd }) => fd) });
    this.questions = this.questions.filter((one) => one !== question);
    // The prober releases the sockets in this iteration, before they are closed.
    this.prober.turn();
    set.close();
    settle(answered);
  }

  /** A stream number that no question uses; paths use the same, for there is one port. */
  private freeStream(): number {
    const used = this.questions.map(({ info }) => info.id);
    return Array.from({ length: MOST_FRESH }, (_, id) => id).find((id) => !used.includes(id)) ?? MOST_FRESH;
  }

  private tell(message: ToProber): void {
    this.messages.push(message);
    this.control.ring();
  }
}
