/** Opening a file that somebody named, without waiting for a writer that never comes. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** What a shell passes with `<(command)`, and standard input: somebody writes there. */
const PASSED = /^\/(?:dev|proc)\//;

/**
 * Opens a file for reading. A pipe of the file system would hold the main thread until somebody writes to it, deaf to signals, and is refused.
 * @throws Error of the system, or one that names a pipe
 */
export function openFile(path: string): number {
  if (PASSED.test(path)) return openSync(path, 'r');
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!fstatSync(descriptor).isFIFO()) return descriptor;
  closeSync(descriptor);
  throw new Error('it is a pipe, expected a file');
}
