/** Binds a socket to an interface or a VRF: it sends and receives by that interface only. */

import * as c from './constants.js';
import { EPERM, errno, libc, systemError } from './libc.js';
import { NativeMemory } from './memory.js';

/** Longest name of an interface, including the final NUL: IFNAMSIZ. */
const INTERFACE_NAME_BYTES = 16;

const name = new NativeMemory(INTERFACE_NAME_BYTES);

/** An invalid interface name. */
const NO_INTERFACE = new TextEncoder().encode('/');

/** Writes the name into the scratch memory. An empty or too long name is invalid too, and becomes `NO_INTERFACE`. */
function write(device: string): void {
  const bytes = new TextEncoder().encode(device);
  name.bytes.fill(0);
  name.bytes.set(bytes.length === 0 || bytes.length >= INTERFACE_NAME_BYTES ? NO_INTERFACE : bytes);
}

/** The index of an interface; 0 when it does not exist. A recreated interface has another index. */
export function interfaceIndex(device: string): number {
  write(device);
  return libc.if_nametoindex(name.address);
}

/** Binds to `device`, unless it is undefined. False when the kernel refuses; `errno` has the reason. */
export function tryBindToDevice(fd: number, device: string | undefined): boolean {
  if (device === undefined) return true;
  write(device);
  return libc.setsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE, name.address, INTERFACE_NAME_BYTES) === 0;
}

/**
 * @throws SystemCallError with the remedy: ENODEV without such an interface, EPERM without CAP_NET_RAW on kernels
 * before 5.7.
 */
export function bindToDevice(fd: number, device: string | undefined, tried: string): void {
  if (tryBindToDevice(fd, device)) return;
  const code = errno();
  const need = code === EPERM ? ' (give CAP_NET_RAW, or use Linux 5.7 or newer)' : '';
  throw systemError('setsockopt(SO_BINDTODEVICE)', code, `${tried}, bound to the interface ${device}${need}`);
}
