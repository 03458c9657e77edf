/** The process's log: JSON lines on stderr, pretty on a terminal. stdout is for results; the log never goes there. */

import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { type LogLevel, logLevel } from './logLevel.js';

const STDERR = 2;

/**
 * Writes are synchronous, so that the last line before an exit is written. `LLAMA_LOG_LEVEL` sets the level, else it is
 * `standard`.
 * @throws LlamaError `LLAMA_ARGUMENT_INVALID`
 */
export function createLogger(standard: LogLevel = 'info'): Logger {
  const options = {
    level: logLevel(standard),
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return process.stderr.isTTY
    ? pino(options, pretty({ destination: STDERR, sync: true, colorize: true, translateTime: 'SYS:HH:MM:ss.l' }))
    : pino(options, pino.destination({ dest: STDERR, sync: true }));
}
