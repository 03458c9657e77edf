/** Opens a file given by the user, without waiting for a writer that may never come. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Paths that a shell passes with `<(command)`, and standard input: they have a writer. */
const PASSED = /^\/(?:dev|proc)\//;

/**
 * Opens a file for reading. A named pipe is refused: it would block the main thread, including signals, until another
 * process writes to it.
 * @throws Error of the system, or one that names a pipe
 */
export function openFile(path: string): number {
  if (PASSED.test(path)) return openSync(path, 'r');
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!fstatSync(descriptor).isFIFO()) return descriptor;
  closeSync(descriptor);
  throw new Error('it is a pipe, expected a file');
}
