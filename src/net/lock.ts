/** A lock on a file that the kernel gives back when its holder dies, however it dies: there is no stale lock to judge. */

import { LOCK_EX, LOCK_NB } from './constants.js';
import { EAGAIN, errno, libc, systemError } from './libc.js';

/** Locks the open file for this process; false when another open file has the lock. Closing the descriptor ends it. */
export function tryLock(fd: number, tried: string): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errno();
  if (code === EAGAIN) return false;
  throw systemError('flock', code, tried);
}
