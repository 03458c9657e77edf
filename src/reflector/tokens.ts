/**
 * `--max-pps`: one token bucket for all threads of a reflector, in a SharedArrayBuffer. A reply costs a token.
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | i32 | tokens, in thousandths |
 * | 4 | i32 | millisecond of the last refill, CLOCK_MONOTONIC modulo 2^32 |
 *
 * A thread never waits for another. Only the thread that advances the millisecond by compare-and-swap adds the tokens
 * due since then. If it dies in between, those tokens are lost, so the limit always holds. In thousandths, the tokens
 * of a millisecond are an integer for any rate, without rounding.
 */

const TOKENS = 0;
const MILLISECOND = 1;
const THOUSANDTHS = 1000;
/** Capacity of the bucket, in time of the rate. */
const BURST_MS = 100;
/** After this time even a rate of one packet a second has filled its bucket. */
const FULL_AFTER_MS = 2000;
/** Limit of a thread's delay between reading the clock and refilling. */
const CLOCK_READ_CAP_MS = 60_000;
/** Highest rate, packets a second: the burst in thousandths fits 31 bits. */
export const MAX_PPS_LIMIT = 20_000_000;

export class TokenBucket {
  private readonly state: Int32Array;
  /** Thousandths added each millisecond: the rate in packets a second. */
  private readonly rate: number;
  private readonly burst: number;

  /** `memory`: of `createTokens`, the same for all threads. */
  constructor(memory: SharedArrayBuffer, maxPps: number) {
    this.state = new Int32Array(memory);
    this.rate = maxPps;
    // A full bucket still collects the fraction of the next token; otherwise low rates would lose it with every packet.
    this.burst = burstOf(maxPps) + THOUSANDTHS - 1;
  }

  /** Hot: takes up to `wanted` tokens at `nowMs` (CLOCK_MONOTONIC). Returns the number taken. */
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

/** In thousandths: the rate times 100 ms, but at least one packet. */
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
