/** `LLAMA_LOG_LEVEL`: how much is logged. */

import { strangeVariables } from '../../config/options/environment.js';
import { argumentError } from './arguments.js';

const VARIABLE = 'LLAMA_LOG_LEVEL';
/** pino's levels, most severe first, and none at all. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The level that the environment asks for, else `standard`. An empty variable counts as not set. @throws LlamaError
 * `LLAMA_ARGUMENT_INVALID`
 */
export function logLevel(standard: LogLevel, env: NodeJS.ProcessEnv = process.env): LogLevel {
  const text = env[VARIABLE] ?? '';
  if (text === '') return standard;
  const level = LOG_LEVELS.find((one) => one === text);
  if (level !== undefined) return level;
  throw argumentError(
    `found the environment variable ${VARIABLE}=${JSON.stringify(text)}, expected one of ${LOG_LEVELS.join(', ')}; correct it, or unset it`,
  );
}

/** @throws LlamaError `LLAMA_ARGUMENT_INVALID` for a variable whose name is a typo of `LLAMA_LOG_LEVEL`. */
export function refuseSlips(env: NodeJS.ProcessEnv = process.env): void {
  const slip = strangeVariables(env, [], null).find(({ meant }) => meant !== undefined);
  if (slip !== undefined) throw argumentError(slip.message);
}
