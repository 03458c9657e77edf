/** The path of a secret's file in messages. A user may have given the secret itself in place of its path. */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

const NOT_SHOWN = '(a path that leads nowhere, not shown: it may be the secret itself)';

/** The path, unless neither the file nor any folder above it exists. `.` and `/` do not count: every path has them. */
export function shownPath(path: string): string {
  if (!path.includes('\0') && existsSync(path)) return path;
  for (let folder = dirname(path); folder !== '.' && folder !== '/'; folder = dirname(folder))
    if (!folder.includes('\0') && existsSync(folder)) return path;
  return NOT_SHOWN;
}

/**
 * The reason of a failure without the path at the end of Node's messages: `ENOENT: no such file or directory, open
 * '/x'`.
 */
export function withoutPath(reason: string): string {
  return reason.replace(/, [a-z]+ '.*'$/s, '');
}
