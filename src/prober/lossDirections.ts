/**
 * Direction of the losses of a thread: feeds `LossSplit` with every path's probes in the order of sending, and writes, on top of each `lost` record, one
 * that has the direction, where it is known.
 *
 * A loss waits for its direction at most 3 s, and the watermark with it, so that the direction lands in the probe's own interval. What is not known by then
 * stays unknown, and until the path answers again no further loss of it waits: a dead path must not hold results back.
 */

import { column, grown } from '../base/growable.js';
import { msToNs } from '../base/units.js';
import { Outcome } from '../ring/ring.js';
import { MAX_STREAMS } from '../threads/messages.js';
import { FARTHEST, LARGEST_MARGIN, LossSplit } from './lossSplit.js';
import { OwnNumbers } from './ownNumbers.js';
import { F64, SlotState, U8, U32 } from './slots.js';
import { COUNTER, type ProberState } from './state.js';

/** The direction of a loss is confirmed by the second reply after it at the earliest. */
const LEAST_PERIODS = 2;
const HOLD_NS = msToNs(3000);
/** Probes of a path that are looked at for having overtaken one. */
const LOOK_AHEAD = 64;

/** How long a loss waits for its direction, from when it is known to be lost; 0 where probes are too far apart for that. */
export function holdNs(periodNs: number, timeoutNs: number): number {
  return LEAST_PERIODS * periodNs <= timeoutNs + HOLD_NS ? HOLD_NS : 0;
}

/** Clean steps around a window of losses: as many as probes that may overtake one, for none is overtaken after its timeout. */
export function marginOf(periodNs: number, timeoutNs: number): number {
  return Math.min(LARGEST_MARGIN, Math.ceil(timeoutNs / periodNs));
}

/** Losses of a run that wait for their direction, in the order of sending. Numbers of entries are never used again. */
export class WaitingLosses {
  private sentNs = new Float64Array(16);
  private untilNs = new Float64Array(16);
  private path = new Uint32Array(16);
  /** Number of the path's next entry; 0: none. */
  private following = new Float64Array(16);
  private settled = new Uint8Array(16);
  private life = new Uint8Array(16);
  /** Outcome that says the direction, should it be confirmed; 0: not known. */
  private direction = new Uint8Array(16);
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
    this.direction[i] = 0;
    if (before !== 0) this.following[this.at(before)] = number;
    return number;
  }

  sentOf(number: number): number {
    return this.sentNs[this.at(number)];
  }

  directionOf(number: number): number {
    return this.direction[this.at(number)];
  }

  /** Notes the direction of an entry; returns the number of the path's next one, or 0. */
  direct(number: number, outcome: number): number {
    this.direction[this.at(number)] = outcome;
    return this.following[this.at(number)];
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
    const { sentNs, untilNs, path, following, settled, life, direction } = this;
    const length = path.length * 2;
    this.sentNs = new Float64Array(length);
    this.untilNs = new Float64Array(length);
    this.path = new Uint32Array(length);
    this.following = new Float64Array(length);
    this.settled = new Uint8Array(length);
    this.life = new Uint8Array(length);
    this.direction = new Uint8Array(length);
    for (let number = this.first; number !== this.end; number++) {
      const from = number % path.length;
      const to = number % length;
      this.sentNs[to] = sentNs[from];
      this.untilNs[to] = untilNs[from];
      this.path[to] = path[from];
      this.following[to] = following[from];
      this.settled[to] = settled[from];
      this.life[to] = life[from];
      this.direction[to] = direction[from];
    }
  }
}

/** What a run keeps for the directions of its losses. */
export interface LossRun {
  readonly losses: WaitingLosses;
  /** How long a loss waits for its direction. */
  readonly holdNs: number;
  /** Of `LossSplit`. */
  readonly margin: number;
}

export class LossDirections {
  private readonly state: ProberState;
  private readonly split: LossSplit;
  private readonly numbers: OwnNumbers;
  private paths = 0;
  /** By path: numbers of its first and last entry that waits and of the first one without a direction, 0: none; and how many losses have no entry. */
  private firstWaiting: Float64Array;
  private lastWaiting: Float64Array;
  private undirected: Float64Array;
  private gone: Uint32Array;
  /** By path: 1 since it last answered, until a loss waited in vain. */
  private answers: Uint8Array;
  /** By path: changes when another target gets the stream's number. */
  private life: Uint8Array;

  constructor(state: ProberState) {
    this.state = state;
    const most = MAX_STREAMS * state.streams.ports;
    this.split = new LossSplit(0, state.streams.ports, most);
    this.numbers = new OwnNumbers(state);
    this.firstWaiting = column(Float64Array, 0, most);
    this.lastWaiting = column(Float64Array, 0, most);
    this.undirected = column(Float64Array, 0, most);
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
    this.numbers.reserve(paths);
    this.firstWaiting = grown(this.firstWaiting, paths);
    this.lastWaiting = grown(this.lastWaiting, paths);
    this.undirected = grown(this.undirected, paths);
    this.gone = grown(this.gone, paths);
    this.answers = grown(this.answers, paths);
    this.life = grown(this.life, paths);
  }

  /** Another target has the stream's number now. */
  forget(stream: number): void {
    const { ports } = this.state.streams;
    for (let path = stream * ports; path < (stream + 1) * ports; path++) {
      this.life[path]++;
      this.clear(path);
    }
    this.split.forget(stream);
    this.numbers.added(stream);
  }

  /** Every path goes on as another flow, of which nothing is known. */
  forgetAll(): void {
    for (let path = 0; path < this.paths; path++) this.life[path]++;
    this.firstWaiting.fill(0);
    this.lastWaiting.fill(0);
    this.undirected.fill(0);
    this.gone.fill(0);
    this.split.forgetAll();
    this.numbers.lapseAll();
  }

  /** Hot: the next probe of its path is decided, and is still in `slot`. */
  decided(run: LossRun, slot: number, nowNs: number): void {
    const { slots } = this.state;
    const path = slots.path[slot * U32];
    const state = slots.state[slot * U8];
    // Late, but answered: its number is as good as any.
    if (state === SlotState.received || state === SlotState.late) {
      const sequence = slots.sequence[slot * U32];
      const number = slots.number[slot * U32];
      const { split, numbers } = this;
      this.answers[path] = 1;
      const overtakenBy = split.isOpen(path, number) ? this.overtakenBy(path, slot, sequence, number) : 0;
      split.received(path, sequence, number, overtakenBy, run.margin);
      if (split.contradicted) numbers.lapse(path);
      if (number !== sequence && state === SlotState.received)
        numbers.answered(path, number, slots.sentNs[slot * F64], nowNs);
      if (split.stepLost > 0 && this.gone[path] === 0) this.direct(run, path, split.stepLost, split.stepForward);
      if (split.settled > 0)
        this.settle(run, path, split.settledForward >= 0 && this.gone[path] === 0 && numbers.isOwn(path));
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

  /** A probe of the path got two numbers. */
  doubled(path: number): void {
    this.split.distrust(path);
  }

  /** Gives up what waited too long. Returns when the oldest loss of `run` that waits was sent, or infinity. */
  waitingSince(run: LossRun, nowNs: number): number {
    const { losses } = run;
    losses.trim();
    while (!losses.empty && losses.oldestUntilNs < nowNs) {
      if (losses.oldestLife === this.life[losses.oldestPath]) this.abandon(run, losses.oldestPath);
      losses.settleOldest();
      losses.trim();
    }
    return losses.empty ? Number.POSITIVE_INFINITY : losses.oldestSentNs;
  }

  private lost(run: LossRun, path: number, sentNs: number, nowNs: number): void {
    // Of a path without known numbers no direction will ever be known.
    if (!this.split.isKnown(path) || !this.split.lost(path)) return;
    if (this.answers[path] === 0 || run.holdNs === 0) {
      this.gone[path]++;
      return;
    }
    const number = run.losses.push(path, this.life[path], sentNs, nowNs + run.holdNs, this.lastWaiting[path]);
    if (this.firstWaiting[path] === 0) this.firstWaiting[path] = number;
    if (this.undirected[path] === 0) this.undirected[path] = number;
    this.lastWaiting[path] = number;
  }

  /** What waits on the path waits no more. */
  private abandon(run: LossRun, path: number): void {
    this.answers[path] = 0;
    let gone = this.gone[path];
    for (let number = this.firstWaiting[path]; number !== 0; number = run.losses.settle(number)) gone++;
    this.clear(path);
    this.gone[path] = gone;
  }

  /** The path's next `count` losses, in one step, have a direction, `forward` of them out; which of them does not matter. It is to be confirmed. */
  private direct(run: LossRun, path: number, count: number, forward: number): void {
    let number = this.undirected[path];
    for (let i = 0; i < count && number !== 0; i++)
      number = run.losses.direct(number, i < forward ? Outcome.lostForward : Outcome.lostReverse);
    this.undirected[path] = number;
  }

  /** All losses of the path are settled: the directions noted are right (`known`), or stay unknown. */
  private settle(run: LossRun, path: number, known: boolean): void {
    const { state } = this;
    const { ports } = state.streams;
    const stream = Math.floor(path / ports);
    const { losses } = run;
    for (let number = this.firstWaiting[path]; number !== 0; number = losses.settle(number)) {
      const outcome = losses.directionOf(number);
      if (!known || outcome === 0) continue;
      state.counters[outcome === Outcome.lostForward ? COUNTER.lostForward : COUNTER.lostReverse]++;
      state.record(stream, path - stream * ports, outcome, 0, 0, 0, losses.sentOf(number), 0, 0, 0);
    }
    this.clear(path);
  }

  private clear(path: number): void {
    this.firstWaiting[path] = 0;
    this.lastWaiting[path] = 0;
    this.undirected[path] = 0;
    this.gone[path] = 0;
  }

  /** How many probes later the last one of the path was sent that has a lower number; 0: none. */
  private overtakenBy(path: number, slot: number, sequence: number, number: number): number {
    const { slots, streams } = this.state;
    const mask = streams.slotMask[Math.floor(path / streams.ports)];
    const base = slot - (sequence & mask);
    const later = Math.min(LOOK_AHEAD, mask, (streams.nextSequence[path] - 1 - sequence) | 0);
    for (let ahead = later; ahead > 0; ahead--) {
      const other = base + ((sequence + ahead) & mask);
      const state = slots.state[other * U8];
      if (state !== SlotState.received && state !== SlotState.late) continue;
      const ofLater = (slots.number[other * U32] - number) | 0;
      if (slots.sequence[other * U32] === (sequence + ahead) >>> 0 && ofLater < 0 && ofLater > -FARTHEST) return ahead;
    }
    return 0;
  }
}
