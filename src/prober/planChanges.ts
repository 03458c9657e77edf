/**
 * Carries out plan changes in pieces. Each iteration adds, retires and forgets a few streams, so that a change of ten
 * thousand does not delay due probes.
 */

import { slotsPerPath } from '../config/group/limits.js';
import type { RunMessage } from '../threads/messages.js';
import type { Expiry } from './expiry.js';
import type { ProberState } from './state.js';

/**
 * Work limit of an iteration, in units of one stream added, retired or forgotten: about 0.1 ms of CPU time. Streams
 * with many slots count for more.
 */
export const WORK_A_TURN = 128;
/** Slots whose clearing takes about as long as the rest of a stream. */
const SLOTS_A_UNIT = 1024;

/** Retired streams that are not forgotten yet. */
interface Retired {
  readonly change: number;
  readonly streams: Uint32Array;
  /**
   * When the last probe of the streams is decided, if the sockets were read; and when late replies are no longer
   * expected.
   */
  readonly decidedNs: number;
  readonly atNs: number;
  forgotten: number;
}

export interface RetirementTimes {
  readonly decidedNs: number;
  readonly atNs: number;
}

export class Changes {
  private readonly state: ProberState;
  private readonly expiry: Expiry;
  private left = 0;
  private added = 0;
  private removed = 0;
  private swapped: RetirementTimes | undefined;
  /** Number of the change in progress, from 1. */
  private change = 1;
  private readonly retired: Retired[] = [];

  constructor(state: ProberState, expiry: Expiry) {
    this.state = state;
    this.expiry = expiry;
  }

  /** Begins an iteration. */
  beginTurn(): void {
    this.left = WORK_A_TURN;
  }

  /**
   * Whether the new order of the change in progress is in effect, and some of its removed streams are not retired yet.
   */
  get midway(): boolean {
    return this.swapped !== undefined;
  }

  /** Whether the last iteration left streams that could be forgotten. */
  get behind(): boolean {
    return this.retired.some(({ forgotten }) => forgotten > 0);
  }

  /**
   * Continues a change within the work limit; true when it is done. `swap` puts the new order into effect once all new
   * streams are added, and returns when the retired ones can be forgotten.
   */
  carryOut(message: RunMessage, swap: () => RetirementTimes): boolean {
    const { added, removed } = message;
    for (; this.added < added.ids.length; this.added++) {
      if (this.left <= 0) return false;
      this.takeIn(message, this.added);
    }
    // A message costs one unit itself.
    if (this.left <= 0) return false;
    this.left--;
    this.swapped ??= swap();
    for (; this.removed < removed.length; this.removed++) {
      if (this.left <= 0) return false;
      this.left--;
      const stream = removed[this.removed];
      // Unknown to an incarnation of the thread that began after the stream was removed.
      if (this.state.streams.has(stream)) this.state.streams.retiredBy[stream] = this.change;
    }
    if (removed.length > 0) this.retired.push({ change: this.change, streams: removed, ...this.swapped, forgotten: 0 });
    this.change++;
    this.added = 0;
    this.removed = 0;
    this.swapped = undefined;
    return true;
  }

  /** Whether any retired streams wait to be forgotten. */
  get hasRetired(): boolean {
    return this.retired.length > 0;
  }

  /**
   * Frees retired streams whose last probe is decided and whose late replies are no longer expected. True when all of a
   * change are freed.
   */
  forget(nowNs: number, watermarkNs: number): boolean {
    let freed = false;
    for (let i = 0; i < this.retired.length && this.left > 0; i++) {
      const set = this.retired[i];
      if (nowNs < set.atNs || watermarkNs < set.decidedNs) continue;
      for (; set.forgotten < set.streams.length && this.left > 0; set.forgotten++) {
        const stream = set.streams[set.forgotten];
        this.left--;
        // The stream number may be in use again.
        if (this.state.streams.retiredBy[stream] === set.change) this.remove(stream);
      }
      if (set.forgotten < set.streams.length) break;
      this.retired.splice(i--, 1);
      freed = true;
    }
    return freed;
  }

  private takeIn(message: RunMessage, row: number): void {
    const { added, periodNs, timeoutNs, payloadBytes, format } = message;
    const { streams, formats } = this.state;
    const stream = added.ids[row];
    // The stream number is in use again before its retirement here is over: this thread was delayed until both changes
    // had arrived. The remaining probes are charged to this host.
    if (streams.has(stream)) {
      this.expiry.abandon(stream);
      this.remove(stream);
    }
    const { directions } = this.expiry;
    const number = formats.numberOf(format, payloadBytes);
    streams.add(added, slotsPerPath({ timeoutNs, periodNs }), number, timeoutNs, row, row + 1);
    streams.set[stream] = message.set;
    directions.reserve();
    directions.forget(stream);
    this.left--;
  }

  private remove(stream: number): void {
    const { streams } = this.state;
    this.left -= streams.slotsOf(stream) / SLOTS_A_UNIT;
    streams.remove(stream);
  }
}
