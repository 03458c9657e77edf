/** `group.md`: the keys of a group, of its targets and of the sources of targets, from their schemas. */

import { GroupSchema, TargetSchema } from '../../../src/config/group/groupSchema.js';
import { page } from '../markdown.js';
import { keyTable } from './options.js';

const SOURCES = ['fromFile', 'fromHttp', 'fromDns'] as const;

export function groupPage(): string {
  const sourceKeys = SOURCES.flatMap((source) =>
    Object.entries(GroupSchema.properties[source].properties).map(([key, schema]) => [`${source}.${key}`, schema]),
  );
  return page(
    '# Keys of a group',
    `A group is a named set of targets that are probed alike. In a config it stands under \`groups:\` by its name: 1 to 64 letters, digits, dots,
dashes and underscores. In the API it is the body of \`PUT /v1/groups/{name}\`, with the same keys.`,
    keyTable('key', GroupSchema.properties),
    '## Targets',
    'A target is an address, or a map with these keys:',
    keyTable('key of a target', TargetSchema.properties),
    '## Sources of targets',
    'A group has exactly one of `targets`, `fromFile`, `fromHttp` and `fromDns`.',
    keyTable('key of a source', Object.fromEntries(sourceKeys)),
  );
}
