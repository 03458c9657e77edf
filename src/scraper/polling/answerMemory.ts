/**
 * Room for answers on their way through the scraper: from the question until the last who needs its rows is done with them. What a fleet sends
 * in one moment stays in the collectors until there is room, so the memory of the scraper follows from the bound and not from the fleet.
 *
 * Over the bound goes what nobody could know beforehand: an answer larger than the collector's last one, by the difference, and one that came
 * more than a second after the question (places are not kept for collectors that hang). An answer larger than all the room has it alone.
 * Whoever has a place must never wait for another one.
 */

import { Admission } from '../../base/admission.js';
import type { Timing } from '../../targets/source.js';
import type { Lease } from '../results/rowBytes.js';
import { BufferPool } from './bufferPool.js';

/** A question has its place for so long; its answer has one however late it comes. */
const LONGEST_QUESTION_MS = 1_000;

interface RoomTools {
  readonly timing: Timing;
  readonly pool: BufferPool;
  readonly admission: Admission;
  /** Told of the bytes of each answer that nobody needs any more. */
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

  /** A place for about so many bytes when there is one, first come, first served. Rejects with the signal's reason when it is aborted before. */
  async enter(bytes: number, signal: AbortSignal): Promise<Place> {
    return new Place(await this.tools.admission.enter(bytes, signal), this.tools);
  }
}

/** Room for one answer, and the memory that it is read into, for as long as anybody needs it. */
export class Place implements Lease {
  private readonly room: RoomTools;
  private bytes: number;
  private memory: Buffer | undefined;
  private holders = 0;
  private cancel: () => void = () => {};
  /** Whoever entered is done with it. */
  readonly leave = this.hold();

  /** It is counted with so many bytes already. */
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

  /** Memory for the answer, of at least so many bytes; asked for once. */
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
