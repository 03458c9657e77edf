/**
 * For each counter of a thread, the last occurrence that it counted: the packet's source or destination, and the
 * kernel's error. The thread overwrites it in place; the main thread reads it for a warning's text. One record a
 * counter:
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | i32 | version: odd while the thread writes the record, 0 before the first time |
 * | 4 | u32 | IP version of the address: 4, 6 |
 * | 8 | u32 | port; 0 without one |
 * | 12 | u32 | bytes of the packet |
 * | 16 | u32 | code: an errno, or ICMP type * 256 + code |
 * | 20 | u32 | stream + 1; 0 without a stream |
 * | 24 | 16 bytes | address in network order, an IPv4 address in the first 4 |
 * | 40 | f64 | time, ns on the thread's time line |
 *
 * A reader copies the record between two equal even versions, otherwise it retries: the writer never waits. Versions
 * are written and read with Atomics, so that stores of the record never move across them.
 */

export const EXAMPLE_BYTES = 48;
const WORDS = EXAMPLE_BYTES / 4;
const ADDRESS_WORD = 6;
const AT_DOUBLE = 5;
/** A reader that always meets the writer at work gives up: the packets arrive faster than a person reads. */
const TRIES = 100;

export interface Example {
  readonly version: 4 | 6;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly bytes: number;
  readonly code: number;
  /** undefined when the packet belongs to no stream. */
  readonly stream: number | undefined;
  /** ns on the thread's time line. */
  readonly atNs: number;
}

export class Examples {
  /** Current time of the thread, ns, or a moment earlier. */
  nowNs = 0;
  private readonly i32: Int32Array;
  private readonly u32: Uint32Array;
  private readonly f64: Float64Array;

  /** For `count` counters, in `memory` from byte `offset` on, a multiple of 8. */
  constructor(memory: SharedArrayBuffer, offset: number, count: number) {
    this.i32 = new Int32Array(memory, offset, count * WORDS);
    this.u32 = new Uint32Array(memory, offset, count * WORDS);
    this.f64 = new Float64Array(memory, offset, (count * EXAMPLE_BYTES) / 8);
  }

  /**
   * Hot where packets are refused: overwrites the example of a counter. `words` has the address from index `at` on, in
   * memory order; `port` is as in memory, big-endian. `stream`: -1 without one.
   */
  note(
    counter: number,
    version: number,
    words: Uint32Array,
    at: number,
    port: number,
    bytes: number,
    code: number,
    stream: number,
  ): void {
    const { u32, i32 } = this;
    const word = counter * WORDS;
    // Already odd when an earlier thread died during its write.
    const next = i32[word] | 1;
    Atomics.store(i32, word, next);
    u32[word + 1] = version;
    u32[word + 2] = ((port & 0xff) << 8) | (port >> 8);
    u32[word + 3] = bytes;
    u32[word + 4] = code;
    u32[word + 5] = stream + 1;
    const count = version === 6 ? 4 : 1;
    for (let i = 0; i < count; i++) u32[word + ADDRESS_WORD + i] = words[at + i];
    this.f64[counter * (EXAMPLE_BYTES / 8) + AT_DOUBLE] = this.nowNs;
    Atomics.store(i32, word, next + 1);
  }

  /** undefined before the first occurrence, and while the thread overwrites it continuously. */
  read(counter: number): Example | undefined {
    const { i32 } = this;
    const word = counter * WORDS;
    for (let tries = 0; tries < TRIES; tries++) {
      const version = Atomics.load(i32, word);
      if (version === 0) return undefined;
      const example = this.copy(word);
      if ((version & 1) === 0 && Atomics.load(i32, word) === version) return example;
    }
    return undefined;
  }

  private copy(word: number): Example {
    const record = Uint32Array.from(this.u32.subarray(word, word + WORDS));
    const version = record[1] === 6 ? 6 : 4;
    return {
      version,
      address: new Uint8Array(record.buffer, ADDRESS_WORD * 4, version === 6 ? 16 : 4),
      port: record[2],
      bytes: record[3],
      code: record[4],
      stream: record[5] === 0 ? undefined : record[5] - 1,
      atNs: new Float64Array(record.buffer)[AT_DOUBLE],
    };
  }
}

/** The newest example; the threads must share a time line. */
export function newest(examples: readonly (Example | undefined)[]): Example | undefined {
  return examples.reduce((a, b) => (a === undefined || (b !== undefined && b.atNs > a.atNs) ? b : a), undefined);
}
