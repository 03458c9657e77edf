/** Tokens and passwords in their own files. They never appear in messages. */

import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.js';
import { shownPath, withoutPath } from './shownPath.js';

const TOKEN = /^[\x21-\x7e]+$/;

/** Reads a file; default: without limits. */
type ReadText = (file: string) => string | Promise<string>;

/**
 * The trimmed text of a file; `what` it contains, for the message. Read again for every request, because secrets are
 * rotated.
 * @throws Error for the operator, with the path and the remedy
 */
export async function secretOf(
  file: string,
  what: 'token' | 'password',
  read: ReadText = (path) => readFile(path, 'utf8'),
): Promise<string> {
  let text: string;
  try {
    text = await read(file);
  } catch (cause) {
    const reason = withoutPath(messageOf(cause));
    // Without the cause, which contains the path.
    throw new Error(`${shownPath(file)}: found no ${what} file that can be read (${reason}); check its path and owner`);
  }
  const secret = text.trim();
  if (secret === '') throw new Error(`${file}: found an empty file, expected a ${what} on one line`);
  return secret;
}

/** Whether a text can be sent as a token. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * The header with the token of a file; empty without a file. @throws Error as `secretOf`, or when the file has no valid
 * token.
 */
export async function bearerHeaders(
  file: string | null,
  read?: ReadText,
): Promise<{ readonly authorization?: string }> {
  if (file === null) return {};
  const token = await secretOf(file, 'token', read);
  if (!isToken(token)) throw new Error(`${file}: expected a token in one line of plain text`);
  return { authorization: `Bearer ${token}` };
}
