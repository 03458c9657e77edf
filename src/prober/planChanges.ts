/**
 * Carrying out what the main thread asks for, in pieces: streams are taken in, taken out and forgotten a few at a time, turn by turn, so that
 * a change of ten thousand is not noticed by the probes that are due meanwhile.
 */

import { slotsPerPath } from '../config/group/limits.js';
import type { RunMessage } from '../threads/messages.js';
import type { Expiry } from './expiry.js';
import type { ProberState } from './state.js';

/**
 * What one turn may do, in units of one stream taken in, taken out or forgotten: some 0.1 ms of CPU time. Streams with many slots count for more.
 */
export const WORK_A_TURN = 128;
/** Clearing so many slots takes about as long as the rest of a stream. */
const SLOTS_A_UNIT = 1024;

/** Streams that were taken out, on their way to being forgotten. */
interface Retired {
  readonly change: number;
  readonly streams: Uint32Array;
  /** When their last probe is decided, if the sockets were read; and when late replies have had their time too. */
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
  /** Number of the change that is being carried out, from 1. */
  private change = 1;
  private readonly retired: Retired[] = [];

  constructor(state: ProberState, expiry: Expiry) {
    this.state = state;
    this.expiry = expiry;
  }

  /** A turn begins. */
  beginTurn(): void {
    this.left = WORK_A_TURN;
  }

  /** Whether the new order of the change that is being carried out is in effect, but not all of its streams are taken out. */
  get midway(): boolean {
    return this.swapped !== undefined;
  }

  /** Whether streams could be forgotten that the last turn had no time for. */
  get behind(): boolean {
    return this.retired.some(({ forgotten }) => forgotten > 0);
  }

  /**
   * Goes on with a change as far as this turn allows; true when it is done. `swap` puts the new order into effect, when all new streams are
   * in, and says when those that are taken out can be forgotten.
   */
  carryOut(message: RunMessage, swap: () => RetirementTimes): boolean {
    const { added, removed } = message;
    for (; this.added < added.ids.length; this.added++) {
      if (this.left <= 0) return false;
      this.takeIn(message, this.added);
    }
    // That a message was there costs something too.
    if (this.left <= 0) return false;
    this.left--;
    this.swapped ??= swap();
    for (; this.removed < removed.length; this.removed++) {
      if (this.left <= 0) return false;
      this.left--;
      const stream = removed[this.removed];
      // Not known to a life of the thread that began when the stream was out already.
      if (this.state.streams.has(stream)) this.state.streams.retiredBy[stream] = this.change;
    }
    if (removed.length > 0) this.retired.push({ change: this.change, streams: removed, ...this.swapped, forgotten: 0 });
    this.change++;
    this.added = 0;
    this.removed = 0;
    this.swapped = undefined;
    return true;
  }

  /** Whether any streams that were taken out wait to be forgotten. */
  get hasRetired(): boolean {
    return this.retired.length > 0;
  }

  /** Frees streams that were taken out, when their last probe is decided and late replies to it have had their time. True when all of a change are. */
  forget(nowNs: number, watermarkNs: number): boolean {
    let freed = false;
    for (let i = 0; i < this.retired.length && this.left > 0; i++) {
      const set = this.retired[i];
      if (nowNs < set.atNs || watermarkNs < set.decidedNs) continue;
      for (; set.forgotten < set.streams.length && this.left > 0; set.forgotten++) {
        const stream = set.streams[set.forgotten];
        this.left--;
        // Its number may have come back meanwhile.
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
    // The number of a stream that was taken out is given out again before its time here is over: this thread was held up so long that
    // it hears of both at once. What still waits was this host's fault.
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
