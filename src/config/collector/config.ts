/**
 * A config file in, a validated `Config` out. The only entry to reading configurations; later code does not check
 * again.
 */

import { LlamaError, type Problem } from '../../base/errors.js';
import { convertLegacy } from '../dropbox/convert.js';
import { type ConfigForm, configForm } from '../dropbox/form.js';
import {
  fromPointer,
  isRecord,
  kindOf,
  type Path,
  type Report,
  reportUnknownKeys,
  toPointer,
} from '../files/problems.js';
import { configFailure, readConfigText } from '../files/text.js';
import { readYaml, type YamlInput, yamlText } from '../files/yaml.js';
import { groupToJson, readGroup } from '../group/group.js';
import { checkPlan } from '../group/limits.js';
import { strangeVariables } from '../options/environment.js';
import { type OptionTable, settingsOf, variablesOf } from '../options/optionSources.js';
import {
  allOptions,
  type ConfigOverrides,
  type EffectiveOption,
  type Environment,
  readOptions,
  TOP_KEYS,
} from '../options/options.js';
import { isScraperConfig, SCRAPER_GIVEN } from '../scraper/form.js';
import { SCRAPER_OPTIONS } from '../scraper/schema.js';
import type { Config, Group } from '../types.js';

/** A config together with its sources, notes and warnings for a person. */
export interface LoadedConfig {
  readonly config: Config;
  readonly form: ConfigForm;
  /**
   * Parts of a LLAMA configuration that could not be carried over unchanged; one sentence each, with its line. Empty
   * for our own form.
   */
  readonly notes: readonly string[];
  /** Probable mistakes; one sentence each. */
  readonly warnings: readonly string[];
  /** Every process option and where its value came from. */
  readonly options: readonly LocatedOption[];
  /** Position of each group, by its name: `file.yaml:12`. */
  readonly groupPlaces: ReadonlyMap<string, string>;
  /**
   * Adds the position in the file to each problem of an error, and to its message, where it is about something in the
   * file.
   */
  readonly located: (error: LlamaError) => LlamaError;
}

export interface LocatedOption extends EffectiveOption {
  /** Origin of the value: `default`, `file.yaml:12`, `environment variable NAME`, `command line --flag`. */
  readonly from: string;
}

/**
 * Reads and validates a config file of any accepted form. The environment counts more than the file, `overrides` more
 * than both.
 * @throws LlamaError `LLAMA_CONFIG_UNREADABLE`, or as `parseConfig`.
 */
export function loadConfig(file: string, overrides: ConfigOverrides = {}): Config {
  return loadConfigFile(file, overrides).config;
}

/** As `loadConfig`, with notes and origins. */
export function loadConfigFile(file: string, overrides: ConfigOverrides = {}): LoadedConfig {
  return readConfig(readConfigText(file), file, process.env, overrides);
}

/**
 * Validates the text of a config file; `fileName` is for messages only.
 * @throws LlamaError `LLAMA_CONFIG_SYNTAX`, `LLAMA_CONFIG_INVALID` or `LLAMA_PLAN_TOO_LARGE`, with every problem, line
 * and column.
 */
export function parseConfig(
  text: string,
  fileName: string,
  env: Environment = process.env,
  overrides: ConfigOverrides = {},
): Config {
  return readConfig(text, fileName, env, overrides).config;
}

/** As `parseConfig`, with notes and origins. */
export function readConfig(
  text: string,
  fileName: string,
  env: Environment = process.env,
  overrides: ConfigOverrides = {},
): LoadedConfig {
  const yaml = readYaml(text);
  if (yaml.syntaxProblems.length > 0) throw configFailure('LLAMA_CONFIG_SYNTAX', fileName, yaml.syntaxProblems);
  const problems: Problem[] = [];
  const { value } = yaml;
  if (!isRecord(value)) {
    const remedy = value === null ? '; for a collector without groups, write "groups: {}"' : '';
    const message = `found ${kindOf(value)}, expected a map with any of the keys ${TOP_KEYS.join(', ')}${remedy}`;
    throw configFailure('LLAMA_CONFIG_INVALID', fileName, [{ path: '', message, ...yaml.locate([]) }]);
  }
  if (isScraperConfig(value))
    throw configFailure('LLAMA_CONFIG_INVALID', fileName, [{ path: '', message: SCRAPER_GIVEN, ...yaml.locate([]) }]);
  const form = configForm(value, TOP_KEYS);
  const input = form === 'own' ? ownInput(yaml, value, problems) : legacyInput(form, text, fileName, problems);
  const report: Report = (path, message, at) => {
    if (at === 'outside') problems.push({ path: toPointer(path), message });
    else problems.push({ message, ...input.place(path, at ?? 'value') });
  };
  const read = readOptions(input.value, env, overrides, report);
  const strange = strangeVariables(
    env,
    allOptions().map(({ option }) => option.env),
    'collector',
    variablesOf(SCRAPER_OPTIONS as OptionTable),
  );
  for (const { meant, message } of strange) if (meant !== undefined) report([], message, 'outside');
  const groups = readGroups(input.value.groups ?? {}, input, report);
  if (read === undefined || problems.length > 0) throw configFailure('LLAMA_CONFIG_INVALID', fileName, problems);
  const config: Config = { ...read.settings, groups };
  const names = new Set(groups.map(({ name }) => name));
  const isInFile = ([section = '', key = '']: Path): boolean =>
    section === 'groups'
      ? names.has(String(key))
      : read.options.some(({ name, origin }) => origin.from === 'file' && name === `${section}.${key}`);
  const located = (error: LlamaError): LlamaError => {
    const problems = error.problems.map((problem) => {
      const path = fromPointer(problem.path);
      return isInFile(path) ? { message: problem.message, ...input.place(path, 'key') } : problem;
    });
    return problems.length === 0 ? error : configFailure(error.code, fileName, problems, error);
  };
  try {
    checkPlan(config, groups);
  } catch (error) {
    throw error instanceof LlamaError ? located(error) : error;
  }
  const lineOf = (path: Path): string => `${fileName}:${input.place(path, 'key').line}`;
  return {
    config,
    form,
    notes: input.notes,
    warnings: strange.map(({ message }) => message),
    options: read.options.map((option) => ({ ...option, from: originText(option, input, lineOf) })),
    groupPlaces: new Map(groups.map(({ name }) => [name, lineOf(['groups', name])])),
    located,
  };
}

/** A file of any form, converted to a value of our own form whose parts know their position in the file. */
interface ConfigInput {
  readonly value: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
  /** Whether a value was written in the file; else it is a default of its form. */
  isWritten(path: Path): boolean;
  /** Pointer, line and column in the file for `path` of the value. */
  place(path: Path, at: 'key' | 'value'): Place;
}

type Place = Required<Pick<Problem, 'path' | 'line' | 'column'>>;

function ownInput(yaml: YamlInput, value: Record<string, unknown>, problems: Problem[]): ConfigInput {
  problems.push(...yaml.duplicateKeys);
  const place: ConfigInput['place'] = (path, at) => ({ path: toPointer(path), ...yaml.locate(path, at) });
  reportUnknownKeys(value, TOP_KEYS, [], (path, message) => problems.push({ message, ...place(path, 'key') }));
  return { value, notes: [], isWritten: () => true, place };
}

function legacyInput(form: 'simple' | 'full', text: string, fileName: string, problems: Problem[]): ConfigInput {
  const yaml = readYaml(text, { textOnly: true });
  const { value, places, notes } = convertLegacy(form, yaml, fileName, (path, message, at = 'value') =>
    problems.push({ path: toPointer(path), message, ...yaml.locate(path, at === 'key' ? 'key' : 'value') }),
  );
  const place: ConfigInput['place'] = (path, at) => {
    for (let length = path.length; length > 0; length--) {
      const known = places.get(toPointer(path.slice(0, length)));
      if (known === undefined) continue;
      const theirs = [...known.path, ...path.slice(length)];
      return { path: toPointer(theirs), ...yaml.locate(theirs, length === path.length ? known.at : at) };
    }
    return { path: '', ...yaml.locate([]) };
  };
  return { value, notes, isWritten: (path) => places.has(toPointer(path)), place };
}

function originText({ name, origin }: EffectiveOption, input: ConfigInput, lineOf: (path: Path) => string): string {
  switch (origin.from) {
    case 'default':
      return 'default';
    case 'file': {
      const path = name.split('.');
      return input.isWritten(path) ? lineOf(path) : "default of Dropbox's LLAMA";
    }
    case 'environment':
      return `environment variable ${origin.variable}`;
    case 'command line':
      return `command line ${origin.flag}`;
  }
}

function readGroups(value: unknown, file: ConfigInput, report: Report): Group[] {
  if (!isRecord(value)) {
    report(['groups'], `found ${kindOf(value)}, expected a map from group names to groups`);
    return [];
  }
  const groups: Group[] = [];
  for (const [name, input] of Object.entries(value)) {
    const group = readGroup(
      input,
      name,
      (path, message, at) => report(['groups', name, ...path], message, at),
      (path) => file.place(['groups', name, ...path], 'value').line,
    );
    if (group !== undefined) groups.push(group);
  }
  return groups;
}

/**
 * A validated config as text in our own form; `parseConfig` makes an equal config of it. YAML with the effective value
 * of every process option (environment and command line too), the groups, and the notes as comments at the top.
 */
export function printConfig({ config, options, notes }: LoadedConfig, heading: string): string {
  const groups = Object.fromEntries(config.groups.map((group) => [group.name, groupToJson(group)]));
  return yamlText({ ...settingsOf(options, allOptions()), groups }, [heading, ...notes]);
}
