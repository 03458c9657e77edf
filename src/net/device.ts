/** Binding a socket to an interface or a VRF: what it sends leaves by it, and it receives only packets that arrived by it. */

import * as c from './constants.js';
import { EPERM, errno, libc, systemError } from './libc.js';
import { NativeMemory } from './memory.js';

/** Longest name of an interface, with the NUL behind it: IFNAMSIZ. */
export const INTERFACE_NAME_BYTES = 16;

const name = new NativeMemory(INTERFACE_NAME_BYTES);

/** A name that no interface has. */
const NO_INTERFACE = new TextEncoder().encode('/');

/** Writes the name into the scratch memory; in place of one that is too long or empty, which no interface has either, `NO_INTERFACE`. */
function write(device: string): void {
  const bytes = new TextEncoder().encode(device);
  name.bytes.fill(0);
  name.bytes.set(bytes.length === 0 || bytes.length >= INTERFACE_NAME_BYTES ? NO_INTERFACE : bytes);
}

/** The index of an interface; 0: this host has none of this name now. One that is made again has another index. */
export function interfaceIndex(device: string): number {
  write(device);
  return libc.if_nametoindex(name.address);
}

/** Binds to `device`, or to none when it is undefined. False when the kernel refuses; `errno` says why. */
export function tryBindToDevice(fd: number, device: string | undefined): boolean {
  if (device === undefined) return true;
  write(device);
  return libc.setsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE, name.address, INTERFACE_NAME_BYTES) === 0;
}

/** @throws SystemCallError that says what is needed: ENODEV without such an interface, EPERM without CAP_NET_RAW on kernels before 5.7. */
export function bindToDevice(fd: number, device: string | undefined, tried: string): void {
  if (tryBindToDevice(fd, device)) return;
  const code = errno();
  const need = code === EPERM ? ' (give CAP_NET_RAW, or use Linux 5.7 or newer)' : '';
  throw systemError('setsockopt(SO_BINDTODEVICE)', code, `${tried}, bound to the interface ${device}${need}`);
}
