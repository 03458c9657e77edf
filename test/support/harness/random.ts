/** Random numbers from a fixed seed (mulberry32), so that a failing random test fails again. */

export interface Random {
  u32(): number;
  /** 0 to 1, without 1. */
  next(): number;
  /** 0 to `limit` - 1. */
  below(limit: number): number;
  fill(bytes: Uint8Array): void;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
  const next = (): number => u32() / 0x1_0000_0000;
  const below = (limit: number): number => Math.floor(next() * limit);
  const fill = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = u32() & 0xff;
  };
  return { u32, next, below, fill };
}

/** An integer from `low` to below `high`, of a source of numbers from 0 to 1. */
export function randomInteger(random: () => number, low: number, high: number): number {
  return low + Math.floor(random() * (high - low));
}
