/**
 * Options of Node for the threads of a pool. Piscina first tries to `require` a task's file. Where Node can require ES
 * modules, that path once crashed the whole process, when a thread ended during its start on a busy machine
 * (v8::Module::IsGraphAsync on a module that was not linked yet). Without that ability `require` fails at once, and the
 * file is imported.
 */

const FLAG = '--experimental-require-module';

export const THREAD_EXEC_ARGV: readonly string[] = process.allowedNodeEnvironmentFlags.has(FLAG)
  ? [...process.execArgv, '--no-experimental-require-module']
  : process.execArgv;
