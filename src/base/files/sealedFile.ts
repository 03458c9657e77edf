/**
 * Small files of a state directory: JSON with a checksum, complete or absent after a crash. A damaged one is
 * quarantined.
 *
 * `{"format":"<format>","version":1,"sha256":"<64 hex digits>","entry":<body>}` and a line feed. The checksum covers
 * the bytes of the body in the file.
 */

import { createHash, type Hash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { replaceFile } from './syncedFile.js';

/** Result of reading: the JSON body; a later version, whatever the rest looks like; or the reason of a missing body. */
type Unsealed = { readonly body: string } | { readonly newer: string } | { readonly damage: string };

const VERSION = 1;
/** The start of every version. */
const START = /^\{"format":"([a-z-]+)","version":(\d+)[,}]/;
const HEAD = /^\{"format":"[a-z-]+","version":\d+,"sha256":"([0-9a-f]{64})","entry":/;
const TAIL = '}\n';

/** The content of a file; undefined without a file. Rejects with the system's error. */
export async function readSealed(path: string, format: string): Promise<Unsealed | undefined> {
  try {
    return unseal(format, await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces `path` by a new file with a JSON body. Rejects as `replaceFile`. */
export function writeSealed(path: string, format: string, body: string): Promise<void> {
  return replaceFile(path, seal(format, body));
}

/** Why there is no body. */
export function damageOf(unsealed: Exclude<Unsealed, { readonly body: string }>): string {
  return 'damage' in unsealed
    ? unsealed.damage
    : `it was written by a newer version of LLAMA (format ${unsealed.newer})`;
}

/**
 * Renames a damaged file, so that it is kept but never read again. Returns the new path. Rejects with the system's
 * error.
 */
export async function setAside(path: string): Promise<string> {
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
  await rename(path, aside);
  return aside;
}

/** The checksum, for a body that is written in parts. */
export function bodyHash(): Hash {
  return createHash('sha256');
}

export function seal(format: string, body: string, sha256 = bodyHash().update(body).digest('hex')): string {
  return `{"format":"${format}","version":${VERSION},"sha256":"${sha256}","entry":${body}${TAIL}`;
}

export function unseal(format: string, text: string): Unsealed {
  if (text === '') return { damage: 'it is empty' };
  const [, found, version = ''] = START.exec(text) ?? [];
  if (found !== format) return { damage: 'it does not begin as a state file does' };
  if (/^[1-9]/.test(version) && Number(version) > VERSION) return { newer: version };
  if (version !== String(VERSION)) return { damage: `found the format's version ${version}, expected ${VERSION}` };
  const head = HEAD.exec(text);
  if (head === null) return { damage: 'it does not begin as a state file does' };
  if (!text.endsWith(TAIL)) return { damage: 'its end is missing' };
  const body = text.slice(head[0].length, -TAIL.length);
  return bodyHash().update(body).digest('hex') === head[1]
    ? { body }
    : { damage: 'its checksum does not fit its content' };
}
