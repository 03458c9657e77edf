/** JSON schemas as tables of their fields. Pure. */

import { code, table } from './markdown.js';

/** The keywords of JSON Schema that the schemas of the API use. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** Of a map, from any key to a value; OpenAPI documents have the second in place of the first. */
  readonly patternProperties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
}

/** A schema that has a table of its own elsewhere, and the link to it. */
export interface KnownSchema {
  readonly schema: JsonSchema;
  readonly link: string;
}

/** `string or null`, `list of integer`, `0 or 1`. */
export function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeText(schema.items)}`;
  if (schema.type === 'object') return isMap(schema) ? 'map' : 'object';
  return schema.type ?? 'any';
}

const isMap = ({ patternProperties, additionalProperties }: JsonSchema): boolean =>
  patternProperties !== undefined || typeof additionalProperties === 'object';

/**
 * A row for each field of an object, the fields of its objects and lists of objects behind it: `intervals[].results[].sent`. The fields of a
 * known schema are one row with its link.
 */
export function fieldTable(schema: JsonSchema, known: readonly KnownSchema[]): string {
  const rows = objectsIn(schema).flatMap(({ object, suffix }) => fields(object, suffix, known));
  return rows.length === 0 ? '' : table(['field', 'type', 'meaning'], rows);
}

function fields(object: JsonSchema, path: string, known: readonly KnownSchema[]): string[][] {
  const { properties = {} } = object;
  const prefix = path === '' ? '' : `${path}.`;
  const part = known.find(({ schema }) => resembles(object, schema));
  const own = Object.keys(properties).filter((name) => part === undefined || !sameField(object, part.schema, name));
  return [
    ...own.flatMap((name) => [
      row(object, name, prefix),
      ...objectsIn(properties[name]).flatMap((inner) => fields(inner.object, prefix + name + inner.suffix, known)),
    ]),
    ...(part === undefined ? [] : [[code(`${prefix}…`), '', `all other fields of ${part.link}`]]),
  ];
}

function row({ properties = {}, required }: JsonSchema, name: string, prefix = ''): string[] {
  const meaning = [required?.includes(name) === false ? 'optional' : '', descriptionOf(properties[name])];
  return [code(prefix + name), typeText(properties[name]), meaning.filter((text) => text !== '').join('; ')];
}

/** Whether an object has every field of a known schema, and most of them in the same words. */
function resembles(object: JsonSchema, schema: JsonSchema): boolean {
  const names = Object.keys(schema.properties ?? {});
  const same = names.filter((name) => sameField(object, schema, name));
  return names.every((name) => name in (object.properties ?? {})) && same.length > names.length / 2;
}

function sameField(object: JsonSchema, schema: JsonSchema, name: string): boolean {
  const [a, b] = [object.properties?.[name], schema.properties?.[name]];
  return a !== undefined && b !== undefined && shapeOf(a) === shapeOf(b);
}

/** The objects that a value is, or holds in a list, with what goes behind its name. Of alternatives with the same fields the first. */
function objectsIn(schema: JsonSchema, suffix = ''): { readonly object: JsonSchema; readonly suffix: string }[] {
  if (schema.items !== undefined) return objectsIn(schema.items, `${suffix}[]`);
  if (schema.anyOf === undefined) return schema.properties === undefined ? [] : [{ object: schema, suffix }];
  const found = schema.anyOf.flatMap((one) => objectsIn(one, suffix));
  const names = found.map(({ object }) => Object.keys(object.properties ?? {}).join());
  return found.filter((_, i) => names.indexOf(names[i]) === i);
}

function descriptionOf(schema: JsonSchema): string {
  if (schema.description !== undefined) return schema.description;
  const inner = [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return inner.map(descriptionOf).find((text) => text !== '') ?? '';
}

/** Type and words of a field and of all fields below it. */
const shapeOf = (schema: JsonSchema): string =>
  JSON.stringify([
    typeText(schema),
    descriptionOf(schema),
    ...objectsIn(schema).flatMap(({ object }) => fields(object, '', [])),
  ]);
