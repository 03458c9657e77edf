/** Waits for sockets (ppoll) and wakes a waiting thread (eventfd). */

import * as c from './constants.js';
import { check, EINTR, errno, libc, systemError } from './libc.js';
import { NativeMemory } from './memory.js';

const POLLFD_BYTES = 8;
const NS_PER_S = 1_000_000_000;

const wakeMemory = new NativeMemory(8);

/** Opens an eventfd: `wake` makes it readable, and a `PollSet` with it returns. */
export function openWake(): number {
  return check(libc.eventfd(0, c.EFD_NONBLOCK | c.EFD_CLOEXEC), 'eventfd', 'open an event descriptor to wake a thread');
}

export function wake(fd: number): void {
  wakeMemory.u32[0] = 1;
  wakeMemory.u32[1] = 0;
  libc.write(fd, wakeMemory.address, 8);
}

export function closeDescriptor(fd: number): void {
  libc.close(fd);
}

/**
 * A wake descriptor and sockets. `pollfd`: fd i32, events i16, returned events i16.
 * Entry 0 is the wake descriptor, so that a wait on it alone is a wait on a prefix.
 */
export class PollSet {
  readonly sockets: number;
  private readonly memory: NativeMemory;
  private readonly timespecAt: number;
  private readonly wakeFd: number;
  private readonly drainMemory = new NativeMemory(8);

  constructor(wakeFd: number, fds: readonly number[]) {
    this.sockets = fds.length;
    this.wakeFd = wakeFd;
    this.timespecAt = (fds.length + 1) * POLLFD_BYTES;
    this.memory = new NativeMemory(this.timespecAt + 16);
    for (const [i, fd] of [wakeFd, ...fds].entries()) {
      this.memory.i32[i * 2] = fd;
      this.memory.u16[i * 4 + 2] = c.POLLIN;
    }
  }

  /** Waits for the wake descriptor or any socket. Returns the number of ready ones. A timeout of 0 only checks. */
  wait(timeoutNs: number): number {
    return this.poll(this.sockets + 1, timeoutNs);
  }

  /** Waits for the wake descriptor only: received packets stay queued, with the kernel's stamps. */
  sleep(timeoutNs: number): number {
    return this.poll(1, timeoutNs);
  }

  private poll(entries: number, timeoutNs: number): number {
    const ns = Math.max(timeoutNs, 0);
    const seconds = Math.floor(ns / NS_PER_S);
    const { u32, address } = this.memory;
    u32[this.timespecAt >> 2] = seconds;
    u32[(this.timespecAt >> 2) + 2] = ns - seconds * NS_PER_S;
    const ready = libc.ppoll(address, entries, address + this.timespecAt, 0);
    if (ready >= 0) {
      if ((this.memory.u16[3] & c.POLLIN) !== 0) libc.read(this.wakeFd, this.drainMemory.address, 8);
      return ready;
    }
    const code = errno();
    for (let i = 0; i < entries; i++) this.memory.u16[i * 4 + 3] = 0;
    if (code === EINTR) return 0;
    throw systemError('ppoll', code, `wait for ${entries - 1} sockets`);
  }

  /** Whether socket `i` had a datagram at the last `wait`. */
  readable(i: number): boolean {
    return (this.memory.u16[(i + 1) * 4 + 3] & c.POLLIN) !== 0;
  }

  /** Whether socket `i` had something in its error queue (send stamps, ICMP errors) at the last `wait`. */
  hasErrors(i: number): boolean {
    return (this.memory.u16[(i + 1) * 4 + 3] & c.POLLERR) !== 0;
  }
}
