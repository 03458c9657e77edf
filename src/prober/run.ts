/**
 * A group on one prober thread: when its next probe is due, and which of its probes wait.
 *
 * Schedule: place p of a cycle is stream `order[p mod n]` on source port `p / n` of the thread, so consecutive probes leave one socket towards
 * different targets and go in one system call. Places are spread evenly over the period. An order of several parts is gone through part by part, so
 * that streams at the same place of two parts are apart by a whole part of the period.
 *
 * Waiting probes are a first-in first-out ring of slot numbers: all have the same timeout, so the first in is the first to give up. An entry
 * stays behind when its probe is answered, and its slot may then hold a newer probe: it is known by having been sent after the entry was made.
 */

import { column } from '../base/growable.js';
import { GRACE_NS, slotsPerPath } from '../config/group/limits.js';
import { UNFRAGMENTED_BYTES } from '../net/socket.js';
import { type ProbeFormat, SEND_BATCH } from './formats/format.js';
import { holdNs, marginOf, WaitingLosses } from './lossDirections.js';
import type { SocketSet } from './sources.js';

const FIRST_CAPACITY = 64;
/** Probes of a group start after at most this much, however long its period. */
const LONGEST_START_NS = 200_000_000;

export class ProbeRun {
  readonly id: number;
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly format: ProbeFormat;
  /** Its probes leave by these; none: nothing can be sent. */
  sockets: SocketSet = [];
  /** Its sockets are told never to fragment: because a group wants that, or because its packets are too small for it anyway. */
  readonly neverFragment: boolean;
  private partStreams = 0;
  private partPlaces = 0;
  readonly slotsPerPath: number;
  /** Streams in sending order, and how many places a cycle has. */
  order: Uint32Array = new Uint32Array(0);
  places = 0;
  place = 0;
  /** What is due at `place`: local index of the source port, and where in `order` the stream stands; up to before `portEnd` all leave by that port. */
  port = 0;
  index = 0;
  portEnd = 0;
  /** When the probe at `place` is due, ns on the time line; infinite when there is nothing to send. */
  dueNs = Number.POSITIVE_INFINITY;
  spacingNs = Number.POSITIVE_INFINITY;
  /** Probes still to send; infinite for a group. */
  remaining: number;
  private cycleStartNs = 0;
  /** Entries of probes that may still wait. */
  waiting = 0;
  /** Lost probes whose direction is still undetermined. */
  readonly losses = new WaitingLosses();
  readonly holdNs: number;
  /** Of `LossSplit`. */
  readonly margin: number;
  /** Probes that wait are read from the first, and new ones written to the last; when there is no more room, a larger one follows the last. */
  private first = new Fifo(FIRST_CAPACITY);
  private last = this.first;

  constructor(
    id: number,
    periodNs: number,
    timeoutNs: number,
    format: ProbeFormat,
    count: number,
    neverFragment = false,
  ) {
    this.id = id;
    this.periodNs = periodNs;
    this.timeoutNs = timeoutNs;
    this.format = format;
    this.neverFragment = neverFragment || format.payloadBytes <= UNFRAGMENTED_BYTES;
    this.slotsPerPath = slotsPerPath({ timeoutNs, periodNs });
    this.holdNs = holdNs(periodNs, timeoutNs);
    this.margin = marginOf(periodNs, timeoutNs);
    this.remaining = count > 0 ? count : Number.POSITIVE_INFINITY;
  }

  /** Takes a new order of streams, of `parts` parts of equal length; goes on at the same share of the cycle. `random`: 0 to 1. */
  reorder(order: Uint32Array, ports: number, nowNs: number, random: () => number, parts = 1): void {
    const before = this.places;
    const wasIdle = before === 0;
    this.order = order;
    this.places = order.length * ports;
    this.partStreams = order.length / parts;
    this.partPlaces = this.partStreams * ports;
    // Without streams the run ends; it may also have no source port on this thread.
    if (this.places === 0) {
      this.dueNs = Number.POSITIVE_INFINITY;
      this.spacingNs = Number.POSITIVE_INFINITY;
      return;
    }
    this.spacingNs = this.periodNs / this.places;
    // Multiplied first: the product is exact, so that an order of the same length goes on at the very same place.
    this.place = Math.floor(wasIdle ? random() * this.places : (this.place * this.places) / before);
    this.locate();
    if (this.remaining <= 0) this.dueNs = Number.POSITIVE_INFINITY;
    else if (wasIdle) this.dueNs = nowNs + random() * Math.min(this.spacingNs, LONGEST_START_NS);
    else this.dueNs = Math.min(this.dueNs, nowNs + this.spacingNs);
    this.cycleStartNs = this.dueNs - this.place * this.spacingNs;
    this.reserve();
  }

  /** The stream that is due. */
  get stream(): number {
    return this.order[this.index];
  }

  /** Whether it ends after a number of probes: then none is skipped, the rest comes later. */
  get counted(): boolean {
    return this.remaining !== Number.POSITIVE_INFINITY;
  }

  /** Moves the schedule from here on by `ns`. */
  postpone(ns: number): void {
    this.cycleStartNs += ns;
    this.dueNs += ns;
  }

  /** Hot: goes one place on. */
  next(): void {
    this.place++;
    this.index++;
    this.remaining--;
    if (this.index === this.portEnd) this.turnOver();
    this.dueNs = this.remaining > 0 ? this.cycleStartNs + this.place * this.spacingNs : Number.POSITIVE_INFINITY;
  }

  /** Goes `count` places on. */
  advance(count: number): void {
    this.place += count;
    this.remaining -= count;
    this.turnOver();
    this.dueNs = this.remaining > 0 ? this.cycleStartNs + this.place * this.spacingNs : Number.POSITIVE_INFINITY;
  }

  private turnOver(): void {
    while (this.place >= this.places) {
      this.place -= this.places;
      this.cycleStartNs += this.periodNs;
    }
    this.locate();
  }

  private locate(): void {
    const part = Math.floor(this.place / this.partPlaces);
    const partStart = part * this.partStreams;
    this.port = Math.floor((this.place % this.partPlaces) / this.partStreams);
    this.index = partStart + (this.place % this.partStreams);
    this.portEnd = partStart + this.partStreams;
  }

  /** Whether no further probe can wait, beside a batch that is being gathered: expiry is far behind. */
  get full(): boolean {
    return (this.last.tail - this.last.head) >>> 0 > this.last.slots.length - SEND_BATCH;
  }

  /** `sentNs`: by then its probe had left. */
  push(slot: number, sentNs: number): void {
    const { last } = this;
    const i = last.tail & (last.slots.length - 1);
    last.slots[i] = slot;
    last.sentNs[i] = sentNs;
    last.tail = (last.tail + 1) >>> 0;
    this.waiting++;
  }

  /** The oldest entry; only when `waiting` is above 0. */
  get oldest(): number {
    return this.first.slots[this.first.head & (this.first.slots.length - 1)];
  }

  /** By when the oldest entry's probe had left, ns. */
  get oldestSentNs(): number {
    return this.first.sentNs[this.first.head & (this.first.slots.length - 1)];
  }

  shift(): void {
    this.first.head = (this.first.head + 1) >>> 0;
    this.waiting--;
    if (this.first !== this.last && this.first.tail === this.first.head) this.dropFirst();
  }

  /** So that the first has an entry, if there is any. */
  private dropFirst(): void {
    while (this.first.following !== undefined && this.first.tail === this.first.head) this.first = this.first.following;
  }

  /** Room for all that can wait at a time, so that `push` never grows. Nothing is copied: what waits stays where it is till it is decided. */
  private reserve(): void {
    const { last } = this;
    const inLast = (last.tail - last.head) >>> 0;
    const most = this.places * (Math.ceil((this.timeoutNs + GRACE_NS) / this.periodNs) + 1) + inLast + 2 * SEND_BATCH;
    if (most <= last.slots.length) return;
    this.last = new Fifo(2 ** Math.ceil(Math.log2(most)));
    last.following = this.last;
    this.dropFirst();
  }
}

class Fifo {
  readonly slots: Uint32Array;
  /** Beside each slot: when the system call that sent its probe was over, ns. */
  readonly sentNs: Float64Array;
  head = 0;
  tail = 0;
  following: Fifo | undefined;

  /** `capacity`: a power of two. */
  constructor(capacity: number) {
    this.slots = column(Uint32Array, capacity, capacity);
    this.sentNs = column(Float64Array, capacity, capacity);
  }
}
