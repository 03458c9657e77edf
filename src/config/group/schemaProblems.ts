/**
 * Words TypeBox's errors for a person: one problem per value, with the expected value from the schema's description.
 */

import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { foundAt, fromPointer, isRecord, kindOf, type Report, reportUnknownKeys } from '../files/problems.js';
import { expectedBy } from './groupSchema.js';

// TypeBox stops after 8 errors by default; a user who corrects a file wants them all.
Settings.Set({ maxErrors: Number.MAX_SAFE_INTEGER });

/** Reports everything about `input` that does not have the shape of `schema`. */
export function reportShape(schema: TSchema, input: unknown, report: Report): void {
  const errors = Value.Errors(schema, input);
  const wrong = new Set<string>();
  for (const { keyword, instancePath, params } of errors) {
    const path = fromPointer(instancePath);
    const node = schemaAt(schema, path);
    if (keyword === 'additionalProperties') {
      const value = valueAt(input, path);
      const first = !wrong.has(`${instancePath} keys`);
      wrong.add(`${instancePath} keys`);
      if (first && isRecord(value)) reportUnknownKeys(value, Object.keys(propertiesOf(node)), path, report);
    } else if (keyword === 'required') {
      for (const key of missingKeys(params))
        reportOnce([...path, key], `found nothing, expected ${expectedBy(propertiesOf(node)[key])}`);
    } else if (keyword !== 'boolean' && !(isUnion(node) && isRecord(valueAt(input, path)))) {
      // A union of a plain value and a map: when a map was given, its own problems say more than "not a plain value".
      reportOnce(path, `found ${shown(path, valueAt(input, path), node)}, expected ${expectedBy(node)}`);
    } else if (keyword === 'anyOf' && propertiesOf(node) === NONE) {
      reportOnce(path, `found a map, expected ${expectedBy(node)}`);
    }
  }

  function reportOnce(path: string[], message: string): void {
    const key = path.join('/');
    if (wrong.has(key)) return;
    wrong.add(key);
    report(path, message);
  }
}

/** A list or text of the right type can be wrong by its length only, so the length is shown. */
function shown(path: readonly string[], value: unknown, node: TSchema | undefined): string {
  if (Array.isArray(value) && value.length > 0) return `a list of ${value.length}`;
  // A map without a space behind a colon is text, `tokenFile:secret` for instance.
  return propertiesOf(node) !== NONE && !isUnion(node) ? kindOf(value) : foundAt(path, value);
}

function missingKeys(params: object): string[] {
  const keys: unknown = Reflect.get(params, 'requiredProperties') ?? [];
  return Array.isArray(keys) ? keys.map(String) : [];
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = Reflect.get(value, segment);
  }
  return value;
}

const NONE: Readonly<Record<string, TSchema>> = {};

function unionOf(schema: TSchema | undefined): readonly TSchema[] | undefined {
  const variants: unknown = schema === undefined ? undefined : Reflect.get(schema, 'anyOf');
  return Array.isArray(variants) ? variants : undefined;
}

function isUnion(schema: TSchema | undefined): boolean {
  return unionOf(schema) !== undefined;
}

/** The properties of a schema of an object, or of the one object in a union. */
function propertiesOf(schema: TSchema | undefined): Readonly<Record<string, TSchema>> {
  if (schema === undefined) return NONE;
  const variants = unionOf(schema) ?? [schema];
  for (const variant of variants) {
    const properties: unknown = Reflect.get(variant, 'properties');
    if (isRecord(properties)) return properties as Readonly<Record<string, TSchema>>;
  }
  return NONE;
}

/** The part of the schema that describes the value at a path. */
function schemaAt(schema: TSchema, path: readonly string[]): TSchema | undefined {
  let node: TSchema | undefined = schema;
  for (const segment of path) {
    if (node === undefined) return undefined;
    const properties: Readonly<Record<string, TSchema>> = propertiesOf(node);
    const others: unknown = Reflect.get(node, 'patternProperties');
    node = Object.hasOwn(properties, segment)
      ? properties[segment]
      : (Reflect.get(node, 'items') ?? (isRecord(others) ? (Object.values(others)[0] as TSchema) : undefined));
  }
  return node;
}
