/** `options.md` and `scraper-options.md`: the options of a collector and of a scraper, from their tables and schemas. */

import { namedOptions, type OptionTable } from '../../../src/config/options/optionSources.js';
import { allOptions } from '../../../src/config/options/options.js';
import type { ProcessOption } from '../../../src/config/options/schema.js';
import { CollectorSchema, CollectorSourceSchema, WRITER_SCHEMAS } from '../../../src/config/scraper/listSchema.js';
import { SCRAPER_OPTIONS } from '../../../src/config/scraper/schema.js';
import type { JsonSchema } from '../jsonSchema.js';
import { code, page, standard, table } from '../markdown.js';

type Named = readonly { readonly name: string; readonly option: ProcessOption<unknown> }[];

const WEIGHT = `The command line weighs more than the environment, the environment more than the file, and the file more than the defaults. An
environment variable that is empty counts as not set. \`llama check FILE\` prints every option that is in effect and where its value came from.`;

export function optionsPage(): string {
  return page(
    '# Options of a collector',
    `The config is YAML. [config/default.yaml](../../config/default.yaml) has every option with its default. Groups have a
[page of their own](group.md). ${WEIGHT}`,
    optionTable('option', allOptions()),
  );
}

export function scraperOptionsPage(): string {
  const { scheme, port } = CollectorSourceSchema.properties;
  return page(
    '# Options of a scraper',
    `The config is YAML. [config/scraper.yaml](../../config/scraper.yaml) has every option with its default. ${WEIGHT}`,
    optionTable('scraper option', namedOptions(SCRAPER_OPTIONS as OptionTable)),
    '## Collectors',
    `\`collectors\` is a list. A collector is a URL, or a map with the keys below. Instead of a list it may be a map with one source,
\`fromFile\`, \`fromHttp\` or \`fromDns\`, with the keys of the [sources of a group](group.md#sources-of-targets); \`scheme\` and \`port\` are for sources only.`,
    keyTable('key of a collector', { ...CollectorSchema.properties, scheme, port }),
    '## Writers',
    '`writers` is a list of maps. `kind` decides which keys a writer has.',
    writerTable(),
  );
}

function optionTable(first: string, options: Named): string {
  return table(
    [first, 'meaning', 'unit and range', 'default', 'environment variable'],
    options.map(({ name, option }) => [code(name), option.doc, option.unit, code(option.default), code(option.env)]),
  );
}

/** Keys of a schema: what is expected, and the default. */
export function keyTable(first: string, keys: Readonly<Record<string, object>>): string {
  return table(
    [first, 'expected, and what it is for', 'default'],
    Object.entries(keys).map(([key, schema]) => [code(key), ...expectedAndDefault(schema)]),
  );
}

function expectedAndDefault({ description = '', default: value }: JsonSchema): [expected: string, standard: string] {
  return [description, standard(value)];
}

/** A row for each key, with the kinds that have it in the same words. */
function writerTable(): string {
  const kindsOf = new Map<string, string[]>();
  for (const [kind, { properties }] of Object.entries(WRITER_SCHEMAS))
    for (const [key, schema] of Object.entries(properties)) {
      const row = JSON.stringify([key, ...expectedAndDefault(schema)]);
      kindsOf.set(row, [...(kindsOf.get(row) ?? []), kind]);
    }
  const rows = [...kindsOf].map(([row, kinds]) => {
    const [key, expected, value]: string[] = JSON.parse(row);
    return [code(key), kinds.map(code).join(', '), expected, value];
  });
  return table(['key of a writer', 'of kind', 'expected, and what it is for', 'default'], rows);
}
