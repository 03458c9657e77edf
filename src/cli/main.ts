#!/usr/bin/env node
/**
 * The command line: one subcommand per file, loaded when it is called. Exit codes: 0 success, 1 wrong input, 2 could
 * not run, 3 (only probe) no reply was received.
 */

import { CommanderError } from 'commander';
import { ERROR_TABLE, LlamaError } from '../base/errors.js';
import { program } from './program.js';
import { exitProcess } from './shared/exitProcess.js';
import { requireFiles, requireLinux } from './shared/host.js';
import { logLevel, refuseSlips } from './shared/logLevel.js';

const EXIT_COULD_NOT_RUN = 2;

/** A reader of our output that goes away (`llama demo | head`) ends the command quietly. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : EXIT_COULD_NOT_RUN),
  );
}

/** Prints an error for the user, and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ERROR_TABLE.LLAMA_ARGUMENT_INVALID.exitCode;
  if (error instanceof LlamaError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`llama: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT_COULD_NOT_RUN;
}

let exitCode = 0;
try {
  endWithReader();
  requireLinux();
  requireFiles();
  await program(async (work) => {
    // For every command, also those without a log: a typo in name or value is never ignored.
    refuseSlips();
    logLevel('info');
    exitCode = await work();
  }).parseAsync();
} catch (error) {
  exitCode = report(error);
}
await exitProcess(exitCode);
