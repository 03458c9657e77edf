/**
 * Expires probes. A probe without a reply is lost. It is a local drop when its socket's receive queue overflowed while
 * it waited: the cause is then unknown, and the network is not blamed.
 */

import { NS_PER_MS } from '../base/units.js';
import { GRACE_NS } from '../config/group/limits.js';
import { receiveQueueDrops } from '../net/socket.js';
import { Outcome } from '../ring/ring.js';
import { LossDirections } from './lossDirections.js';
import type { ProbeRun } from './run.js';
import { COUNTER, type ProberState } from './state.js';
import { F64, SlotState, U8, U32 } from './tables/slots.js';
import { placeOf, type ReceiveQueue } from './tables/sources.js';

/** Longest time between two readings of the drop counters: a rise is known to have happened within it. */
const DROPS_EVERY_NS = 100 * NS_PER_MS;

export class Expiry {
  private readonly state: ProberState;
  private readonly readDrops: (fd: number) => number;
  readonly directions: LossDirections;
  private lastReadNs = 0;

  constructor(state: ProberState, readDrops: (fd: number) => number = receiveQueueDrops) {
    this.state = state;
    this.readDrops = readDrops;
    this.directions = new LossDirections(state);
  }

  /**
   * Expires due probes, but only up to `emptyNs`, when all sockets were last read empty. A reply that the kernel
   * received in time has been read by then, even if this thread was delayed. Returns the time before which all probes
   * of `run` are decided.
   */
  expire(run: ProbeRun, emptyNs: number, nowNs: number): number {
    const { slots } = this.state;
    const limitNs = emptyNs - GRACE_NS - run.timeoutNs;
    while (run.waiting > 0) {
      const slot = run.oldest;
      const leftNs = run.oldestSentNs;
      // Sent after the entry was made: the slot holds a later probe, which has its own entry.
      if (slots.sentNs[slot * F64] > leftNs) {
        this.directions.uncertain(slots.path[slot * U32]);
      } else {
        if (slots.state[slot * U8] === SlotState.waiting) {
          // The thread may be delayed between reading the time and sending, so the timeout begins after the system
          // call.
          if (leftNs > limitNs) return this.notBefore(run, slots.sentNs[slot * F64], nowNs);
          this.giveUp(run, slot, nowNs);
        }
        // Dropped by this host: the reflector may have numbered it.
        if (slots.state[slot * U8] === SlotState.dropped) this.directions.uncertain(slots.path[slot * U32]);
        else this.directions.decided(run, slot, nowNs);
      }
      run.shift();
    }
    return this.notBefore(run, nowNs, nowNs);
  }

  /** The watermark waits for losses whose direction is still undetermined. */
  private notBefore(run: ProbeRun, decidedNs: number, nowNs: number): number {
    return Math.min(decidedNs, this.directions.waitingSince(run, nowNs));
  }

  /** Reads all drop counters when they are due. */
  watchDrops(nowNs: number): void {
    if (nowNs - this.lastReadNs < DROPS_EVERY_NS) return;
    this.lastReadNs = nowNs;
    for (const queue of this.state.sources.queues) this.refreshDrops(queue, nowNs);
  }

  private refreshDrops(queue: ReceiveQueue, nowNs: number): void {
    if (queue.dropsReadNs === nowNs) return;
    queue.dropsReadNs = nowNs;
    const drops = this.readDrops(queue.fd);
    const more = (drops - queue.drops) >>> 0;
    if (more === 0) return;
    queue.drops = drops;
    queue.lastDropNs = nowNs;
    this.state.counters[COUNTER.receiveQueueDrops] += more;
  }

  /** Decides all waiting probes of `stream` as local drops, because its slots are freed. */
  abandon(stream: number): void {
    const { slots, streams } = this.state;
    const first = streams.slot(stream, 0, 0);
    const end = first + (streams.slotMask[stream] + 1) * streams.ports;
    for (let slot = first; slot < end; slot++) {
      if (slots.state[slot * U8] === SlotState.waiting)
        this.decide(slot, stream, slots.path[slot * U32] - stream * streams.ports, true);
    }
  }

  private giveUp(run: ProbeRun, slot: number, nowNs: number): void {
    const { slots, streams } = this.state;
    const path = slots.path[slot * U32];
    const stream = Math.floor(path / streams.ports);
    const localIndex = path - stream * streams.ports;
    // The reply may have gone to the socket that sent in this place before.
    let local = false;
    let socket = run.sockets[placeOf(localIndex, streams.family[stream])];
    for (; socket !== undefined; socket = socket.replaces) {
      this.refreshDrops(socket.queue, nowNs);
      local ||= slots.sentNs[slot * F64] <= socket.queue.lastDropNs;
    }
    this.decide(slot, stream, localIndex, local);
  }

  private decide(slot: number, stream: number, localIndex: number, local: boolean): void {
    const { slots, counters } = this.state;
    slots.state[slot * U8] = local ? SlotState.dropped : SlotState.expired;
    counters[local ? COUNTER.localDrops : COUNTER.lost]++;
    const outcome = local ? Outcome.localDrop : Outcome.lost;
    this.state.record(stream, localIndex, outcome, 0, 0, 0, slots.sentNs[slot * F64], 0, 0, slots.sequence[slot * U32]);
  }
}
