/** What messages show of a file with a secret. Somebody may have written the secret itself in the place of its path. */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

export const NOT_SHOWN = '(a path that leads nowhere, not shown: it may be the secret itself)';

/** The path, unless neither the file nor any folder above it exists. The folders that every path has, `.` and `/`, say nothing. */
export function shownPath(path: string): string {
  if (!path.includes('\0') && existsSync(path)) return path;
  for (let folder = dirname(path); folder !== '.' && folder !== '/'; folder = dirname(folder))
    if (!folder.includes('\0') && existsSync(folder)) return path;
  return NOT_SHOWN;
}

/** The reason of a failure without the path, which Node's messages end with: `ENOENT: no such file or directory, open '/x'`. */
export function withoutPath(reason: string): string {
  return reason.replace(/, [a-z]+ '.*'$/s, '');
}
