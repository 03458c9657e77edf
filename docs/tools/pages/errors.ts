/** `errors.md`: every code, from the error table. */

import { ERROR_TABLE } from '../../../src/base/errors.js';
import { code, page, table } from '../markdown.js';

export function errorsPage(): string {
  return page(
    '# Errors',
    `An error of the API is a problem document (RFC 9457, \`application/problem+json\`) with the fields \`type\`, \`title\`, \`status\`,
\`detail\`, \`code\` and \`instance\`. \`detail\` says what was found, what was expected and what to do. \`problems\` lists every problem of an
input: a JSON pointer and a message each, and the line and column where the input is text. \`code\` is stable.`,
    `A command ends with the exit code of the same table: 1 for wrong input, 2 when it could not run. \`llama probe\` also ends with 3, which is no
error: probes were decided and none was received.`,
    table(
      ['code', 'HTTP status', 'exit code', 'title'],
      Object.entries(ERROR_TABLE).map(([name, { status, exitCode, title }]) => [
        code(name),
        `${status}`,
        `${exitCode}`,
        title,
      ]),
    ),
  );
}
