/**
 * Checks a map whose lists may have tens of thousands of items against its schema: in one step when it is valid.
 * Otherwise item by item, with yields, because naming the problems takes far longer than finding that there is one.
 */

import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { isRecord, type Report } from '../files/problems.js';
import { reportShape } from './schemaProblems.js';

/** Items between two yields, about a millisecond; an invalid one counts as many. */
const ITEMS_A_TURN = 250;
const PROBLEM_ITEMS = 10;

/** Passes problems on and decides when to yield. */
export class Pace {
  /** How many there were. */
  problems = 0;
  readonly report: Report;
  private items = 0;

  constructor(report: Report) {
    this.report = (path, message, at) => {
      this.problems += 1;
      this.items += PROBLEM_ITEMS;
      report(path, message, at);
    };
  }

  /** Called once an item: true after about a millisecond of work. */
  get due(): boolean {
    this.items += 1;
    if (this.items < ITEMS_A_TURN) return false;
    this.items = 0;
    return true;
  }
}

interface ListOf {
  readonly key: string;
  readonly most: number;
  readonly schema: TSchema;
  readonly item: Validator;
}

export class ListShape<Schema extends TObject> {
  private readonly schema: Schema;
  private readonly whole: Validator;
  /** The map without its lists. */
  private readonly rest: TSchema;
  private readonly lists: readonly ListOf[];

  /** `lists` are the keys of the map that may be long. */
  constructor(schema: Schema, lists: readonly (keyof Static<Schema> & string)[]) {
    this.schema = schema;
    this.whole = Compile(schema);
    const properties: Record<string, TSchema> = { ...schema.properties };
    this.lists = lists.map((key) => {
      const list = properties[key];
      const item = Reflect.get(list, 'items') as TSchema;
      return { key, most: Number(Reflect.get(list, 'maxItems')), schema: item, item: Compile(item) };
    });
    for (const { key } of this.lists) properties[key] = { ...properties[key], items: Type.Unknown() } as TSchema;
    this.rest = { ...schema, properties } as TSchema;
  }

  /** Reports everything that does not have the shape, the map itself first. */
  *reading(input: unknown, pace: Pace): Generator<void, void> {
    // Before anything looks at each item: a list of millions is refused for its length.
    const tooLong = isRecord(input) ? this.lists.filter(({ key, most }) => lengthOf(input[key]) > most) : [];
    for (const { key, most } of tooLong)
      pace.report(
        [key],
        `found a list of ${lengthOf(Reflect.get(input as object, key))}, expected at most ${most}; share them among several requests, groups or collectors`,
      );
    if (tooLong.length > 0 || this.whole.Check(input)) return;
    if (!isRecord(input)) {
      reportShape(this.schema, input, pace.report);
      return;
    }
    reportShape(this.rest, this.withShortLists(input), pace.report);
    for (const { key, schema, item } of this.lists) {
      const list: unknown = input[key];
      if (!Array.isArray(list)) continue;
      for (const [index, value] of list.entries()) {
        if (!item.Check(value))
          reportShape(schema, value, (path, message, at) => pace.report([key, index, ...path], message, at));
        if (pace.due) yield;
      }
    }
  }

  /** The problems outside the items of its lists do not depend on the number of items. */
  private withShortLists(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const short = { ...input };
    for (const { key } of this.lists) {
      const list = short[key];
      if (Array.isArray(list)) short[key] = list.slice(0, 1);
    }
    return short;
  }
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
