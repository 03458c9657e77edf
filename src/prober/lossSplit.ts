/**
 * Direction of lost probes: from the numbers that a stateful reflector gives its replies (RFC 8762 section 4.3), or from its count of received packets
 * (direct measurement, RFC 8972 section 4.5). Pure; in columns.
 *
 * Between two replies the sender knows how many probes it sent and how many came back, and the numbers tell how many the reflector saw:
 *
 *     lost on the way back = (number - earlier number) - replies since the earlier one
 *     lost on the way out  = lost - lost on the way back
 *
 * A direction is stated only when nothing contradicts it:
 * - Probes come here in the order of sending, each after its timeout, so that every reply that will count is known.
 * - A step goes from one reply to the next that neither overtook a reply of the step nor was overtaken. Losses of consecutive steps form one window. A
 *   window begins and ends with clean steps (no loss, and the number one higher): with more the farther probes of the path were seen to overtake each
 *   other (`reach`). So a lost probe that was overtaken makes a number of the window or of its margins wrong.
 * - A step whose number does not add up (reflector restarted, packet doubled, probes overtook each other) leaves its window unknown. Unless probes of the
 *   path overtake each other anyway, or the number fell, the path's stream is distrusted: nothing is stated before a long run of steps that add up. Nor at
 *   first: a network that doubles packets shows it.
 * - A number equal to the sender's own is no information: a stateless reflector copies it. Senders leave out number 0, so that a stateful
 *   one is behind from the start.
 *
 * The caller has to know that the numbers are the path's own (`src/prober/ownNumbers.ts`).
 *
 * Not visible to any sender: the first doubled probe of a path whose second reply is lost, within a step that also lost a probe on the way out.
 */

import { column, grown } from '../base/growable.js';

/** Replies that a step with overtaken probes stays open for. */
const PATIENCE = 8;
/** Steps of a stream that must add up in a row before a direction is stated: at first; after the first contradiction; and four times as many with each further one, up to `MOST_CLEAN`. */
const FIRST_STEPS = 256;
const PROBATION_STEPS = 1024;
const MOST_CONTRADICTIONS = 4;
/**
 * Clean steps at least that a window begins and ends with, where a probe can be overtaken by several later ones. Where overtaking was seen, it is twice as
 * far and one more: the farthest may not have been seen yet.
 */
export const LARGEST_MARGIN = 3;
/** Clean steps after which `reach` is halved. */
const REACH_HALVED_AFTER = 8192;
/** A number that is lower by more than this is no sign of probes that overtook each other, but of a reflector that started again. */
export const FARTHEST = 128;
const MOST_PENDING = 0xffff;
const MOST_CLEAN = 0xffff;

const KNOWN = 1;
/** Whether the reflector numbered a probe of this step can't be known. */
const STEP_UNCERTAIN = 2;
/** The losses of this window stay unknown. */
const WINDOW_UNCERTAIN = 4;

export class LossSplit {
  /** Result of the last `received`: losses of the step that it closed, and how many of them were on the way out, should the window be confirmed. */
  stepLost = 0;
  stepForward = 0;
  /** Result of the last `received`: that many of the path's pending losses (always all) are settled, and how many of them were on the way out; -1: not known. */
  settled = 0;
  settledForward = -1;
  /** Result of the last `received`: the number contradicts what is known of the path. */
  contradicted = false;
  /** By path: the number of the reply that opened the step, the highest since, replies since (the opening one is not one), probes lost since, and flags. */
  private base: Uint32Array;
  private highest: Uint32Array;
  private replies: Uint8Array;
  private lostCount: Uint16Array;
  private flags: Uint8Array;
  /** By path: losses of the window's closed steps, and how many of them on the way out; clean steps since the last loss. */
  private windowLost: Uint16Array;
  private windowForward: Uint16Array;
  private run: Uint8Array;
  /** By path: how far probes were seen to overtake each other. */
  private reach: Uint8Array;
  /** By stream: steps that added up since the last contradiction; contradictions, up to `MOST_CONTRADICTIONS`. */
  private clean: Uint16Array;
  private contradictions: Uint8Array;
  private readonly ports: number;

  /** Room for `paths`, `ports` of each stream side by side, and without copying anything for `most`. */
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

  /** Makes room for paths below `paths`. */
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

  /** Forgets what is known of a stream: another target has its number now. */
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

  /** Forgets what is known of all streams: they go on as other flows. */
  forgetAll(): void {
    const { flags, replies, lostCount, windowLost, windowForward, run, reach, clean, contradictions } = this;
    for (const one of [flags, replies, lostCount, windowLost, windowForward, run, reach, clean, contradictions])
      one.fill(0);
  }

  /** Probes of the path that were lost and are not settled. */
  pending(path: number): number {
    return this.windowLost[path] + this.lostCount[path];
  }

  /** Whether the last reply of the path had a number that tells something. */
  isKnown(path: number): boolean {
    return (this.flags[path] & KNOWN) !== 0;
  }

  /** Hot: whether it matters that the path's next reply, with `number`, was overtaken. */
  isOpen(path: number, number: number): boolean {
    return this.lostCount[path] !== 0 || this.replies[path] !== 0 || number !== (this.base[path] + 1) >>> 0;
  }

  /** What the numbers say of the path's pending losses may be wrong: they stay unknown. */
  doubt(path: number): void {
    this.flags[path] |= WINDOW_UNCERTAIN;
  }

  /** Hot: the next probe of the path was lost. False: so many are pending that this one is not counted; its direction stays unknown. */
  lost(path: number): boolean {
    if (this.pending(path) === MOST_PENDING) {
      this.flags[path] |= STEP_UNCERTAIN;
      return false;
    }
    this.lostCount[path]++;
    return true;
  }

  /** The next probe of the path was dropped by this host, or its slot is gone: whether the reflector numbered it can't be known. */
  uncertain(path: number): void {
    this.flags[path] |= STEP_UNCERTAIN;
  }

  /** A probe was numbered twice: the network doubles packets, so numbers of the path's stream can't be trusted for now. */
  distrust(path: number): void {
    const stream = this.streamOf(path);
    const forgotten = this.clean[stream] === MOST_CLEAN;
    this.contradictions[stream] = forgotten ? 1 : Math.min(this.contradictions[stream] + 1, MOST_CONTRADICTIONS);
    this.clean[stream] = 0;
  }

  /**
   * Hot: the next probe of the path was answered with `number`; its own was `sequence`. `overtakenBy`: how many probes later the last one was sent that
   * has a lower number; 0: none. `margin`: clean steps that a window begins and ends with at least. Fills the result fields.
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
    // A step ends between probes that overtook each other and later ones.
    const mixed = behind || overtakenBy > 0;
    if (mixed && replies < PATIENCE) return;
    const lost = this.lostCount[path];
    const back = ((number - this.base[path]) | 0) - replies;
    if ((this.flags[path] & STEP_UNCERTAIN) !== 0) {
      this.giveUp(path);
    } else if (mixed || back < 0 || back > lost) {
      this.contradicted = true;
      // Numbers that fall are those of a reflector that started again.
      if (this.reach[path] === 0 && back > lost) this.distrust(path);
      this.giveUp(path);
    } else {
      this.addUp(path, lost, lost - back, Math.max(margin, 2 * this.reach[path] + 1));
    }
    this.open(path, number, (this.flags[path] & WINDOW_UNCERTAIN) | KNOWN);
  }

  /** Hot: the step adds up. */
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

  /** All that is pending stays unknown. */
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
