/**
 * The C library's functions, called by koffi. Pointers are plain numbers (user-space addresses are below 2^53), which
 * is the fastest way: 50 ns a call. A caller that passes an address must keep a reference to its buffer.
 */

import { constants } from 'node:os';
import koffi from 'koffi';
import { type ErrorCode, LlamaError } from '../base/errors.js';

type Call = (...args: readonly number[]) => number;

const library = koffi.load(null);
const declare = (name: string, result: string, ...args: string[]): Call => library.func(name, result, args) as Call;

export const libc = {
  socket: declare('socket', 'int', 'int', 'int', 'int'),
  bind: declare('bind', 'int', 'int', 'uintptr_t', 'uint'),
  connect: declare('connect', 'int', 'int', 'uintptr_t', 'uint'),
  getsockname: declare('getsockname', 'int', 'int', 'uintptr_t', 'uintptr_t'),
  setsockopt: declare('setsockopt', 'int', 'int', 'int', 'int', 'uintptr_t', 'uint'),
  getsockopt: declare('getsockopt', 'int', 'int', 'int', 'int', 'uintptr_t', 'uintptr_t'),
  close: declare('close', 'int', 'int'),
  _exit: declare('_exit', 'int', 'int'),
  dup3: declare('dup3', 'int', 'int', 'int', 'int'),
  sendmmsg: declare('sendmmsg', 'int', 'int', 'uintptr_t', 'uint', 'int'),
  recvmmsg: declare('recvmmsg', 'int', 'int', 'uintptr_t', 'uint', 'int', 'uintptr_t'),
  ppoll: declare('ppoll', 'int', 'uintptr_t', 'ulong', 'uintptr_t', 'uintptr_t'),
  eventfd: declare('eventfd', 'int', 'uint', 'int'),
  read: declare('read', 'long', 'int', 'uintptr_t', 'size_t'),
  write: declare('write', 'long', 'int', 'uintptr_t', 'size_t'),
  flock: declare('flock', 'int', 'int', 'int'),
  setpriority: declare('setpriority', 'int', 'int', 'uint', 'int'),
  sched_setscheduler: declare('sched_setscheduler', 'int', 'int', 'int', 'uintptr_t'),
  clock_gettime: declare('clock_gettime', 'int', 'int', 'uintptr_t'),
  adjtimex: declare('adjtimex', 'int', 'uintptr_t'),
  if_nametoindex: declare('if_nametoindex', 'uint', 'uintptr_t'),
} as const;

/** An optional function of any library linked into the process; null when missing. */
export function declareOptional(name: string, result: string, ...args: string[]): Call | null {
  try {
    return declare(name, result, ...args);
  } catch {
    return null;
  }
}

/** The errno of this thread's last failed call. Read it directly after the call. */
export function errno(): number {
  return koffi.errno();
}

export const {
  EINTR,
  EAGAIN,
  EACCES,
  EINVAL,
  EMSGSIZE,
  EPERM,
  ENOBUFS,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EMFILE,
  ENFILE,
  ENODEV,
} = constants.errno;

/** For synonyms (EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP) the first name. */
const ERRNO_NAMES = new Map<number, string>(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, value]) => [value, name]),
);

export function errnoName(value: number): string {
  return ERRNO_NAMES.get(value) ?? `errno ${value}`;
}

const CODE_OF_ERRNO = new Map<number, ErrorCode>([
  [EADDRINUSE, 'LLAMA_ADDRESS_IN_USE'],
  [EMFILE, 'LLAMA_NO_FILES'],
  [ENFILE, 'LLAMA_NO_FILES'],
]);

const REMEDIES = new Map<number, string>([
  [EADDRINUSE, 'end the program that holds the port (ss -lunp shows it), or choose another port'],
  [EMFILE, 'raise the limit of open files (ulimit -n, LimitNOFILE in systemd), or use fewer source ports'],
  [ENFILE, 'raise fs.file-max, the limit of open files of the whole system'],
  [EADDRNOTAVAIL, 'this host does not have the address; ip address shows those it has'],
  [constants.errno.EACCES, 'ports below 1024 need CAP_NET_BIND_SERVICE'],
  [constants.errno.ENODEV, 'this host has no interface of this name; ip link shows those it has'],
  [constants.errno.EAFNOSUPPORT, 'this kernel has the address family turned off'],
]);

/** A failed system call. */
export class SystemCallError extends LlamaError {
  readonly errno: number;

  constructor(code: number, message: string, options: { cause?: unknown } = {}) {
    super(CODE_OF_ERRNO.get(code) ?? 'LLAMA_SYSTEM_CALL', message, options);
    this.errno = code;
  }
}

/** The error of a system call, with its name, the errno's name, and the attempted action. */
export function systemError(call: string, code: number, tried: string): SystemCallError {
  const remedy = REMEDIES.get(code);
  const text = `${call}: ${errnoName(code)} while trying to ${tried}${remedy === undefined ? '' : `: ${remedy}`}`;
  return new SystemCallError(code, text);
}

/** Throws the `systemError` of the last failure when `result` is negative; otherwise returns it. */
export function check(result: number, call: string, tried: string): number {
  if (result < 0) throw systemError(call, errno(), tried);
  return result;
}
