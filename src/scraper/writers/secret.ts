/** A token or password as a writer's config names it: in place, or in a file, which is read anew each time so that it can be changed. */

import { readFile } from 'node:fs/promises';
import { WriteLater } from './later.js';

export async function secretOf(value: string | undefined, file: string | undefined, what: string): Promise<string> {
  if (file === undefined) return value ?? '';
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new WriteLater(
      `the ${what} file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}; check its path and owner`,
      { cause: error },
    );
  }
  const secret = text.trim();
  if (secret === '') throw new WriteLater(`the ${what} file ${file} is empty; it must hold the ${what} on one line`);
  return secret;
}
