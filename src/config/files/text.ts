/** The text of a config file, and everything that is wrong with it as one error: the same for every kind of config. */

import { closeSync, readFileSync } from 'node:fs';
import { type ErrorCode, LlamaError, type Problem } from '../../base/errors.js';
import { openFile } from '../../base/files/openFile.js';
import { andMore, formatProblem, MOST_PROBLEMS } from './problems.js';

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'it may not be read by this user; change its owner or mode',
  EISDIR: 'it is a directory; name a file in it',
};

/** @throws LlamaError `LLAMA_CONFIG_UNREADABLE` */
export function readConfigText(file: string): string {
  try {
    const descriptor = openFile(file);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor));
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const why =
      cause instanceof TypeError && code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? 'it is not UTF-8 text; expected a YAML file'
        : (UNREADABLE[code] ?? message);
    throw new LlamaError('LLAMA_CONFIG_UNREADABLE', `${file}: ${why}`, { cause });
  }
}

/** All problems of a config as one error, in the order of the file; of very many the first. */
export function configFailure(
  code: ErrorCode,
  fileName: string,
  problems: readonly Problem[],
  cause?: LlamaError,
): LlamaError {
  // A mistake that two tests of a LLAMA configuration share is reported once.
  const distinct = [...new Map(problems.map((problem) => [formatProblem(problem, fileName), problem])).values()];
  const sorted = distinct.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  const listed = sorted.slice(0, MOST_PROBLEMS);
  const text = listed.map((problem) => formatProblem(problem, fileName)).join('\n');
  return new LlamaError(code, `${text}${andMore(sorted.length, listed.length)}`, {
    problems: listed,
    problemCount: sorted.length,
    cause,
  });
}
