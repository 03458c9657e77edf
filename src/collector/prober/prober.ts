/**
 * One prober thread: a synchronous loop over its sockets. It uses neither Node's event loop nor its sockets, and never allocates, throws
 * or searches per probe. A turn: messages, send what is due, read stamps and replies, give up what timed out. Then it sleeps, at most
 * `LONGEST_TURN_NS`: replies wait in the socket meanwhile, stamped by the kernel.
 */

import { GRACE_NS, LONGEST_TURN_NS, slotsPerPath } from '../../config/limits.js';
import { type Clock, systemClock } from '../../net/clock.js';
import { PollSet } from '../../net/poll.js';
import { receiveQueueDrops } from '../../net/socket.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter, ThreadState } from '../../ring/control.js';
import { Outcome, RingProducer } from '../../ring/ring.js';
import { NS_PER_MS, NS_PER_US } from '../../stats/units.js';
import { STAMP_BYTES } from '../../wire/stamp.js';
import type { ProberStart, RunMessage, StreamsMessage, ToProber } from '../messages.js';
import { Expiry, socketKey } from './expiry.js';
import { Receiver } from './receiver.js';
import { ProbeRun } from './run.js';
import { Sender } from './sender.js';
import { COUNTER, type ProberSocket, ProberState } from './state.js';

/**
 * Further behind than this, probes are skipped and counted: catching up would be a burst. Slow schedules may be a few probes
 * behind instead: these go to different targets.
 */
const SLIP_NS = 5 * NS_PER_MS;
const SLIP_PROBES = 4;
const LONGEST_SLIP_NS = 50 * NS_PER_MS;
/**
 * From the beginning of one turn to that of the next, at least, unless the thread is behind: so long that this many probes are due, within these
 * bounds. They go to different targets and leave in one call. At 160,000 probes/s turns of 250 us take a third less CPU time
 * than turns as short as can be (4,000 instead of 40,000 a second).
 */
const PROBES_A_SLEEP = 8;
const SHORTEST_SLEEP_NS = 250 * NS_PER_US;
const LONGEST_GATHERING_NS = 2 * NS_PER_MS;
/** Shorter than the grace time, so that an ICMP error is read before its probe is given up. */
const ERRORS_EVERY_NS = 5 * NS_PER_MS;
const WATERMARK_EVERY_NS = 10 * NS_PER_MS;
/** Probes of one group sent before replies are read. */
const PROBES_A_TURN = 256;
/** How long a late reply to a removed stream is still known. */
const LATE_NS = 1_000 * NS_PER_MS;

/** The messages that wait for the thread; undefined when none does. */
export type MessageSource = () => ToProber | undefined;

/** What a prober takes from outside, so that tests can pass their own. */
export interface ProberTools {
  readonly clock: Clock;
  /** 0 to 1, without 1. */
  readonly random: () => number;
  /** The drop counter of a socket's receive queue. */
  readonly readDrops: (fd: number) => number;
}

interface Retired {
  streams: readonly number[];
  readonly atNs: number;
}

export class Prober {
  readonly control: ControlBlock<ProberCounter>;
  private readonly ring: RingProducer;
  private readonly clock: Clock;
  private readonly state: ProberState;
  /** The sockets whose family has targets, and the poll set of these. */
  private used: readonly ProberSocket[] = [];
  private poll: PollSet;
  private readonly wakeFd: number;
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly expiry: Expiry;
  private readonly messages: MessageSource;
  private readonly window: number;
  /** Probes that died with earlier lives of this thread: sent, never to be decided. */
  private readonly neverDecided: number;
  private readonly random: () => number;
  private readonly socketOf: (ProberSocket | undefined)[] = [];
  private runs: ProbeRun[] = [];
  private retired: Retired[] = [];
  private doorbell = -1;
  private empty = true;
  private emptyNs = 0;
  /** When the last turn began to send. */
  private sentAtNs = 0;
  private errorsReadNs = 0;
  private watermarkNs = 0;
  private watermarkSentNs = 0;
  private stopAtNs = Number.POSITIVE_INFINITY;

  constructor(start: ProberStart, messages: MessageSource, tools: Partial<ProberTools> = {}) {
    const { clock = systemClock(start.timeBase), random = Math.random, readDrops = receiveQueueDrops } = tools;
    this.control = new ControlBlock(PROBER_COUNTERS, start.control);
    this.ring = new RingProducer(start.ring);
    this.clock = clock;
    this.messages = messages;
    this.window = start.window;
    this.random = random;
    const localIndexes = [...new Set(start.sockets.map((socket) => socket.sourceIndex))];
    const sockets = start.sockets.map(
      (socket): ProberSocket => ({
        fd: socket.fd,
        family: socket.family,
        localIndex: localIndexes.indexOf(socket.sourceIndex),
        sourceIndex: socket.sourceIndex,
        drops: readDrops(socket.fd),
        dropsReadNs: 0,
        lastDropNs: -1,
      }),
    );
    for (const socket of sockets) this.socketOf[socketKey(socket.localIndex, socket.family)] = socket;
    this.state = new ProberState(clock, this.ring, this.control, start.sourcePorts, sockets);
    this.wakeFd = start.wakeFd;
    this.poll = new PollSet(start.wakeFd, []);
    this.sender = new Sender(this.state, STAMP_BYTES);
    this.receiver = new Receiver(this.state, start.timestamps === 'full', STAMP_BYTES);
    this.expiry = new Expiry(this.state, readDrops);
    this.neverDecided = this.undecided();
  }

  /** Works until it is told to stop. */
  run(): void {
    this.begin();
    while (this.turn()) this.rest();
    this.control.state = ThreadState.stopped;
  }

  /** Throws away what answers probes of earlier lives. */
  begin(): void {
    const { counters, sockets } = this.state;
    for (const socket of sockets) counters[COUNTER.invalidStale] += this.receiver.discard(socket);
    this.control.state = ThreadState.running;
  }

  /** One turn of the loop, without the rest after it; false when the thread is done. */
  turn(): boolean {
    const { counters } = this.state;
    this.control.beat();
    counters[COUNTER.turns]++;
    if (this.control.doorbell !== this.doorbell) this.readMessages();
    const stopping = this.stopAtNs !== Number.POSITIVE_INFINITY;
    if (!stopping) {
      this.sentAtNs = this.clock.nowNs();
      this.sendDue(this.sentAtNs);
    }
    const lookNs = this.clock.nowNs();
    let empty = true;
    if (this.poll.wait(0) > 0) {
      // Send stamps are wanted when a reply is there; alone, they and ICMP errors may wait a little.
      const readErrors = lookNs - this.errorsReadNs > ERRORS_EVERY_NS;
      if (readErrors) this.errorsReadNs = lookNs;
      for (let i = 0; i < this.used.length; i++) {
        if (this.poll.readable(i)) empty = this.receiver.replies(this.used[i]) && empty;
        if (readErrors && this.poll.hasErrors(i)) this.receiver.errorQueue(this.used[i]);
      }
    }
    if (empty) this.emptyNs = lookNs;
    this.empty = empty;
    const nowNs = this.clock.nowNs();
    const waiting = this.expireAll(nowNs);
    if (this.retired.length > 0) this.forgetRetired(nowNs);
    if (stopping && (!waiting || nowNs >= this.stopAtNs)) {
      this.publishWatermark(nowNs);
      return false;
    }
    if (nowNs - this.watermarkSentNs >= WATERMARK_EVERY_NS) this.publishWatermark(nowNs);
    else this.ring.publish();
    return true;
  }

  /** Sleeps until there is something to send, or to read where that is waited for. */
  private rest(): void {
    // More waits than one turn reads.
    if (!this.empty) return;
    const nowNs = this.clock.nowNs();
    const stopping = this.stopAtNs !== Number.POSITIVE_INFINITY;
    if (this.windowClosed()) {
      this.poll.wait(NS_PER_MS);
      return;
    }
    let dueNs = nowNs + (stopping ? NS_PER_MS : LONGEST_TURN_NS);
    let gatheringNs = LONGEST_GATHERING_NS;
    for (const run of this.runs) {
      dueNs = Math.min(dueNs, run.dueNs);
      gatheringNs = Math.min(gatheringNs, PROBES_A_SLEEP * run.spacingNs);
    }
    gatheringNs = Math.max(gatheringNs, SHORTEST_SLEEP_NS);
    // Behind by more than is gathered at a time: no rest.
    if (nowNs - dueNs > gatheringNs) return;
    const sleepNs = Math.max(dueNs, this.sentAtNs + gatheringNs) - nowNs;
    if (sleepNs > 0) this.poll.sleep(sleepNs);
  }

  private windowClosed(): boolean {
    return this.window !== 0 && this.undecided() - this.neverDecided >= this.window;
  }

  private undecided(): number {
    const { counters } = this.state;
    const decided =
      counters[COUNTER.received] +
      counters[COUNTER.lost] +
      counters[COUNTER.unreachable] +
      counters[COUNTER.localDrops] +
      counters[COUNTER.tooBig];
    return counters[COUNTER.sent] - decided;
  }

  /** Hot: sends what is due of each group. */
  private sendDue(nowNs: number): void {
    const { counters } = this.state;
    for (const run of this.runs) {
      const lateNs = nowNs - run.dueNs;
      if (lateNs < 0) continue;
      if (lateNs > SLIP_NS && lateNs > Math.min(SLIP_PROBES * run.spacingNs, LONGEST_SLIP_NS)) {
        if (run.counted) {
          run.postpone(lateNs);
        } else {
          const skipped = Math.floor(lateNs / run.spacingNs);
          counters[COUNTER.scheduleSlips] += skipped;
          run.advance(skipped);
        }
      }
      const streams = run.order.length;
      for (let sent = 0; sent < PROBES_A_TURN && run.dueNs <= nowNs; sent++) {
        if (this.windowClosed()) break;
        const port = Math.floor(run.place / streams);
        const stream = run.order[run.place - port * streams];
        const socket = this.socketOf[socketKey(port, this.state.streams.family[stream])];
        if (socket === undefined || !this.sender.add(run, socket, stream)) counters[COUNTER.scheduleSlips]++;
        const probeLateNs = nowNs - run.dueNs;
        counters[COUNTER.latenessNsSum] += probeLateNs;
        if (probeLateNs > counters[COUNTER.latenessNsMax]) counters[COUNTER.latenessNsMax] = probeLateNs;
        run.advance(1);
      }
      this.sender.flush();
    }
  }

  /** Gives up what timed out, moves the watermark; whether any probe still waits. */
  private expireAll(nowNs: number): boolean {
    let decidedNs = nowNs;
    let waiting = false;
    this.expiry.watchDrops(nowNs);
    for (const run of this.runs) {
      decidedNs = Math.min(decidedNs, this.expiry.expire(run, this.emptyNs, nowNs));
      waiting ||= run.waiting > 0;
    }
    this.watermarkNs = decidedNs;
    return waiting;
  }

  private publishWatermark(nowNs: number): void {
    this.watermarkSentNs = nowNs;
    // A full ring drops it: the next one comes.
    this.ring.push(0, Outcome.watermark, 0, 0, 0, this.watermarkNs, 0, 0, 0);
    this.ring.publish();
  }

  private readMessages(): void {
    this.doorbell = this.control.doorbell;
    let { applied } = this.control;
    for (let message = this.messages(); message !== undefined; message = this.messages()) {
      switch (message.type) {
        case 'run':
          this.takeRun(message);
          break;
        case 'streams':
          this.takeStreams(message);
          break;
        case 'stop':
          this.stopAtNs = this.clock.nowNs() + message.graceNs;
          this.control.state = ThreadState.draining;
          break;
        default:
          message satisfies never;
      }
      applied = message.revision;
    }
    // Only now: the messages that a life begins with all have the same revision.
    this.control.applied = applied;
  }

  /** Takes in streams that a `run` message will put in order. */
  private takeStreams({ added, coming, payloadBytes, timeoutNs, ...message }: StreamsMessage): void {
    const slots = slotsPerPath({ timeoutNs, periodNs: message.periodNs });
    const highest = added.ids.reduce((most, id) => Math.max(most, id), 0);
    this.state.streams.reserve(coming, highest + 1 + coming - added.ids.length, slots);
    for (const stream of added.ids) if (this.state.streams.has(stream)) this.forgetNow(stream);
    this.state.streams.add(added, slots, payloadBytes, timeoutNs);
    this.useFamilies(added.families);
  }

  /** Starts, changes or ends a group. */
  private takeRun(message: RunMessage): void {
    const nowNs = this.clock.nowNs();
    let run = this.runs.find((known) => known.id === message.run);
    if (run === undefined) {
      // Ended before this life of the thread began.
      if (message.order.length === 0) return;
      run = new ProbeRun(message.run, message.periodNs, message.timeoutNs, message.payloadBytes, message.count);
      this.runs.push(run);
    }
    this.sender.reserve(run.payloadBytes);
    for (const stream of message.added.ids) if (this.state.streams.has(stream)) this.forgetNow(stream);
    this.state.streams.add(message.added, run.slotsPerPath, run.payloadBytes, run.timeoutNs);
    const kept = new Set(message.order);
    const gone = Array.from(run.order).filter((stream) => !kept.has(stream));
    if (gone.length > 0) this.retired.push({ streams: gone, atNs: nowNs + run.timeoutNs + GRACE_NS + LATE_NS });
    this.useFamilies(message.added.families);
    this.receiver.usePayloadSizes([...new Set(this.runs.map((known) => known.payloadBytes))]);
    // Read anew: the first change that a thread carries out takes milliseconds, which must not count as being behind.
    run.reorder(message.order, this.state.streams.ports, this.clock.nowNs(), this.random);
  }

  /** Polls the sockets of these address families from now on, beside those that are polled already: each costs about 60 ns a turn. */
  private useFamilies(families: Uint8Array): void {
    const used = this.state.sockets.filter((socket) => this.used.includes(socket) || families.includes(socket.family));
    if (used.length === this.used.length) return;
    this.used = used;
    this.poll = new PollSet(
      this.wakeFd,
      used.map((socket) => socket.fd),
    );
  }

  /** Frees streams that were taken out of the plan, when their last probe is decided and late replies to it have had their time. */
  private forgetRetired(nowNs: number): void {
    const over = this.retired.filter((set) => nowNs >= set.atNs && this.watermarkNs >= set.atNs - LATE_NS);
    if (over.length === 0) return;
    this.retired = this.retired.filter((set) => !over.includes(set));
    for (const set of over) for (const stream of set.streams) this.state.streams.remove(stream);
    this.runs = this.runs.filter((run) => run.places > 0 || run.waiting > 0);
  }

  /**
   * The number of a retired stream is given out again before its time here is over: this thread was held up so long that it hears of
   * both at once. What still waits was this host's fault.
   */
  private forgetNow(stream: number): void {
    this.expiry.abandon(stream);
    this.state.streams.remove(stream);
    for (const set of this.retired) set.streams = set.streams.filter((retired) => retired !== stream);
  }
}
