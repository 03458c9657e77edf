/** Sets and reads socket options. The scratch memory serves one call at a time; a value stays in it until the next. */

import { errno, libc, systemError } from './libc.js';
import { NativeMemory } from './memory.js';

export const optionMemory = new NativeMemory(256);
/** Byte offsets in the scratch memory: up to 64 bytes of a value, and its length. */
export const OPTION_VALUE = 0;
export const OPTION_LENGTH = 64;

/** False when the kernel refuses; `errno` has the reason. */
export function trySetOption(fd: number, level: number, option: number, value: number): boolean {
  optionMemory.i32[OPTION_VALUE >> 2] = value;
  return libc.setsockopt(fd, level, option, optionMemory.address + OPTION_VALUE, 4) === 0;
}

/** Sets a required option. Throws the `systemError` of a refusal. */
export function setOption(fd: number, level: number, option: number, value: number, name: string, tried: string): void {
  if (!trySetOption(fd, level, option, value)) throw systemError(`setsockopt(${name})`, errno(), tried);
}

/** Reads an option of up to 64 bytes into the scratch memory; false when the kernel refuses. */
export function tryGetOption(fd: number, level: number, option: number, bytes: number): boolean {
  optionMemory.u32[OPTION_LENGTH >> 2] = bytes;
  return (
    libc.getsockopt(fd, level, option, optionMemory.address + OPTION_VALUE, optionMemory.address + OPTION_LENGTH) === 0
  );
}
