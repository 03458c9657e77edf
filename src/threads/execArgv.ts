/**
 * Options of Node for the threads of a pool. Piscina first tries to `require` a task's file; where Node can require modules, that loads ours by a way that,
 * when a machine is so busy that a thread ends while it begins, once brought the whole process down (v8::Module::IsGraphAsync on a module that
 * was not linked yet). Without that ability the `require` fails at once, and the file is imported as what it is.
 */

const FLAG = '--experimental-require-module';

export const THREAD_EXEC_ARGV: readonly string[] = process.allowedNodeEnvironmentFlags.has(FLAG)
  ? [...process.execArgv, '--no-experimental-require-module']
  : process.execArgv;
