/**
 * A group on one prober thread: its schedule and its outstanding probes.
 *
 * Schedule: place p of a cycle is stream `order[p mod n]` on source port `p / n` of the thread. So consecutive probes
 * leave one socket towards different targets, in one system call. Places are spread evenly over the period. The parts
 * of an order follow one after the other. Streams at the same place of two parts are therefore a whole part of the
 * period apart.
 *
 * Outstanding probes are a FIFO of slot numbers: all have the same timeout, so they expire in the order of sending. An
 * entry stays in the FIFO when its probe is answered, and its slot may then hold a newer probe. The newer probe has a
 * send time after the entry's.
 */

import { column } from '../base/growable.js';
import { GRACE_NS, slotsPerPath } from '../config/group/limits.js';
import { UNFRAGMENTED_BYTES } from '../net/socket.js';
import { type ProbeFormat, SEND_BATCH } from './formats/format.js';
import { holdNs, marginOf, WaitingLosses } from './lossDirections.js';
import type { SocketSet } from './tables/sources.js';

const FIRST_CAPACITY = 64;
/** Limit of the delay before the first probe of a group, for any period, ns. */
const LONGEST_START_NS = 200_000_000;

export class ProbeRun {
  readonly id: number;
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly format: ProbeFormat;
  /** Source sockets; nothing can be sent without one. */
  sockets: SocketSet = [];
  /** Its sockets set "don't fragment": the group asks for that, or its packets are too small to be fragmented. */
  readonly neverFragment: boolean;
  private partStreams = 0;
  private partPlaces = 0;
  readonly slotsPerPath: number;
  /** Streams in sending order, and the places of a cycle. */
  order: Uint32Array = new Uint32Array(0);
  places = 0;
  place = 0;
  /**
   * At `place`: local index of the source port, and index of the stream in `order`. All indexes before `portEnd` use
   * that port.
   */
  port = 0;
  index = 0;
  portEnd = 0;
  /** When the probe at `place` is due, ns on the time line; Infinity when nothing is to be sent. */
  dueNs = Number.POSITIVE_INFINITY;
  spacingNs = Number.POSITIVE_INFINITY;
  /** Probes still to send; Infinity for a group. */
  remaining: number;
  private cycleStartNs = 0;
  /** Entries of the FIFO, including answered probes. */
  waiting = 0;
  /** Lost probes whose direction is still undetermined. */
  readonly losses = new WaitingLosses();
  readonly holdNs: number;
  /** Clean steps that `LossSplit` requires around a window. */
  readonly margin: number;
  /**
   * FIFO of outstanding probes, in segments: read from the first, written to the last. A full segment is followed by a
   * larger one.
   */
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

  /**
   * Changes the order of streams, in `parts` parts of equal length, and continues at the same share of the cycle.
   * `random`: at least 0, below 1.
   */
  reorder(order: Uint32Array, ports: number, nowNs: number, random: () => number, parts = 1): void {
    const before = this.places;
    const wasIdle = before === 0;
    this.order = order;
    this.places = order.length * ports;
    this.partStreams = order.length / parts;
    this.partPlaces = this.partStreams * ports;
    // Without streams the run ends. It may also have no source port on this thread.
    if (this.places === 0) {
      this.dueNs = Number.POSITIVE_INFINITY;
      this.spacingNs = Number.POSITIVE_INFINITY;
      return;
    }
    this.spacingNs = this.periodNs / this.places;
    // Multiplied first: the product is exact, so an order of the same length continues at the same place.
    this.place = Math.floor(wasIdle ? random() * this.places : (this.place * this.places) / before);
    this.locate();
    if (this.remaining <= 0) this.dueNs = Number.POSITIVE_INFINITY;
    else if (wasIdle) this.dueNs = nowNs + random() * Math.min(this.spacingNs, LONGEST_START_NS);
    else this.dueNs = Math.min(this.dueNs, nowNs + this.spacingNs);
    this.cycleStartNs = this.dueNs - this.place * this.spacingNs;
    this.reserve();
  }

  /** The due stream. */
  get stream(): number {
    return this.order[this.index];
  }

  /** Whether the run ends after a number of probes. Its probes are postponed, never skipped. */
  get counted(): boolean {
    return this.remaining !== Number.POSITIVE_INFINITY;
  }

  /** Delays the rest of the schedule by `ns`. */
  postpone(ns: number): void {
    this.cycleStartNs += ns;
    this.dueNs += ns;
  }

  /** Hot: moves to the next place. */
  next(): void {
    this.place++;
    this.index++;
    this.remaining--;
    if (this.index === this.portEnd) this.turnOver();
    this.dueNs = this.remaining > 0 ? this.cycleStartNs + this.place * this.spacingNs : Number.POSITIVE_INFINITY;
  }

  /** Moves on by `count` places. */
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

  /** Whether a further batch might not fit: expiry is far behind. */
  get full(): boolean {
    return (this.last.tail - this.last.head) >>> 0 > this.last.slots.length - SEND_BATCH;
  }

  /** `sentNs`: time after the system call that sent the probe. */
  push(slot: number, sentNs: number): void {
    const { last } = this;
    const i = last.tail & (last.slots.length - 1);
    last.slots[i] = slot;
    last.sentNs[i] = sentNs;
    last.tail = (last.tail + 1) >>> 0;
    this.waiting++;
  }

  /** Slot of the oldest entry; valid only when `waiting` is above 0. */
  get oldest(): number {
    return this.first.slots[this.first.head & (this.first.slots.length - 1)];
  }

  /** Time after the system call that sent the oldest entry's probe, ns. */
  get oldestSentNs(): number {
    return this.first.sentNs[this.first.head & (this.first.slots.length - 1)];
  }

  shift(): void {
    this.first.head = (this.first.head + 1) >>> 0;
    this.waiting--;
    if (this.first !== this.last && this.first.tail === this.first.head) this.dropFirst();
  }

  /** Skips empty segments, so that the first one has an entry if any has. */
  private dropFirst(): void {
    while (this.first.following !== undefined && this.first.tail === this.first.head) this.first = this.first.following;
  }

  /**
   * Capacity for all probes that can wait at a time, so that `push` never grows. Nothing is copied: entries stay in
   * their segment until they are decided.
   */
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
  /** By slot index: time after the system call that sent the probe, ns. */
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
