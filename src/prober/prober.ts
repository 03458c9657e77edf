/**
 * One prober thread: a synchronous loop over its sockets. It uses neither Node's event loop nor its sockets, and never allocates, throws
 * or searches per probe. A turn: messages, send what is due, read stamps and replies, give up what timed out. Then it sleeps, at most
 * `LONGEST_TURN_NS`: replies wait in the socket meanwhile, stamped by the kernel.
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
import { type ProberSocket, ProberSources, placeOf } from './sources.js';
import { COUNTER, ProberState } from './state.js';

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
/** How often the kernel is asked whether this host's clock is kept. */
const ASK_CLOCK_EVERY_NS = 1_000 * NS_PER_MS;
/** Probes of one group sent before replies are read. */
const PROBES_A_TURN = 256;
/** Most probes that are due whose slots are fetched together. */
const FETCH_AHEAD = 32;
/** How long a late reply to a removed stream is still known. */
const LATE_NS = 1_000 * NS_PER_MS;

const NO_RUNS: readonly ProbeRun[] = [];

/** The messages that wait for the thread; undefined when none does. */
export type MessageSource = () => ToProber | undefined;

/** What a prober takes from outside, so that tests can pass their own. */
export interface ProberTools {
  readonly clock: Clock;
  /** 0 to 1, without 1. */
  readonly random: () => number;
  /** Whether a time service keeps this host's clock. */
  readonly clockKept: () => boolean;
  /** The drop counter of a socket's receive queue. */
  readonly readDrops: (fd: number) => number;
  /** Told the time at every turn of `run`. */
  readonly watch: (nowNs: number) => void;
}

export class Prober {
  readonly control: ControlBlock<ProberCounter>;
  private readonly ring: RingProducer;
  private readonly clock: Clock;
  private readonly state: ProberState;
  /** The sockets whose family has targets, and the poll set of these. */
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
  /** Probes that died with earlier lives of this thread: sent, never to be decided. */
  private readonly neverDecided: number;
  private readonly random: () => number;
  private readonly watch: (nowNs: number) => void;
  private readonly clockKept: () => boolean;
  private clockAskedNs = Number.NEGATIVE_INFINITY;
  private runs: ProbeRun[] = [];
  private readonly changes: Changes;
  /** The message that is being carried out, and the revision of the last one that was. */
  private message: ToProber | undefined;
  private carriedOut = 0;
  private doorbell = -1;
  private empty = true;
  private emptyNs = 0;
  /** When the last turn began to send. */
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

  /** Works until it is told to stop. */
  run(): void {
    this.begin();
    while (this.turn()) {
      this.watch(this.sentAtNs);
      this.rest();
    }
    this.control.state = ThreadState.stopped;
  }

  /** Throws away what answers probes of earlier lives. */
  begin(): void {
    const { counters, sources } = this.state;
    for (const socket of sources.readers(() => true)) counters[COUNTER.invalidStale] += this.receiver.discard(socket);
    this.control.state = ThreadState.running;
  }

  /** One turn of the loop, without the rest after it; false when the thread is done. */
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
      // Send stamps are wanted when a reply is there; alone, they and ICMP errors may wait a little.
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
    // A change is carried out piece by piece: the next is due.
    const workToDo = this.message !== undefined || this.changes.behind;
    let dueNs = workToDo ? nowNs : nowNs + (stopping ? NS_PER_MS : LONGEST_TURN_NS);
    let gatheringNs = LONGEST_GATHERING_NS;
    // What was due when the stop came is never sent.
    for (const run of stopping ? NO_RUNS : this.runs) {
      dueNs = Math.min(dueNs, run.dueNs);
      gatheringNs = Math.min(gatheringNs, PROBES_A_SLEEP * run.spacingNs);
    }
    if (workToDo) gatheringNs = 0;
    gatheringNs = Math.max(gatheringNs, SHORTEST_SLEEP_NS);
    // Behind by more than is gathered at a time: no rest.
    if (nowNs - dueNs > gatheringNs) return;
    const sleepNs = Math.max(dueNs, this.sentAtNs + gatheringNs) - nowNs;
    if (sleepNs <= 0) return;
    if (this.kernelStamps) this.poll.sleep(sleepNs);
    // A reply has the time at which it is read: none may wait.
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

  /** Gives up what timed out, moves the watermark; whether any probe still waits. */
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
    // A full ring drops it: the next one comes.
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
    // Only now: the messages that a life begins with all have the same revision.
    this.control.applied = this.carriedOut;
  }

  /** Goes on with what a message asks for; false when there is more to do at the next turn. */
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
        // What came to them meanwhile contradicted the numbers of the ports in their places.
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
    // From another port a reflector counts from the start again.
    if (replaced) this.expiry.directions.forgetAll();
    this.pollUsed();
  }

  /** Starts, changes or ends a group. */
  private takeRun(message: RunMessage): boolean {
    const known = this.runs.find(({ id }) => id === message.run);
    // Ended before this life of the thread began.
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

  /** Polls the sockets of the sets and families that ever had targets, and only these: each costs about 60 ns a turn. */
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
