/**
 * One prober thread: a synchronous loop over its sockets, without Node's event loop and Node's sockets. It never
 * allocates, throws or searches per probe. One iteration reads messages, sends due probes, reads stamps and replies,
 * and expires probes. Then it sleeps, at most `LONGEST_TURN_NS`; replies wait in the socket, stamped by the kernel.
 */

import { NS_PER_MS, NS_PER_US } from '../base/units.js';
import { GRACE_NS, LONGEST_TURN_NS } from '../config/group/limits.js';
import { type Clock, systemClock } from '../net/clock.js';
import { ClockSync } from '../net/clockSync.js';
import { PollSet } from '../net/poll.js';
import { receiveQueueDrops } from '../net/socket.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter, ThreadState } from '../ring/control.js';
import { Outcome, RingProducer } from '../ring/ring.js';
import type { ProberStart, RunMessage, SourceSocket, ToProber } from '../threads/messages.js';
import { Expiry } from './expiry.js';
import { Changes, type RetirementTimes } from './planChanges.js';
import { Receiver } from './receiver.js';
import { ProbeRun } from './run.js';
import { Sender } from './sender.js';
import { COUNTER, ProberState } from './state.js';
import { type ProberSocket, ProberSources, placeOf } from './tables/sources.js';

/**
 * Beyond this delay probes are skipped and counted, because catching up would send a burst. A slow schedule may be a
 * few probes behind instead: these go to different targets.
 */
const SLIP_NS = 5 * NS_PER_MS;
const SLIP_PROBES = 4;
const LONGEST_SLIP_NS = 50 * NS_PER_MS;
/**
 * Minimum from the start of one iteration to the start of the next, unless the thread is behind: the time in which this
 * many probes become due, within these bounds. They go to different targets and leave in one system call. At 160,000
 * probes/s, iterations of 250 us take a third less CPU time than the shortest possible ones (4,000 instead of 40,000 a
 * second).
 */
const PROBES_A_SLEEP = 8;
const SHORTEST_SLEEP_NS = 250 * NS_PER_US;
const LONGEST_GATHERING_NS = 2 * NS_PER_MS;
/** Shorter than the grace time, so that an ICMP error is read before its probe expires. */
const ERRORS_EVERY_NS = 5 * NS_PER_MS;
const WATERMARK_EVERY_NS = 10 * NS_PER_MS;
/** How often the thread asks the kernel whether the host's clock is synchronised. */
const ASK_CLOCK_EVERY_NS = 1_000 * NS_PER_MS;
/** Limit of probes of one group sent before replies are read. */
const PROBES_A_TURN = 256;
/** Limit of due probes whose slots are prefetched together. */
const FETCH_AHEAD = 32;
/** How long a late reply to a removed stream is still recognised. */
const LATE_NS = 1_000 * NS_PER_MS;

const NO_RUNS: readonly ProbeRun[] = [];

/** Next waiting message for the thread; undefined without one. */
type MessageSource = () => ToProber | undefined;

/** Dependencies of a prober, replaceable in tests. */
export interface ProberTools {
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Whether a time service keeps this host's clock synchronised. */
  readonly clockKept: () => boolean;
  /** The drop counter of a socket's receive queue. */
  readonly readDrops: (fd: number) => number;
  /** Called with the time of each iteration of `run`. */
  readonly watch: (nowNs: number) => void;
}

export class Prober {
  readonly control: ControlBlock<ProberCounter>;
  private readonly ring: RingProducer;
  private readonly clock: Clock;
  private readonly state: ProberState;
  /** Sockets whose set and family have or had targets, and their poll set. */
  private used: readonly ProberSocket[] = [];
  /** Sets and families that have or had targets, by `usedKey`. */
  private readonly inUse = new Set<number>();
  private poll: PollSet;
  private readonly wakeFd: number;
  private readonly kernelStamps: boolean;
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly expiry: Expiry;
  private readonly messages: MessageSource;
  private readonly window: number;
  /** Probes of earlier incarnations of this thread: sent, but never decided. */
  private readonly neverDecided: number;
  private readonly random: () => number;
  private readonly watch: (nowNs: number) => void;
  private readonly clockKept: () => boolean;
  private clockAskedNs = Number.NEGATIVE_INFINITY;
  private runs: ProbeRun[] = [];
  private readonly changes: Changes;
  /** Message in progress, and the revision of the last finished message. */
  private message: ToProber | undefined;
  private carriedOut = 0;
  private doorbell = -1;
  private empty = true;
  private emptyNs = 0;
  /** When the last iteration began to send. */
  private sentAtNs = 0;
  private errorsReadNs = 0;
  private watermarkSentNs = 0;
  private stopAtNs = Number.POSITIVE_INFINITY;

  constructor(start: ProberStart, messages: MessageSource, tools: Partial<ProberTools> = {}) {
    const { clock = systemClock(start.timeBase), random = Math.random, readDrops = receiveQueueDrops } = tools;
    this.clockKept = tools.clockKept ?? systemClockKept();
    this.watch = tools.watch ?? (() => undefined);
    this.control = new ControlBlock(PROBER_COUNTERS, start.control);
    this.ring = new RingProducer(start.ring);
    this.clock = clock;
    this.messages = messages;
    this.window = start.window;
    this.random = random;
    const sources = new ProberSources(start.sourceIndexes, start.sockets, readDrops);
    this.state = new ProberState(clock, this.ring, this.control, start.sourcePorts, sources);
    this.wakeFd = start.wakeFd;
    this.kernelStamps = start.stamps !== 'none';
    this.poll = new PollSet(start.wakeFd, []);
    this.sender = new Sender(this.state);
    this.expiry = new Expiry(this.state, readDrops);
    this.receiver = new Receiver(this.state, start, this.expiry.directions);
    this.changes = new Changes(this.state, this.expiry);
    this.carriedOut = this.control.applied;
    this.neverDecided = this.undecided();
  }

  /** Runs until a stop message is carried out. */
  run(): void {
    this.begin();
    while (this.turn()) {
      this.watch(this.sentAtNs);
      this.rest();
    }
    this.control.state = ThreadState.stopped;
  }

  /** Discards replies to probes of earlier incarnations. */
  begin(): void {
    const { counters, sources } = this.state;
    for (const socket of sources.readers(() => true)) counters[COUNTER.invalidStale] += this.receiver.discard(socket);
    this.control.state = ThreadState.running;
  }

  /** One iteration, without the sleep after it. Returns false when the thread is done. */
  turn(): boolean {
    const { counters } = this.state;
    this.control.beat();
    counters[COUNTER.turns]++;
    this.changes.beginTurn();
    if (this.message !== undefined || this.control.doorbell !== this.doorbell) this.readMessages();
    const stopping = this.stopAtNs !== Number.POSITIVE_INFINITY;
    if (!stopping) {
      this.sentAtNs = this.clock.nowNs();
      this.state.examples.nowNs = this.sentAtNs;
      this.sendDue(this.sentAtNs);
    }
    const lookNs = this.clock.nowNs();
    let empty = true;
    if (this.poll.wait(0) > 0) {
      // A reply needs its send stamp at once. Stamps without replies, and ICMP errors, may wait a little.
      const readErrors = lookNs - this.errorsReadNs > ERRORS_EVERY_NS;
      if (readErrors) this.errorsReadNs = lookNs;
      for (let i = 0; i < this.used.length; i++) {
        if (this.poll.readable(i)) empty = this.receiver.replies(this.used[i]) && empty;
        if (readErrors && this.poll.hasErrors(i)) this.receiver.errors.read(this.used[i]);
      }
    }
    if (empty) this.emptyNs = lookNs;
    this.empty = empty;
    const nowNs = this.clock.nowNs();
    const waiting = this.expireAll(nowNs);
    if (this.changes.hasRetired && this.changes.forget(nowNs, this.state.watermarkNs))
      this.runs = this.runs.filter((run) => run.order.length > 0 || run.waiting > 0);
    if (stopping && (!waiting || nowNs >= this.stopAtNs)) {
      this.publishWatermark(nowNs);
      return false;
    }
    if (nowNs - this.watermarkSentNs >= WATERMARK_EVERY_NS) this.publishWatermark(nowNs);
    else this.ring.publish();
    return true;
  }

  /** Sleeps until a probe is due. Without kernel stamps a reply ends the sleep as well. */
  private rest(): void {
    // The sockets still hold more than one iteration reads.
    if (!this.empty) return;
    const nowNs = this.clock.nowNs();
    const stopping = this.stopAtNs !== Number.POSITIVE_INFINITY;
    if (this.windowClosed()) {
      this.poll.wait(NS_PER_MS);
      return;
    }
    // A change is carried out in pieces, and the next piece is due.
    const workToDo = this.message !== undefined || this.changes.behind;
    let dueNs = workToDo ? nowNs : nowNs + (stopping ? NS_PER_MS : LONGEST_TURN_NS);
    let gatheringNs = LONGEST_GATHERING_NS;
    // After a stop message nothing more is sent.
    for (const run of stopping ? NO_RUNS : this.runs) {
      dueNs = Math.min(dueNs, run.dueNs);
      gatheringNs = Math.min(gatheringNs, PROBES_A_SLEEP * run.spacingNs);
    }
    if (workToDo) gatheringNs = 0;
    gatheringNs = Math.max(gatheringNs, SHORTEST_SLEEP_NS);
    // Behind by more than one gathering time: no sleep.
    if (nowNs - dueNs > gatheringNs) return;
    const sleepNs = Math.max(dueNs, this.sentAtNs + gatheringNs) - nowNs;
    if (sleepNs <= 0) return;
    if (this.kernelStamps) this.poll.sleep(sleepNs);
    // A reply gets its time when it is read, so it must not wait.
    else this.poll.wait(sleepNs);
  }

  private windowClosed(): boolean {
    return this.window !== 0 && this.undecided() + this.sender.gathered - this.neverDecided >= this.window;
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

  /** Hot: sends the due probes of each group. */
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
      for (let sent = 0; sent < PROBES_A_TURN && run.dueNs <= nowNs; sent++) {
        if (this.windowClosed()) break;
        const { port, stream } = run;
        if (sent % FETCH_AHEAD === 0)
          this.sender.fetch(run, Math.min(FETCH_AHEAD, 1 + (nowNs - run.dueNs) / run.spacingNs));
        const socket = run.sockets[placeOf(port, this.state.streams.family[stream])];
        if (socket === undefined) this.sender.refuseWithoutSocket(stream, port);
        else if (!this.sender.add(run, socket, stream)) counters[COUNTER.scheduleSlips]++;
        const probeLateNs = nowNs - run.dueNs;
        counters[COUNTER.latenessNsSum] += probeLateNs;
        if (probeLateNs > counters[COUNTER.latenessNsMax]) counters[COUNTER.latenessNsMax] = probeLateNs;
        run.next();
      }
      this.sender.flush();
    }
  }

  /** Expires probes and moves the watermark. Returns whether any probe still waits. */
  private expireAll(nowNs: number): boolean {
    let decidedNs = nowNs;
    let waiting = false;
    this.expiry.watchDrops(nowNs);
    for (const run of this.runs) {
      decidedNs = Math.min(decidedNs, this.expiry.expire(run, this.emptyNs, nowNs));
      waiting ||= run.waiting > 0;
    }
    this.state.watermarkNs = decidedNs;
    return waiting;
  }

  private publishWatermark(nowNs: number): void {
    this.watermarkSentNs = nowNs;
    if (nowNs - this.clockAskedNs > ASK_CLOCK_EVERY_NS) {
      this.clockAskedNs = nowNs;
      this.state.clockKept = this.clockKept();
    }
    // A full ring drops this watermark; the next one replaces it.
    this.ring.push(0, Outcome.watermark, 0, 0, 0, this.state.watermarkNs, 0, 0, 0);
    this.ring.publish();
  }

  private readMessages(): void {
    this.doorbell = this.control.doorbell;
    for (;;) {
      this.message ??= this.messages();
      if (this.message === undefined) break;
      if (!this.carryOut(this.message)) return;
      this.carriedOut = this.message.revision;
      this.message = undefined;
    }
    // Published at the end only: the initial messages of an incarnation all have the same revision.
    this.control.applied = this.carriedOut;
  }

  /** Continues a message. Returns false when the next iteration must continue it. */
  private carryOut(message: ToProber): boolean {
    switch (message.type) {
      case 'run':
        return this.takeRun(message);
      case 'sockets':
        this.addSockets(message.sockets);
        return true;
      case 'close':
        for (const set of this.state.sources.remove(message.fds))
          for (const family of [4, 6]) this.inUse.delete(usedKey({ set, family }));
        // Probes to the removed sockets contradict the numbers of the replacing ports.
        this.expiry.directions.forgetAll();
        this.pollUsed();
        return true;
      case 'locals':
        for (const [i, stream] of message.ids.entries())
          if (this.state.streams.has(stream)) this.state.streams.local[stream] = message.locals[i];
        return true;
      case 'stop':
        this.stopAtNs = this.clock.nowNs() + message.graceNs;
        this.control.state = ThreadState.draining;
        return true;
      default:
        return message satisfies never;
    }
  }

  private addSockets(sockets: readonly SourceSocket[]): void {
    let replaced = false;
    for (const socket of sockets) replaced = this.state.sources.add(socket) || replaced;
    // A reflector counts from its start for another source port.
    if (replaced) this.expiry.directions.forgetAll();
    this.pollUsed();
  }

  /** Starts, changes or ends a group. */
  private takeRun(message: RunMessage): boolean {
    const known = this.runs.find(({ id }) => id === message.run);
    // The group ended before this incarnation of the thread began.
    if (known === undefined && message.order.length === 0 && !this.changes.midway) return true;
    return this.changes.carryOut(message, () => this.reorder(known ?? this.newRun(message), message));
  }

  private newRun(message: RunMessage): ProbeRun {
    const { formats } = this.state;
    const format = formats.list[formats.numberOf(message.format, message.payloadBytes)];
    const run = new ProbeRun(
      message.run,
      message.periodNs,
      message.timeoutNs,
      format,
      message.count,
      message.neverFragment,
    );
    run.sockets = this.state.sources.set(message.set);
    this.runs.push(run);
    this.receiver.useFormats([...new Set(this.runs.map((known) => known.format))]);
    return run;
  }

  private reorder(run: ProbeRun, { order, parts, added, sourcePorts, set }: RunMessage): RetirementTimes {
    const { transport } = run.format;
    for (const family of added.families) this.inUse.add(usedKey({ set, family }));
    this.pollUsed();
    const nowNs = this.clock.nowNs();
    run.reorder(order, this.state.sources.ports(transport, sourcePorts), nowNs, this.random, parts);
    const decidedNs = nowNs + run.timeoutNs + GRACE_NS;
    return { decidedNs, atNs: decidedNs + LATE_NS };
  }

  /** Polls only the sockets of sets and families that ever had targets: each costs about 60 ns an iteration. */
  private pollUsed(): void {
    const used = this.state.sources.readers((socket) => this.inUse.has(usedKey(socket)));
    if (used.length === this.used.length && used.every((socket, i) => socket === this.used[i])) return;
    this.used = used;
    this.poll = new PollSet(
      this.wakeFd,
      used.map((socket) => socket.fd),
    );
  }
}

const usedKey = ({ set, family }: { readonly set: number; readonly family: number }): number => set * 10 + family;

function systemClockKept(): () => boolean {
  const sync = new ClockSync();
  return () => {
    sync.read();
    return sync.synchronised;
  };
}
