/**
 * Whether a time service (NTP, chrony, PTP's phc2sys) keeps this host's clock synchronised, according to the kernel:
 * adjtimex(2) with modes 0, which is read-only and needs no privileges.
 *
 * `struct timex` on 64-bit Linux, 208 bytes; the fields read:
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | modes u32 |
 * | 24 | maximum error i64, microseconds |
 * | 40 | status i32 |
 */

import { STA_UNSYNC, TIME_ERROR } from './constants.js';
import { errno, errnoName, libc } from './libc.js';
import { NativeMemory } from './memory.js';

const TIMEX_BYTES = 208;
const MODES = 0;
const MAX_ERROR = 24;
const STATUS = 40;

export class ClockSync {
  /** Also false where the kernel refuses the call. */
  synchronised = false;
  /** Name of the errno of a refused call; null otherwise. */
  refused: string | null = null;
  /**
   * Maximum error of the clock in microseconds, according to the kernel. It grows until the next update by the time
   * service.
   */
  maxErrorUs = 0;
  private readonly memory = new NativeMemory(TIMEX_BYTES);
  private readonly adjtimex: (address: number) => number;

  /** Tests pass their own call. */
  constructor(adjtimex: (address: number) => number = (address) => libc.adjtimex(address)) {
    this.adjtimex = adjtimex;
  }

  /** Asks the kernel: 1 µs. */
  read(): void {
    const { memory } = this;
    memory.u32[MODES >> 2] = 0;
    const state = this.adjtimex(memory.address);
    this.refused = state < 0 ? errnoName(errno()) : null;
    this.synchronised = state >= 0 && state !== TIME_ERROR && (memory.i32[STATUS >> 2] & STA_UNSYNC) === 0;
    this.maxErrorUs = memory.u32[MAX_ERROR >> 2] + memory.u32[(MAX_ERROR >> 2) + 1] * 2 ** 32;
  }
}

/** Consequence of a refused call for the results; empty otherwise. */
export function clockSyncWarnings({ refused }: Pick<ClockSync, 'refused'>, consequence: string): string[] {
  if (refused === null) return [];
  return [
    `adjtimex is refused (${refused}): whether a time service keeps the clock of this host is unknown, so ${consequence}; allow the call (in systemd: ProtectClock=no, or SystemCallFilter=adjtimex)`,
  ];
}
