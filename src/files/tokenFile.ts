/** A bearer token in a file of its own. It gets into no message. */

import { readFile } from 'node:fs/promises';

/**
 * The token of a file; `read`: how it is read, by default without limits. To be read again for every request: tokens are rotated.
 * @throws Error for the operator, with the path and what to do
 */
export async function tokenOf(
  file: string,
  read: (file: string) => string | Promise<string> = (path) => readFile(path, 'utf8'),
): Promise<string> {
  let text: string;
  try {
    text = await read(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file}: found no token file that can be read (${reason}); check its path and owner`, { cause });
  }
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${file}: expected a token in one line of plain text`);
  return token;
}
