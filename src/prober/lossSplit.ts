/**
 * Splits lost probes by direction. The input is the number that a stateful reflector gives each reply (RFC 8762 section
 * 4.3), or its count of received packets (direct measurement, RFC 8972 section 4.5). Pure; state in columns.
 *
 * Between two replies the sender knows how many probes it sent and how many were answered. The numbers tell how many
 * the reflector received:
 *
 *     lost on the way back = (number - earlier number) - replies since the earlier one
 *     lost on the way out  = lost - lost on the way back
 *
 * A direction is stated only when all of these rules hold:
 * - Probes arrive here in the order of sending, each after its timeout. So every reply that counts is known.
 * - A step goes from one reply to the next reply that neither overtook another of the step nor was overtaken.
 *   Consecutive steps with losses form one window. A window begins and ends with clean steps (no loss, number one
 *   higher). The required count grows with the distance over which probes of the path overtook each other (`reach`).
 *   So a lost probe that was overtaken makes a number of the window or of its margins wrong.
 * - A step whose number does not add up leaves its window unknown. Causes: the reflector restarted, the network
 *   duplicated a packet, or probes overtook each other. The path's stream is then distrusted: it needs a long run of
 *   steps that add up before a direction is stated. Exceptions: probes of the path overtake each other anyway, or the
 *   number fell. A new stream needs such a run as well, because it reveals a network that duplicates packets.
 * - A number equal to the sender's own carries no information: a stateless reflector copies it. Senders skip number 0,
 *   so that a stateful reflector is behind from the start.
 *
 * The caller must know that the numbers are the path's own (`src/prober/ownNumbers.ts`).
 *
 * No sender can detect this case: the first duplicated probe of a path whose second reply is lost, within a step that
 * also lost a probe on the way out.
 */

import { column, grown } from '../base/growable.js';

/** Replies after which a step with overtaken probes is closed. */
const PATIENCE = 8;
/**
 * Consecutive steps of a stream that must add up before a direction is stated: initially; after the first
 * contradiction; then four times as many after each further one, at most `MOST_CLEAN`.
 */
const FIRST_STEPS = 256;
const PROBATION_STEPS = 1024;
const MOST_CONTRADICTIONS = 4;
/**
 * Minimum of clean steps before and after a window where several later probes can overtake one. Where overtaking was
 * seen, the minimum is twice its distance plus one: a longer distance may still appear.
 */
export const LARGEST_MARGIN = 3;
/** Clean steps after which `reach` is halved. */
const REACH_HALVED_AFTER = 8192;
/** A number that falls by more than this means a restarted reflector, not probes that overtook each other. */
export const FARTHEST = 128;
const MOST_PENDING = 0xffff;
const MOST_CLEAN = 0xffff;

const KNOWN = 1;
/** The reflector may or may not have numbered a probe of this step. */
const STEP_UNCERTAIN = 2;
/** The losses of this window stay unknown. */
const WINDOW_UNCERTAIN = 4;

export class LossSplit {
  /**
   * Result of the last `received`: losses of the closed step, and how many of them were lost on the way out if the
   * window is confirmed.
   */
  stepLost = 0;
  stepForward = 0;
  /**
   * Result of the last `received`: the number of pending losses settled (always all of the path), and how many of them
   * were lost on the way out; -1 while unknown.
   */
  settled = 0;
  settledForward = -1;
  /** Result of the last `received`: the number contradicts earlier numbers of the path. */
  contradicted = false;
  /**
   * By path: the number of the reply that opened the step, the highest number since, replies since (without the opening
   * one), losses since, and flags.
   */
  private base: Uint32Array;
  private highest: Uint32Array;
  private replies: Uint8Array;
  private lostCount: Uint16Array;
  private flags: Uint8Array;
  /**
   * By path: losses of the window's closed steps, and how many were lost on the way out; clean steps since the last
   * loss.
   */
  private windowLost: Uint16Array;
  private windowForward: Uint16Array;
  private run: Uint8Array;
  /** By path: largest distance over which a probe overtook another. */
  private reach: Uint8Array;
  /** By stream: steps that added up since the last contradiction; contradictions, at most `MOST_CONTRADICTIONS`. */
  private clean: Uint16Array;
  private contradictions: Uint8Array;
  private readonly ports: number;

  /** Capacity for `paths`, with the `ports` paths of a stream adjacent; it grows to `most` without a copy. */
  constructor(paths: number, ports: number, most = paths) {
    this.ports = ports;
    this.base = column(Uint32Array, paths, most);
    this.highest = column(Uint32Array, paths, most);
    this.replies = column(Uint8Array, paths, most);
    this.lostCount = column(Uint16Array, paths, most);
    this.flags = column(Uint8Array, paths, most);
    this.windowLost = column(Uint16Array, paths, most);
    this.windowForward = column(Uint16Array, paths, most);
    this.run = column(Uint8Array, paths, most);
    this.reach = column(Uint8Array, paths, most);
    this.clean = column(Uint16Array, paths / ports, most / ports);
    this.contradictions = column(Uint8Array, paths / ports, most / ports);
  }

  /** Grows the columns to `paths` paths. */
  reserve(paths: number): void {
    if (paths <= this.flags.length) return;
    this.base = grown(this.base, paths);
    this.highest = grown(this.highest, paths);
    this.replies = grown(this.replies, paths);
    this.lostCount = grown(this.lostCount, paths);
    this.flags = grown(this.flags, paths);
    this.windowLost = grown(this.windowLost, paths);
    this.windowForward = grown(this.windowForward, paths);
    this.run = grown(this.run, paths);
    this.reach = grown(this.reach, paths);
    this.clean = grown(this.clean, paths / this.ports);
    this.contradictions = grown(this.contradictions, paths / this.ports);
  }

  /** Forgets a stream number that now belongs to another target. */
  forget(stream: number): void {
    this.clean[stream] = 0;
    this.contradictions[stream] = 0;
    for (let path = stream * this.ports; path < (stream + 1) * this.ports; path++) this.forgetPath(path);
  }

  private forgetPath(path: number): void {
    this.flags[path] = 0;
    this.replies[path] = 0;
    this.lostCount[path] = 0;
    this.windowLost[path] = 0;
    this.windowForward[path] = 0;
    this.run[path] = 0;
    this.reach[path] = 0;
  }

  /** Forgets all streams: they continue as other flows. */
  forgetAll(): void {
    const { flags, replies, lostCount, windowLost, windowForward, run, reach, clean, contradictions } = this;
    for (const one of [flags, replies, lostCount, windowLost, windowForward, run, reach, clean, contradictions])
      one.fill(0);
  }

  /** Lost probes of the path that are not settled. */
  pending(path: number): number {
    return this.windowLost[path] + this.lostCount[path];
  }

  /** Whether the last reply of the path had a number with information. */
  isKnown(path: number): boolean {
    return (this.flags[path] & KNOWN) !== 0;
  }

  /** Hot: whether it matters that the path's next reply, with `number`, was overtaken. */
  isOpen(path: number, number: number): boolean {
    return this.lostCount[path] !== 0 || this.replies[path] !== 0 || number !== (this.base[path] + 1) >>> 0;
  }

  /** The directions of the path's pending losses may be wrong: they stay unknown. */
  doubt(path: number): void {
    this.flags[path] |= WINDOW_UNCERTAIN;
  }

  /**
   * Hot: the next probe of the path was lost. False when the counter is full: the loss is not counted, and its
   * direction stays unknown.
   */
  lost(path: number): boolean {
    if (this.pending(path) === MOST_PENDING) {
      this.flags[path] |= STEP_UNCERTAIN;
      return false;
    }
    this.lostCount[path]++;
    return true;
  }

  /**
   * The path's next probe was dropped by this host, or its slot is reused: the reflector may or may not have numbered
   * it.
   */
  uncertain(path: number): void {
    this.flags[path] |= STEP_UNCERTAIN;
  }

  /** A probe was numbered twice: the network duplicates packets, so the numbers of the path's stream are distrusted. */
  distrust(path: number): void {
    const stream = this.streamOf(path);
    const forgotten = this.clean[stream] === MOST_CLEAN;
    this.contradictions[stream] = forgotten ? 1 : Math.min(this.contradictions[stream] + 1, MOST_CONTRADICTIONS);
    this.clean[stream] = 0;
  }

  /**
   * Hot: the path's next probe, with the number `sequence`, was answered with `number`. `overtakenBy`: how many probes
   * later the last probe with a lower number was sent; 0 without one. `margin`: minimum of clean steps before and after
   * a window. Fills the result fields.
   */
  received(path: number, sequence: number, number: number, overtakenBy: number, margin = LARGEST_MARGIN): void {
    this.stepLost = 0;
    this.settled = 0;
    this.settledForward = 0;
    this.contradicted = false;
    if (number === sequence || (this.flags[path] & KNOWN) === 0) {
      this.giveUp(path);
      this.open(path, number, number === sequence ? 0 : KNOWN);
      return;
    }
    const replies = ++this.replies[path];
    const behind = replies > 1 && ((number - this.highest[path]) | 0) < 0;
    if (!behind) this.highest[path] = number;
    if (overtakenBy > this.reach[path]) this.reach[path] = Math.min(overtakenBy, 0xff);
    // A step ends only where no earlier probe overtook a later one.
    const mixed = behind || overtakenBy > 0;
    if (mixed && replies < PATIENCE) return;
    const lost = this.lostCount[path];
    const back = ((number - this.base[path]) | 0) - replies;
    if ((this.flags[path] & STEP_UNCERTAIN) !== 0) {
      this.giveUp(path);
    } else if (mixed || back < 0 || back > lost) {
      this.contradicted = true;
      // A number that fell points to a restarted reflector, which is no reason for distrust.
      if (this.reach[path] === 0 && back > lost) this.distrust(path);
      this.giveUp(path);
    } else {
      this.addUp(path, lost, lost - back, Math.max(margin, 2 * this.reach[path] + 1));
    }
    this.open(path, number, (this.flags[path] & WINDOW_UNCERTAIN) | KNOWN);
  }

  /** Hot: closes a step whose number adds up. */
  private addUp(path: number, lost: number, forward: number, margin: number): void {
    const stream = this.streamOf(path);
    if (this.clean[stream] < MOST_CLEAN && ++this.clean[stream] % REACH_HALVED_AFTER === 0) this.reach[path] >>= 1;
    if (lost > 0) {
      if (this.windowLost[path] === 0 && this.run[path] < margin) this.flags[path] |= WINDOW_UNCERTAIN;
      this.windowLost[path] += lost;
      this.windowForward[path] += forward;
      this.run[path] = 0;
      this.stepLost = lost;
      this.stepForward = forward;
      return;
    }
    if (this.replies[path] > 1) this.run[path] = 0;
    else if (this.run[path] < 0xff) this.run[path]++;
    if (this.windowLost[path] === 0 || this.run[path] < margin) return;
    const certain = (this.flags[path] & WINDOW_UNCERTAIN) === 0 && this.trusted(path);
    this.settle(path, this.windowLost[path], certain ? this.windowForward[path] : -1);
  }

  private streamOf(path: number): number {
    return Math.floor(path / this.ports);
  }

  private trusted(path: number): boolean {
    const stream = this.streamOf(path);
    const contradictions = this.contradictions[stream];
    const steps = contradictions === 0 ? FIRST_STEPS : PROBATION_STEPS * 4 ** (contradictions - 1);
    return this.clean[stream] >= Math.min(steps, MOST_CLEAN);
  }

  /** Settles all pending losses as unknown. */
  private giveUp(path: number): void {
    this.settle(path, this.pending(path), -1);
    this.run[path] = 0;
  }

  private settle(path: number, lost: number, forward: number): void {
    this.settled = lost;
    this.settledForward = forward;
    this.windowLost[path] = 0;
    this.windowForward[path] = 0;
    this.flags[path] &= ~WINDOW_UNCERTAIN;
  }

  private open(path: number, number: number, flags: number): void {
    this.base[path] = number;
    this.replies[path] = 0;
    this.lostCount[path] = 0;
    this.flags[path] = flags;
  }
}
