/**
 * Which way the probes of a thread were lost: feeds `LossSplit` with every path's probes in the order in which they were sent, and writes, on top of each
 * `lost` record, one that says which way, where that is known.
 *
 * A loss waits for its answer at most 3 s, and the watermark with it, so that the answer lands in the probe's own interval; what is not known by then
 * stays unknown, and until the path answers again nothing more waits for it: a dead path must not hold results back.
 */

import { Outcome } from '../../ring/ring.js';
import { column, grown } from '../../stats/growable.js';
import { LossSplit } from '../../stats/lossSplit.js';
import { msToNs } from '../../stats/units.js';
import { MAX_STREAMS } from '../messages.js';
import type { ProbeRun } from './run.js';
import { F64, SlotState, U8, U32 } from './slots.js';
import { COUNTER, type ProberState } from './state.js';

/** A loss is told by the second reply after it, or, where more is lost, a later one. */
const LEAST_PERIODS = 2;
const HOLD_NS = msToNs(3000);
/** Probes of a path that are looked at for having overtaken one. */
const LOOK_AHEAD = 64;

/** How long a loss waits, from when it is known to be one; 0 where probes are too far apart for an answer within that time. */
export function holdNs(periodNs: number, timeoutNs: number): number {
  return LEAST_PERIODS * periodNs <= timeoutNs + HOLD_NS ? HOLD_NS : 0;
}

/** Losses of a run that wait for their direction, in the order in which they were sent. Numbers of entries count on and never come back. */
export class WaitingLosses {
  private sentNs = new Float64Array(16);
  private untilNs = new Float64Array(16);
  private path = new Uint32Array(16);
  /** Number of the path's next entry; 0: none. */
  private following = new Float64Array(16);
  private settled = new Uint8Array(16);
  private life = new Uint8Array(16);
  private first = 1;
  private end = 1;

  get empty(): boolean {
    return this.first === this.end;
  }
  /** When the oldest was sent; only where there is one. */
  get oldestSentNs(): number {
    return this.sentNs[this.at(this.first)];
  }
  get oldestUntilNs(): number {
    return this.untilNs[this.at(this.first)];
  }
  get oldestPath(): number {
    return this.path[this.at(this.first)];
  }

  get oldestLife(): number {
    return this.life[this.at(this.first)];
  }

  settleOldest(): void {
    this.settled[this.at(this.first)] = 1;
  }

  /** Returns the entry's number. `before`: number of the path's entry before it; 0: none. */
  push(path: number, life: number, sentNs: number, untilNs: number, before: number): number {
    if (this.end - this.first === this.path.length) this.grow();
    const number = this.end++;
    const i = this.at(number);
    this.path[i] = path;
    this.life[i] = life;
    this.sentNs[i] = sentNs;
    this.untilNs[i] = untilNs;
    this.following[i] = 0;
    this.settled[i] = 0;
    if (before !== 0) this.following[this.at(before)] = number;
    return number;
  }

  sentOf(number: number): number {
    return this.sentNs[this.at(number)];
  }

  /** The entry waits no more; returns the number of the path's next one, or 0. */
  settle(number: number): number {
    this.settled[this.at(number)] = 1;
    return this.following[this.at(number)];
  }

  /** Drops settled entries from the front. */
  trim(): void {
    while (this.first !== this.end && this.settled[this.at(this.first)] === 1) this.first++;
  }

  private at(number: number): number {
    return number % this.path.length;
  }

  private grow(): void {
    const { sentNs, untilNs, path, following, settled, life } = this;
    const length = path.length * 2;
    this.sentNs = new Float64Array(length);
    this.untilNs = new Float64Array(length);
    this.path = new Uint32Array(length);
    this.following = new Float64Array(length);
    this.settled = new Uint8Array(length);
    this.life = new Uint8Array(length);
    for (let number = this.first; number !== this.end; number++) {
      const from = number % path.length;
      const to = number % length;
      this.sentNs[to] = sentNs[from];
      this.untilNs[to] = untilNs[from];
      this.path[to] = path[from];
      this.following[to] = following[from];
      this.settled[to] = settled[from];
      this.life[to] = life[from];
    }
  }
}

export class LossDirections {
  private readonly state: ProberState;
  private readonly split: LossSplit;
  private paths = 0;
  /** By path: numbers of its first and last entry that waits, 0: none; and how many older losses do not wait any more. */
  private firstWaiting: Float64Array;
  private lastWaiting: Float64Array;
  private gone: Uint32Array;
  /** By path: 1 since it last answered, until a loss waited in vain. */
  private answers: Uint8Array;
  /** By path: changes when another target gets the stream's number. */
  private life: Uint8Array;

  constructor(state: ProberState) {
    this.state = state;
    const most = MAX_STREAMS * state.streams.ports;
    this.split = new LossSplit(0, most);
    this.firstWaiting = column(Float64Array, 0, most);
    this.lastWaiting = column(Float64Array, 0, most);
    this.gone = column(Uint32Array, 0, most);
    this.answers = column(Uint8Array, 0, most);
    this.life = column(Uint8Array, 0, most);
  }

  /** Makes room for all paths that the thread knows. */
  reserve(): void {
    const { streams } = this.state;
    const paths = streams.family.length * streams.ports;
    if (paths <= this.paths) return;
    this.paths = paths;
    this.split.reserve(paths);
    this.firstWaiting = grown(this.firstWaiting, paths);
    this.lastWaiting = grown(this.lastWaiting, paths);
    this.gone = grown(this.gone, paths);
    this.answers = grown(this.answers, paths);
    this.life = grown(this.life, paths);
  }

  /** Another target has the stream's number now. */
  forget(stream: number): void {
    const { ports } = this.state.streams;
    for (let path = stream * ports; path < (stream + 1) * ports; path++) {
      this.life[path]++;
      this.firstWaiting[path] = 0;
      this.lastWaiting[path] = 0;
      this.gone[path] = 0;
      this.split.forget(path);
    }
  }

  /** Hot: the next probe of its path is decided, and is still in `slot`. */
  decided(run: ProbeRun, slot: number, nowNs: number): void {
    const { slots } = this.state;
    const path = slots.path[slot * U32];
    const state = slots.state[slot * U8];
    // Late, but answered: its number is as good as any.
    if (state === SlotState.received || state === SlotState.late) {
      const sequence = slots.sequence[slot * U32];
      const number = slots.number[slot * U32];
      const { split } = this;
      this.answers[path] = 1;
      split.received(path, sequence, number, split.isOpen(path) && this.overtaken(path, slot, sequence, number));
      if (split.settled > 0) this.settle(run, path, split.settled, split.settledForward);
    } else if (state === SlotState.expired) {
      this.lost(run, path, slots.sentNs[slot * F64], nowNs);
    }
  }

  /** The next probe of the path was dropped by this host, or its slot holds another one already. */
  uncertain(path: number): void {
    this.split.uncertain(path);
  }

  /** A lost probe of the path was answered after all: what waits was not lost where the numbers say. */
  doubt(path: number): void {
    if (this.split.pending(path) > 0) this.split.doubt(path);
  }

  /** Gives up what waited too long. Returns when the oldest loss of `run` that waits was sent, or infinity. */
  waitingSince(run: ProbeRun, nowNs: number): number {
    const { losses } = run;
    losses.trim();
    while (!losses.empty && losses.oldestUntilNs < nowNs) {
      if (losses.oldestLife === this.life[losses.oldestPath]) this.abandon(run, losses.oldestPath);
      losses.settleOldest();
      losses.trim();
    }
    return losses.empty ? Number.POSITIVE_INFINITY : losses.oldestSentNs;
  }

  private lost(run: ProbeRun, path: number, sentNs: number, nowNs: number): void {
    // A path of which no numbers are known: nobody will tell.
    if (!this.split.isKnown(path) || !this.split.lost(path)) return;
    if (this.answers[path] === 0 || run.holdNs === 0) {
      this.gone[path]++;
      return;
    }
    const number = run.losses.push(path, this.life[path], sentNs, nowNs + run.holdNs, this.lastWaiting[path]);
    if (this.firstWaiting[path] === 0) this.firstWaiting[path] = number;
    this.lastWaiting[path] = number;
  }

  /** What waits on the path waits no more. */
  private abandon(run: ProbeRun, path: number): void {
    this.answers[path] = 0;
    for (let number = this.firstWaiting[path]; number !== 0; number = run.losses.settle(number)) this.gone[path]++;
    this.firstWaiting[path] = 0;
    this.lastWaiting[path] = 0;
  }

  /** The oldest `count` losses of the path are settled, `forward` of them on the way out; -1: not known. Which of them is not known, nor does it matter. */
  private settle(run: ProbeRun, path: number, count: number, forward: number): void {
    const { state } = this;
    const { ports } = state.streams;
    const stream = Math.floor(path / ports);
    const gone = Math.min(this.gone[path], count);
    this.gone[path] -= gone;
    // Of some that do not wait any more and some that do, only all or none can be told.
    const known = forward >= 0 && (gone === 0 || forward === 0 || forward === count);
    let forwardLeft = forward;
    let number = this.firstWaiting[path];
    for (let left = count - gone; left > 0 && number !== 0; left--) {
      if (known) {
        const out = forwardLeft-- > 0;
        state.counters[out ? COUNTER.lostForward : COUNTER.lostReverse]++;
        const outcome = out ? Outcome.lostForward : Outcome.lostReverse;
        state.record(stream, path - stream * ports, outcome, 0, 0, 0, run.losses.sentOf(number), 0, 0, 0);
      }
      number = run.losses.settle(number);
    }
    this.firstWaiting[path] = number;
    if (number === 0) this.lastWaiting[path] = 0;
  }

  /** Whether a probe of the path that was sent later has a lower number. */
  private overtaken(path: number, slot: number, sequence: number, number: number): boolean {
    const { slots, streams } = this.state;
    const mask = streams.slotMask[Math.floor(path / streams.ports)];
    const base = slot - (sequence & mask);
    const later = Math.min(LOOK_AHEAD, mask, (streams.nextSequence[path] - 1 - sequence) | 0);
    for (let ahead = 1; ahead <= later; ahead++) {
      const other = base + ((sequence + ahead) & mask);
      const state = slots.state[other * U8];
      if (state !== SlotState.received && state !== SlotState.late) continue;
      if (slots.sequence[other * U32] === (sequence + ahead) >>> 0 && ((slots.number[other * U32] - number) | 0) < 0)
        return true;
    }
    return false;
  }
}
