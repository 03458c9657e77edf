/** `result-fields.md`: the fields of a result row and of a path, from their schemas. */

import { PathSchema, ResultRowSchema } from '../../../src/api/shared/answers.js';
import { fieldTable, type JsonSchema } from '../jsonSchema.js';
import { page } from '../markdown.js';

export function resultFieldsPage(): string {
  return page(
    '# Fields of results',
    `Times are ISO 8601 in UTC, or epoch milliseconds where the name ends in \`Ms\`. Latencies are microseconds (\`Us\`), with up to three decimals.
Percentiles are exact to 0.1 %; minimum, mean and maximum are exact. In every row and every path
\`sent\` = \`received\` + \`lost\` + \`unreachable\` + \`localDrops\` + \`tooBig\`.`,
    '## Row',
    'A row is about one group, target and class in one interval: an element of `results` in `GET /v1/results` and `GET /v1/stream`.',
    fieldTable(ResultRowSchema as JsonSchema, []),
    '## Path',
    'A path is about one flow: the same group, target and class on one source port. It is an element of `paths` in `GET /v1/paths`.',
    fieldTable(PathSchema as JsonSchema, []),
  );
}
