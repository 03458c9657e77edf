/**
 * Direction of a thread's losses. Feeds `LossSplit` with the probes of each path in the order of sending. Where the
 * direction of a loss becomes known, it writes a second record after the `lost` record.
 *
 * A loss waits at most 3 s for its direction, and the watermark waits with it: the direction belongs to the probe's own
 * interval. After that the direction stays unknown, and further losses of the path do not wait until the path answers
 * again. A dead path must not delay results.
 */

import { column, grown } from '../base/growable.js';
import { msToNs } from '../base/units.js';
import { Outcome } from '../ring/ring.js';
import { MAX_STREAMS } from '../threads/messages.js';
import { FARTHEST, LARGEST_MARGIN, LossSplit } from './lossSplit.js';
import { OwnNumbers } from './ownNumbers.js';
import { COUNTER, type ProberState } from './state.js';
import { F64, SlotState, U8, U32 } from './tables/slots.js';

/** The direction of a loss is confirmed by the second reply after it at the earliest. */
const LEAST_PERIODS = 2;
const HOLD_NS = msToNs(3000);
/** Limit of the search for later probes that overtook this one, in probes of the path. */
const LOOK_AHEAD = 64;

/**
 * How long a loss waits for its direction after it is known to be lost, ns; 0 where the period is too long for that.
 */
export function holdNs(periodNs: number, timeoutNs: number): number {
  return LEAST_PERIODS * periodNs <= timeoutNs + HOLD_NS ? HOLD_NS : 0;
}

/**
 * Clean steps required around a window of losses. A probe is overtaken only within its timeout, so the number of probes
 * sent in a timeout is enough.
 */
export function marginOf(periodNs: number, timeoutNs: number): number {
  return Math.min(LARGEST_MARGIN, Math.ceil(timeoutNs / periodNs));
}

/** Losses of a run that wait for their direction, in the order of sending. An entry number is never reused. */
export class WaitingLosses {
  private sentNs = new Float64Array(16);
  private untilNs = new Float64Array(16);
  private path = new Uint32Array(16);
  /** Number of the path's next entry; 0 without one. */
  private following = new Float64Array(16);
  private settled = new Uint8Array(16);
  private life = new Uint8Array(16);
  /** Outcome with the direction, still unconfirmed; 0 while unknown. */
  private direction = new Uint8Array(16);
  private first = 1;
  private end = 1;

  get empty(): boolean {
    return this.first === this.end;
  }
  /** Send time of the oldest loss, ns; valid only when not empty. */
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

  /** Returns the entry's number. `before`: number of the path's previous entry, or 0. */
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

  /** Notes the direction of an entry. Returns the number of the path's next entry, or 0. */
  direct(number: number, outcome: number): number {
    this.direction[this.at(number)] = outcome;
    return this.following[this.at(number)];
  }

  /** Ends the wait of an entry. Returns the number of the path's next entry, or 0. */
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

/** A run's state for the directions of its losses. */
interface LossRun {
  readonly losses: WaitingLosses;
  /** How long a loss waits for its direction, ns. */
  readonly holdNs: number;
  /** Clean steps that `LossSplit` requires around a window. */
  readonly margin: number;
}

export class LossDirections {
  private readonly state: ProberState;
  private readonly split: LossSplit;
  private readonly numbers: OwnNumbers;
  private paths = 0;
  /**
   * By path: the first and the last waiting entry, and the first entry without a direction (0 without one); the number
   * of losses without an entry.
   */
  private firstWaiting: Float64Array;
  private lastWaiting: Float64Array;
  private undirected: Float64Array;
  private gone: Uint32Array;
  /** By path: 1 from an answer until a loss waited in vain. */
  private answers: Uint8Array;
  /** By path: incarnation of the stream number, incremented when another target gets it. */
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

  /** Grows the columns to all paths of the thread. */
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

  /** Forgets a stream number that now belongs to another target. */
  forget(stream: number): void {
    const { ports } = this.state.streams;
    for (let path = stream * ports; path < (stream + 1) * ports; path++) {
      this.life[path]++;
      this.clear(path);
    }
    this.split.forget(stream);
    this.numbers.added(stream);
  }

  /** Forgets the paths' numbers: from a new source port, a reflector counts from its start. */
  forgetAll(): void {
    for (let path = 0; path < this.paths; path++) this.life[path]++;
    this.firstWaiting.fill(0);
    this.lastWaiting.fill(0);
    this.undirected.fill(0);
    this.gone.fill(0);
    this.split.forgetAll();
    this.numbers.lapseAll();
  }

  /** Hot: takes the decision on the path's next probe, which is still in `slot`. */
  decided(run: LossRun, slot: number, nowNs: number): void {
    const { slots } = this.state;
    const path = slots.path[slot * U32];
    const state = slots.state[slot * U8];
    // A late reply carries a valid number as well.
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

  /** The path's next probe was dropped by this host, or its slot already holds another probe. */
  uncertain(path: number): void {
    this.split.uncertain(path);
  }

  /** A lost probe of the path was answered after all, so the directions of its pending losses may be wrong. */
  doubt(path: number): void {
    if (this.split.pending(path) > 0) this.split.doubt(path);
  }

  /** The reflector numbered one probe of the path twice. */
  doubled(path: number): void {
    this.split.distrust(path);
  }

  /** Gives up losses that waited too long. Returns the send time of the run's oldest waiting loss, or Infinity. */
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
    // Without known numbers the path's losses never get a direction.
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

  /** Gives up all waiting losses of the path. */
  private abandon(run: LossRun, path: number): void {
    this.answers[path] = 0;
    let gone = this.gone[path];
    for (let number = this.firstWaiting[path]; number !== 0; number = run.losses.settle(number)) gone++;
    this.clear(path);
    this.gone[path] = gone;
  }

  /**
   * Notes a direction, still unconfirmed, for the path's next `count` losses: the first `forward` were lost on the way
   * out. Within one step the assignment is arbitrary.
   */
  private direct(run: LossRun, path: number, count: number, forward: number): void {
    let number = this.undirected[path];
    for (let i = 0; i < count && number !== 0; i++)
      number = run.losses.direct(number, i < forward ? Outcome.lostForward : Outcome.lostReverse);
    this.undirected[path] = number;
  }

  /**
   * Settles all losses of the path. With `known`, the noted directions are confirmed and recorded; otherwise they stay
   * unknown.
   */
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

  /** How many probes later the last probe with a lower number was sent; 0 without one. */
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
