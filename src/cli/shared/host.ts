/**
 * Requirements of every command on the host, checked before anything is loaded or opened: a shortage ends in one
 * sentence, not in a stack trace.
 */

import { readFileSync } from 'node:fs';
import { LlamaError } from '../../base/errors.js';

/**
 * Node opens this many files at a time while it loads a command's modules (some 270 were seen); open sockets come on
 * top.
 */
const PROGRAM_FILES = 320;

/** @throws LlamaError `LLAMA_PLATFORM` on anything but Linux, x64 or arm64. */
export function requireLinux(): void {
  if (process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')) return;
  throw new LlamaError(
    'LLAMA_PLATFORM',
    `llama runs on Linux, x64 or arm64; this is ${process.platform}, ${process.arch}: it needs the kernel's time stamps and per-packet DSCP`,
  );
}

/**
 * Checks this process's limit of open files for `sockets` sockets in addition to the program itself.
 * @throws LlamaError `LLAMA_NO_FILES`
 */
export function requireFiles(sockets = 0): void {
  const limit = openFilesLimit(readFileSync('/proc/self/limits', 'utf8'));
  const needed = PROGRAM_FILES + sockets;
  if (limit >= needed) return;
  const purpose = sockets === 0 ? 'to load the program' : `${PROGRAM_FILES} for the program and ${sockets} for sockets`;
  const fewer = sockets === 0 ? '' : ', or use fewer source ports';
  throw new LlamaError(
    'LLAMA_NO_FILES',
    `found a limit of ${limit} open files, expected at least ${needed} (${purpose}); raise it (ulimit -n, LimitNOFILE in systemd)${fewer}`,
  );
}

/** The soft limit in the text of /proc/PID/limits; Node has raised it to the hard limit when it started. */
export function openFilesLimit(limits: string): number {
  const text = /^Max open files\s+(\S+)/m.exec(limits)?.[1] ?? 'unlimited';
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
