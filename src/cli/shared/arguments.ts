/** Reads values of command-line options. Each error names the option, the text found and the range expected. */

import { LlamaError } from '../../base/errors.js';
import { formatDuration, parseDurationNs } from '../../base/units.js';

export function argumentError(text: string): LlamaError {
  return new LlamaError('LLAMA_ARGUMENT_INVALID', text);
}

/** A whole number from 1 to `most`. @throws LlamaError `LLAMA_ARGUMENT_INVALID` */
export function parseCount(option: string, text: string, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw argumentError(`${option} ${JSON.stringify(text)}: expected a whole number from 1 to ${most}`);
}

/** Nanoseconds of a duration from `leastNs` to `mostNs`. @throws LlamaError `LLAMA_ARGUMENT_INVALID` */
export function parseDuration(option: string, text: string, leastNs: number, mostNs: number): number {
  const ns = parseDurationNs(text);
  if (ns !== undefined && ns >= leastNs && ns <= mostNs) return ns;
  throw argumentError(
    `${option} ${JSON.stringify(text)}: expected a duration with a unit, such as 10ms or 1s, from ${formatDuration(leastNs)} to ${formatDuration(mostNs)}`,
  );
}
