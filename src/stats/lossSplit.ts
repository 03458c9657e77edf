/**
 * Which way probes were lost: from the numbers that a stateful reflector gives its replies (RFC 8762 section 4.3), or from the count of packets it
 * received (direct measurement, RFC 8972 section 4.5). Pure; per path, in columns.
 *
 * Between two replies the sender knows how many probes it sent and how many came back, and the reflector's numbers tell how many it saw:
 *
 *     lost on the way back = (number - earlier number) - replies since the earlier one
 *     lost on the way out  = lost - lost on the way back
 *
 * It must never say which way when it can't know. So:
 * - Probes come here in the order they were sent, each when its time is over, so that everything that will count is known.
 * - A window is closed only at a reply before which nothing that was sent later was numbered, and what it says is held back until the next
 *   window adds up too: a lost probe that was overtaken shows there.
 * - Where numbers don't add up (the reflector started again, packets were doubled or overtook each other), what was lost around stays unknown.
 * - A number equal to the sender's own is no information: a stateless reflector copies it. Senders leave out number 0, so that a stateful
 *   one is behind from the start.
 *
 * What no sender can see: a doubled probe whose second reply is lost looks like a loss on the way back, and of two lost probes that overtook each
 * other one may be taken for the other (1 in 100 where 5 % overtake and 10 % are lost).
 */

import { column, grown } from './growable.js';

/** Replies that a window in which probes overtook each other stays open for. */
const PATIENCE = 8;

const KNOWN = 1;
/** The numbers around can't be trusted for what is lost in this window. */
const UNCERTAIN = 2;
/** In the place of a number of losses. */
const DOUBTED = 0xffff;

export class LossSplit {
  /** What the last call of `received` settled: that many of the path's oldest pending probes, and how many of them were lost on the way out; -1: not known. */
  settled = 0;
  settledForward = -1;
  /** By path: the number of the reply that opened the window, replies since (the opening one is not one), probes lost since, and flags. */
  private base: Uint32Array;
  private replies: Uint8Array;
  private lostCount: Uint16Array;
  private flags: Uint8Array;
  /** By path: what the window before says, held back: probes lost, and how many of them on the way out. */
  private heldLost: Uint16Array;
  private heldForward: Uint16Array;

  /** Room for `paths`, and without copying anything for `most`. */
  constructor(paths: number, most = paths) {
    this.base = column(Uint32Array, paths, most);
    this.replies = column(Uint8Array, paths, most);
    this.lostCount = column(Uint16Array, paths, most);
    this.flags = column(Uint8Array, paths, most);
    this.heldLost = column(Uint16Array, paths, most);
    this.heldForward = column(Uint16Array, paths, most);
  }

  /** Makes room for paths below `paths`. */
  reserve(paths: number): void {
    if (paths <= this.flags.length) return;
    this.base = grown(this.base, paths);
    this.replies = grown(this.replies, paths);
    this.lostCount = grown(this.lostCount, paths);
    this.flags = grown(this.flags, paths);
    this.heldLost = grown(this.heldLost, paths);
    this.heldForward = grown(this.heldForward, paths);
  }

  /** Forgets what is known of a path: another target has its number now. */
  forget(path: number): void {
    this.flags[path] = 0;
    this.replies[path] = 0;
    this.lostCount[path] = 0;
    this.heldLost[path] = 0;
    this.heldForward[path] = 0;
  }

  /** Probes of the path that were lost and are not settled. */
  pending(path: number): number {
    return this.heldLost[path] + this.lostCount[path];
  }

  /** Whether the last reply of the path had a number that tells something. */
  isKnown(path: number): boolean {
    return (this.flags[path] & KNOWN) !== 0;
  }

  /** Whether it matters at the path's next reply that it was overtaken. */
  isOpen(path: number): boolean {
    return this.lostCount[path] !== 0 || this.replies[path] !== 0;
  }

  /** What the numbers say of the path's pending losses is wrong: they stay unknown. */
  doubt(path: number): void {
    this.flags[path] |= UNCERTAIN;
    this.heldForward[path] = DOUBTED;
  }

  /** Hot: the next probe of the path was lost. False: so many are pending that this one is not counted; its way stays unknown. */
  lost(path: number): boolean {
    if (this.lostCount[path] === 0xffff) {
      this.flags[path] |= UNCERTAIN;
      return false;
    }
    this.lostCount[path]++;
    return true;
  }

  /** The next probe of the path was dropped by this host, or its slot is gone: whether the reflector numbered it can't be known. */
  uncertain(path: number): void {
    this.flags[path] |= UNCERTAIN;
  }

  /**
   * Hot: the next probe of the path was answered with `number`; its own was `sequence`. `overtaken`: a probe of the path that was sent later has a
   * lower number. Fills `settled` and `settledForward`.
   */
  received(path: number, sequence: number, number: number, overtaken: boolean): void {
    const lost = this.lostCount[path];
    if (number === sequence || (this.flags[path] & KNOWN) === 0) {
      this.settle(path, this.heldLost[path] + lost, -1);
      this.open(path, number, number === sequence ? 0 : KNOWN);
      return;
    }
    const replies = ++this.replies[path];
    if (overtaken && replies < PATIENCE) {
      this.settled = 0;
      this.settledForward = 0;
      return;
    }
    const back = ((number - this.base[path]) | 0) - replies;
    if (overtaken || back < 0 || back > lost) {
      this.settle(path, this.heldLost[path] + lost, -1);
      this.open(path, number, KNOWN | UNCERTAIN);
      return;
    }
    const certain = (this.flags[path] & UNCERTAIN) === 0;
    if (lost > 0 && !certain) {
      this.settle(path, this.heldLost[path] + lost, -1);
    } else {
      this.settle(path, this.heldLost[path], this.heldForward[path] === DOUBTED ? -1 : this.heldForward[path]);
      this.heldLost[path] = lost;
      this.heldForward[path] = lost - back;
    }
    this.open(path, number, KNOWN);
  }

  private settle(path: number, lost: number, forward: number): void {
    this.settled = lost;
    this.settledForward = forward;
    this.heldLost[path] = 0;
    this.heldForward[path] = 0;
  }

  private open(path: number, number: number, flags: number): void {
    this.base[path] = number;
    this.replies[path] = 0;
    this.lostCount[path] = 0;
    this.flags[path] = flags;
  }
}
