/**
 * Ends the process. `process.exit` waits for the threads of libuv, and so for ever for a system call that hangs in one
 * of them: a file system that does not answer, a pipe at the path of a file. In that case the kernel ends the process
 * directly.
 */

/** Requests that a thread of libuv works on, as `process.getActiveResourcesInfo` names them. */
const IN_THREADS = /^(?:FSReq|GetAddrInfoReq|GetNameInfoReq)/;

export async function exitProcess(code: number): Promise<never> {
  if (process.getActiveResourcesInfo().some((name) => IN_THREADS.test(name))) {
    // Restores the terminal, as a plain end would.
    process.emit('exit', code);
    (await import('../../net/libc.js')).libc._exit(code);
  }
  process.exit(code);
}
