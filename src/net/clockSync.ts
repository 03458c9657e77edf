/**
 * Whether a time service keeps this host's clock, as the kernel knows it from who adjusts it (NTP, chrony, PTP's phc2sys): adjtimex(2), asked with
 * modes 0, which changes nothing and needs no privileges.
 *
 * `struct timex` on 64-bit Linux, 208 bytes; what is read of it:
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
  /** False too where the kernel doesn't tell. */
  synchronised = false;
  /** Name of the errno with which the kernel refuses to tell; null when it tells. */
  refused: string | null = null;
  /** The most that the clock may be wrong, microseconds, by the kernel's account, which grows until the time service speaks again. */
  maxErrorUs = 0;
  private readonly memory = new NativeMemory(TIMEX_BYTES);
  private readonly adjtimex: (address: number) => number;

  /** The call is passed in by tests. */
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

/** What the results lack where the kernel does not tell; empty where it does. */
export function clockSyncWarnings({ refused }: Pick<ClockSync, 'refused'>, consequence: string): string[] {
  if (refused === null) return [];
  return [
    `adjtimex is refused (${refused}): whether a time service keeps the clock of this host is unknown, so ${consequence}; allow the call (in systemd: ProtectClock=no, or SystemCallFilter=adjtimex)`,
  ];
}
