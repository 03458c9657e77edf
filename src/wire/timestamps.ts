/**
 * The two 64-bit time formats of STAMP and TWAMP, distinguished by the Z bit of the error estimate.
 *
 * | format | Z | first 32 bits | last 32 bits |
 * | --- | ---: | --- | --- |
 * | PTPv2, truncated (RFC 8877 section 4.3) | 1 | seconds since 1970 | nanoseconds, below 10^9 |
 * | NTP (RFC 5905 section 6) | 0 | seconds since 1900 | fraction of a second, 2^-32 |
 *
 * Times are UTC, as every known sender writes them, instead of PTP's TAI: a difference of two times of one host is the
 * same in both. Arithmetic is on doubles, exact, without BigInt and without allocation.
 */

/** Seconds from 1900 to 1970. */
const NTP_TO_UNIX_S = 2_208_988_800;
const NS_PER_S = 1_000_000_000;
const TWO_16 = 65_536;

/**
 * Converts NTP seconds to seconds since 1970. NTP seconds roll over in 2036: a number that era 0 would put before 1970
 * counts as era 1. So the result covers 1970 to 2106, as PTPv2 seconds do.
 */
export function unixSecondsOfNtp(ntpS: number): number {
  return (ntpS - NTP_TO_UNIX_S) >>> 0;
}

/** Converts seconds since 1970 to NTP seconds, modulo the era. */
export function ntpSecondsOfUnix(unixS: number): number {
  return (unixS + NTP_TO_UNIX_S) >>> 0;
}

/**
 * Whole nanoseconds in an NTP fraction: floor(fraction * 10^9 / 2^32), always below 10^9. The product has 62 bits; it
 * is split at 16 bits so that every step is exact in a double.
 */
export function nanosecondsOfFraction(fraction: number): number {
  const high = fraction >>> 16;
  const low = fraction & 0xffff;
  return Math.floor((high * NS_PER_S + Math.floor((low * NS_PER_S) / TWO_16)) / TWO_16);
}

/** The smallest NTP fraction that is not before `ns` nanoseconds; `nanosecondsOfFraction` returns exactly `ns`. */
export function fractionOfNanoseconds(ns: number): number {
  const high = Math.floor((ns * TWO_16) / NS_PER_S);
  const rest = ns * TWO_16 - high * NS_PER_S;
  return high * TWO_16 + Math.ceil((rest * TWO_16) / NS_PER_S);
}
