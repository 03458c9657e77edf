/**
 * The fixed buckets of round-trip times for Prometheus. They never change with the data, so that counts of many
 * intervals, targets and collectors can be summed. A time belongs to the first bucket whose bound it does not exceed.
 */

import { NS_PER_US } from '../base/units.js';

/** Upper bounds, ns; a last bucket holds all greater times. Fine in the range of networks: 25 µs to 2.5 s. */
export const RTT_BOUNDS_NS: readonly number[] = [
  25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
].map((us) => us * NS_PER_US);

/** Buckets of a row: one for each bound, and the last. */
export const RTT_BUCKETS = RTT_BOUNDS_NS.length + 1;
