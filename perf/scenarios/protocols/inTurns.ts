/** Formats measured in turns with plain STAMP: each pair of neighbours gives a ratio of rates and one of CPU time. */

/** Until code is compiled; once, for all stay alive. */
export const WARM_UP_MS = 1_000;
/** From the start of a slice until it is measured. */
export const SETTLE_MS = 300;
/** From its end until the start of the next one: outstanding probes come back. */
export const REST_MS = 50;

export interface Cost {
  /** Echoes a second. */
  readonly rate: number;
  /** CPU time for each, µs. */
  readonly cpuUs: number;
}

export interface Side {
  readonly name: string;
  readonly measure: () => Promise<Cost>;
}

/** Called with each slice; `plain` is its neighbour, and undefined for plain STAMP itself. */
export type Found = (name: string, cost: Cost, plain: Cost | undefined) => void;

/** Measures each of `others` next to `plain`, `rounds` times; the order alternates from pair to pair. */
export async function inTurns(rounds: number, plain: Side, others: readonly Side[], found: Found): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const other of others) {
      const early = round % 2 === 0 ? await plain.measure() : undefined;
      const cost = await other.measure();
      const beside = early ?? (await plain.measure());
      found(plain.name, beside, undefined);
      found(other.name, cost, beside);
    }
  }
}
