/** Small files with secrets: tokens and keys. Their content gets into no message. */

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { type ErrorCode, LlamaError, messageOf } from '../base/errors.js';
import { openFile } from '../base/files/openFile.js';
import { shownPath, withoutPath } from '../base/files/shownPath.js';
import { openAllowed } from './allowed.js';
import { toPointer } from './files/problems.js';

const MAX_BYTES = 2 ** 20;
const READABLE_BY_ALL = 0o004;
const TYPE_BITS = 0o777;

/**
 * The text of a file, which must be in one of `directories` where they are given; warns when every user of the host can
 * read it.
 * @throws LlamaError `code`, with the file and the option that names it
 */
export function readSecret(
  file: string,
  option: string,
  code: ErrorCode,
  warn: (text: string) => void,
  directories?: readonly string[],
): string {
  const { text, mode } = readSmall(file, option, code, directories);
  if ((mode & READABLE_BY_ALL) !== 0)
    warn(
      `${file} (${option}): every user of this host can read it (mode ${(mode & TYPE_BITS).toString(8)}); chmod o= ${file}`,
    );
  return text;
}

/** The text of a file that is no secret, with the same errors. */
export function readSmall(
  file: string,
  option: string,
  code: ErrorCode,
  directories?: readonly string[],
): { readonly text: string; readonly mode: number } {
  try {
    const descriptor = directories === undefined ? openFile(file) : openAllowed(file, directories);
    try {
      const stats = fstatSync(descriptor);
      if (directories !== undefined && !stats.isFile()) throw new Error('it is not a file');
      if (stats.size > MAX_BYTES) throw new Error(`it has ${stats.size} bytes, more than ${MAX_BYTES}`);
      return { text: readFileSync(descriptor, 'utf8'), mode: stats.mode };
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const reason = withoutPath(messageOf(cause));
    // The cause of Node has the path.
    throw unusable(
      code,
      option,
      `${shownPath(file)} (${option}): found no file that can be read: ${reason}; check path and owner`,
    );
  }
}

/** The error of a file that cannot be used; its problem points to the option that names the file. */
export function unusable(code: ErrorCode, option: string, message: string): LlamaError {
  return new LlamaError(code, message, { problems: [{ path: toPointer(option.split('.')), message }] });
}
