/**
 * `--max-pps`: one token bucket for all threads of a reflector, in a SharedArrayBuffer. A reply costs a token.
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | i32 | tokens, in thousandths |
 * | 4 | i32 | millisecond of the last refill, CLOCK_MONOTONIC modulo 2^32 |
 *
 * No thread ever waits for another. The thread that moves the millisecond on by compare-and-swap, and no other, adds what has come
 * due since; a thread that dies in between loses those tokens, so the limit holds in any case. Thousandths make the amount of
 * a millisecond a whole number for any rate: nothing is rounded away.
 */

const TOKENS = 0;
const MILLISECOND = 1;
const THOUSANDTHS = 1000;
/** The bucket holds this much of the rate. */
const BURST_MS = 100;
/** After this long even one packet a second has filled its bucket. */
const FULL_AFTER_MS = 2000;
/** No thread is held up for longer than this between reading the clock and refilling. */
const CLOCK_READ_CAP_MS = 60_000;
/** Most packets a second: the burst in thousandths fits 31 bits. */
export const MAX_PPS_LIMIT = 20_000_000;

export class TokenBucket {
  private readonly state: Int32Array;
  /** Thousandths that a millisecond brings: the rate in packets a second. */
  private readonly rate: number;
  private readonly burst: number;

  /** `memory`: of `createTokens`, the same for all threads. */
  constructor(memory: SharedArrayBuffer, maxPps: number) {
    this.state = new Int32Array(memory);
    this.rate = maxPps;
    // A full bucket still collects the parts of the next token: else low rates would lose them with every packet.
    this.burst = burstOf(maxPps) + THOUSANDTHS - 1;
  }

  /** Hot: takes up to `wanted` tokens at `nowMs` (CLOCK_MONOTONIC); how many there were. */
  take(wanted: number, nowMs: number): number {
    this.refill(Math.floor(nowMs) | 0);
    for (;;) {
      const held = Atomics.load(this.state, TOKENS);
      const granted = Math.min(wanted, Math.floor(held / THOUSANDTHS));
      if (granted === 0) return 0;
      if (Atomics.compareExchange(this.state, TOKENS, held, held - granted * THOUSANDTHS) === held) return granted;
    }
  }

  private refill(ms: number): void {
    const last = Atomics.load(this.state, MILLISECOND);
    let elapsed = (ms - last) | 0;
    if (elapsed === 0) return;
    // Below 0: another thread has read its clock later. Far below: 25 days without a packet.
    if (elapsed < 0 && elapsed > -CLOCK_READ_CAP_MS) return;
    if (Atomics.compareExchange(this.state, MILLISECOND, last, ms) !== last) return;
    if (elapsed < 0 || elapsed > FULL_AFTER_MS) elapsed = FULL_AFTER_MS;
    for (;;) {
      const held = Atomics.load(this.state, TOKENS);
      const filled = Math.min(this.burst, held + elapsed * this.rate);
      if (Atomics.compareExchange(this.state, TOKENS, held, filled) === held) return;
    }
  }
}

/** In thousandths: 100 ms worth of the rate, but at least one packet. */
function burstOf(maxPps: number): number {
  return Math.max(THOUSANDTHS, maxPps * BURST_MS);
}

/** The bucket's memory, full at `nowMs`. */
export function createTokens(maxPps: number, nowMs: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(8);
  const state = new Int32Array(memory);
  state[TOKENS] = burstOf(maxPps);
  state[MILLISECOND] = Math.floor(nowMs) | 0;
  return memory;
}
