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
import { libc } from './libc.js';
import { NativeMemory } from './memory.js';

const TIMEX_BYTES = 208;
const MODES = 0;
const MAX_ERROR = 24;
const STATUS = 40;

export class ClockSync {
  /** False too where the kernel doesn't tell. */
  synchronised = false;
  /** The most that the clock may be wrong, microseconds, by the kernel's account, which grows until the time service speaks again. */
  maxErrorUs = 0;
  private readonly memory = new NativeMemory(TIMEX_BYTES);

  /** Asks the kernel: 1 µs. */
  read(): void {
    const { memory } = this;
    memory.u32[MODES >> 2] = 0;
    const state = libc.adjtimex(memory.address);
    this.synchronised = state >= 0 && state !== TIME_ERROR && (memory.i32[STATUS >> 2] & STA_UNSYNC) === 0;
    this.maxErrorUs = memory.u32[MAX_ERROR >> 2] + memory.u32[(MAX_ERROR >> 2) + 1] * 2 ** 32;
  }
}
