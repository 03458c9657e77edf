/**
 * Admission of answers by memory: from the request until the last reader of its rows is done. When a fleet answers all
 * at once, the rest of the answers stay in the collectors until capacity is free. The memory of the scraper follows
 * from the bound and not from the fleet.
 *
 * Two cases may exceed the bound, because they cannot be known in advance: an answer larger than the collector's last
 * one, by the difference, and an answer that comes more than a second after its request (capacity is not reserved for
 * collectors that hang). An answer larger than the whole capacity is admitted alone. Invariant: the owner of a lease
 * must never wait for another one.
 */

import { Admission } from '../../base/admission.js';
import type { Timing } from '../../base/timing.js';
import type { Lease } from '../results/rowBytes.js';
import { BufferPool } from './bufferPool.js';

/** A request reserves its capacity for this time, ms. Its answer has capacity however late it comes. */
const LONGEST_QUESTION_MS = 1_000;

interface RoomTools {
  readonly timing: Timing;
  readonly pool: BufferPool;
  readonly admission: Admission;
  /** Called with the bytes of each answer that is no longer needed. */
  readonly passed: (bytes: number) => void;
}

export class Room {
  private readonly tools: RoomTools;

  constructor(mostBytes: number, timing: Timing, passed: (bytes: number) => void = () => {}) {
    this.tools = { timing, pool: new BufferPool(mostBytes / 2), admission: new Admission(mostBytes), passed };
  }

  get bytes(): number {
    return this.tools.admission.used;
  }

  /** Reserves about this many bytes, first come, first served. Rejects with the signal's reason when aborted before. */
  async enter(bytes: number, signal: AbortSignal): Promise<Place> {
    return new Place(await this.tools.admission.enter(bytes, signal), this.tools);
  }
}

/** Capacity for one answer, and the memory that it is read into, while a reader needs it. */
export class Place implements Lease {
  private readonly room: RoomTools;
  private bytes: number;
  private memory: Buffer | undefined;
  private holders = 0;
  private cancel: () => void = () => {};
  /** The caller of `enter` is done with it. */
  readonly leave = this.hold();

  /** `bytes` are counted already. */
  constructor(bytes: number, room: RoomTools) {
    this.bytes = bytes;
    this.room = room;
  }

  get over(): boolean {
    return this.holders === 0;
  }

  /** The question is on its way. */
  asked(): void {
    this.cancel = this.room.timing.after(LONGEST_QUESTION_MS, () => this.resize(0));
  }

  /** Memory for the answer, of at least this many bytes; called once. */
  readonly memoryFor = (bytes: number): Buffer => {
    this.cancel();
    this.memory = this.room.pool.take(bytes);
    this.resize(this.memory.length);
    return this.memory;
  };

  hold(): () => void {
    this.holders += 1;
    let held = true;
    return () => {
      if (held && --this.holders === 0) this.end();
      held = false;
    };
  }

  /** Somebody needs the answer until `done` is settled. */
  until(done: Promise<unknown>): void {
    const release = this.hold();
    done.then(release, release);
  }

  private end(): void {
    this.cancel();
    if (this.memory !== undefined) {
      this.room.pool.give(this.memory);
      this.room.passed(this.memory.length);
    }
    this.resize(0);
  }

  private resize(bytes: number): void {
    const more = bytes - this.bytes;
    this.bytes = bytes;
    if (more !== 0) this.room.admission.change(more);
  }
}
