/**
 * Merges defaults, file, environment and command line for a table of options with convict. Each value is read
 * separately, so that no problem hides another. Independent of the meaning of the options.
 */

import convict from 'convict';
import { foundAt, isRecord, kindOf, type Path, type Report, reportUnknownKeys } from '../files/problems.js';
import type { ApiSettings } from '../types.js';
import type { ProcessOption } from './schema.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Options by name; the options of a section by the name of the section. */
export type OptionTable = Readonly<
  Record<string, ProcessOption<unknown> | Readonly<Record<string, ProcessOption<unknown>>>>
>;

/** The origin of an option's value: the source with the highest precedence that set it. */
type OptionOrigin =
  | { readonly from: 'default' | 'file' }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'command line'; readonly flag: string };

/** The value of an option as it was written, before it was read. */
export interface EffectiveOption {
  readonly name: string;
  readonly written: unknown;
  readonly origin: OptionOrigin;
}

/** An option on the command line. */
export interface Override {
  readonly flag: string;
  readonly value: unknown;
}

interface Named {
  /** As in a file: `api.listen`. */
  readonly name: string;
  readonly option: ProcessOption<unknown>;
}

const isOption = (entry: object): entry is ProcessOption<unknown> => 'format' in entry;

/** Every option of a table by its name in the file, in the order of the table. */
export function namedOptions(table: OptionTable): Named[] {
  return Object.entries(table).flatMap(([name, entry]) =>
    isOption(entry)
      ? [{ name, option: entry }]
      : Object.entries(entry).map(([key, option]) => ({ name: `${name}.${key}`, option })),
  );
}

/** The environment variables of a table. */
export function variablesOf(table: OptionTable): string[] {
  return namedOptions(table).map(({ option }) => option.env);
}

export class WeighedOptions {
  /** How many problems were reported. */
  problems = 0;
  private readonly table: OptionTable;
  private readonly known: Readonly<Record<string, unknown>>;
  private readonly env: NodeJS.ProcessEnv;
  private readonly overrides: ReadonlyMap<string, Override>;
  private readonly report: Report;
  private readonly settings: convict.Config<Record<string, unknown>>;

  /** `overrides` by the name of the option. An environment variable that is set but empty counts as not set. */
  constructor(
    table: OptionTable,
    file: Readonly<Record<string, unknown>>,
    environment: Environment,
    overrides: ReadonlyMap<string, Override>,
    report: Report,
  ) {
    this.table = table;
    this.overrides = overrides;
    this.report = report;
    this.env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')) as NodeJS.ProcessEnv;
    this.settings = convict<Record<string, unknown>>(table as convict.Schema<Record<string, unknown>>, {
      env: this.env,
      args: [],
    });
    this.known = this.knownParts(file);
    this.settings.load(this.known);
    for (const [name, { value }] of overrides) this.settings.set(name, value);
  }

  /** Reports a problem and counts it. */
  readonly count: Report = (path, message, at) => {
    this.problems += 1;
    this.report(path, message, at);
  };

  /** The value of an option; reports a wrong one, and is its default then. */
  value<Value>(name: string, option: ProcessOption<Value>): Value {
    const written: unknown = this.settings.get(name);
    const parsed = option.parse(written);
    if (parsed !== undefined) return parsed;
    const outside = place(this.origin(name, option.env));
    const path = name.split('.');
    const message = `found ${foundAt(path, written)}${outside}, expected ${option.expected}`;
    this.count(path, message, outside === '' ? 'value' : 'outside');
    return option.parse(option.default) as Value;
  }

  /** All options as they were written, in the order of the table. */
  effective(): EffectiveOption[] {
    return namedOptions(this.table).map(({ name, option }) => ({
      name,
      written: this.settings.get(name) as unknown,
      origin: this.origin(name, option.env),
    }));
  }

  private origin(name: string, variable: string): OptionOrigin {
    const override = this.overrides.get(name);
    if (override !== undefined) return { from: 'command line', flag: override.flag };
    if (this.env[variable] !== undefined) return { from: 'environment', variable };
    return { from: isSet(this.known, name) ? 'file' : 'default' };
  }

  /**
   * The file without parts that convict would fail on: unknown keys, and maps where a plain value belongs. An empty
   * section is valid.
   */
  private knownParts(file: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const known: Record<string, unknown> = {};
    for (const [section, entry] of Object.entries(this.table)) {
      if (isOption(entry)) {
        if (this.isPlain(file[section], entry, [section])) known[section] = file[section];
        continue;
      }
      const map = file[section] ?? {};
      const keys = Object.keys(entry);
      if (isRecord(map)) {
        reportUnknownKeys(map, keys, [section], this.count);
        known[section] = Object.fromEntries(
          keys.filter((key) => this.isPlain(map[key], entry[key], [section, key])).map((key) => [key, map[key]]),
        );
      } else this.count([section], `found ${kindOf(map)}, expected a map with any of the keys ${keys.join(', ')}`);
    }
    return known;
  }

  private isPlain(value: unknown, option: ProcessOption<unknown> | undefined, path: Path): boolean {
    if (isRecord(value)) this.count(path, `found a map, expected ${option?.expected}`);
    return value !== undefined && !isRecord(value);
  }
}

/** The origin of a wrong value in a message; empty for the file, whose line is named. */
function place(origin: OptionOrigin): string {
  if (origin.from === 'command line') return ` for ${origin.flag}`;
  return origin.from === 'environment' ? ` in the environment variable ${origin.variable}` : '';
}

function isSet(known: Readonly<Record<string, unknown>>, name: string): boolean {
  const [section = '', key] = name.split('.');
  const value = known[section];
  return key === undefined ? value !== undefined : isRecord(value) && value[key] !== undefined;
}

/** Options of access that only make sense together: half of them would leave a door open that was meant to be shut. */
export function checkAccess(
  section: string,
  api: Pick<ApiSettings, 'tokenFile' | 'readTokenFile' | 'allowRemoteWrites'>,
  tlsCertFile: string | null,
  tlsKeyFile: string | null,
  report: Report,
): void {
  if (api.allowRemoteWrites === true && api.tokenFile === null)
    report(
      [section, 'allowRemoteWrites'],
      `found true without ${section}.tokenFile, which would let anyone change what is ${section === 'api' ? 'probed' : 'scraped'}; set ${section}.tokenFile to a file with a secret token, or take allowRemoteWrites away`,
    );
  if (api.readTokenFile !== null && api.tokenFile === null)
    report(
      [section, 'readTokenFile'],
      `found a token for reading but none for changes, expected ${section}.tokenFile as well; set it to a file with another secret token`,
    );
  if ((tlsCertFile === null) !== (tlsKeyFile === null)) {
    const [there, missing] = tlsKeyFile === null ? ['tlsCertFile', 'tlsKeyFile'] : ['tlsKeyFile', 'tlsCertFile'];
    report(
      [section, there],
      `found it without ${section}.${missing}, expected both or none; set ${section}.${missing} too`,
    );
  }
}

/** Names of the options that are written otherwise than before. */
export function changedOptions(before: readonly EffectiveOption[], after: readonly EffectiveOption[]): string[] {
  const written = new Map(before.map((option) => [option.name, JSON.stringify(option.written)]));
  return after.filter((option) => written.get(option.name) !== JSON.stringify(option.written)).map(({ name }) => name);
}

/** Process options as they are in effect, in the shape of the file. */
export function settingsOf(
  options: readonly EffectiveOption[],
  known: readonly { readonly name: string; readonly option: { readonly default: unknown } }[],
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const defaults = new Map(known.map(({ name, option }) => [name, option.default]));
  for (const { name, written } of options) {
    const [section = '', key] = name.split('.');
    const plain = asNumber(written, defaults.get(name));
    if (key === undefined) value[section] = plain;
    else value[section] = { ...(value[section] as object | undefined), [key]: plain };
  }
  return value;
}

/** The environment knows text only; a number reads better without quotes. */
function asNumber(written: unknown, standard: unknown): unknown {
  return typeof standard === 'number' && typeof written === 'string' && /^\d+$/.test(written)
    ? Number(written)
    : written;
}
