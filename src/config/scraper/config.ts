/**
 * A scraper's config in, a validated `ScraperConfig` out. The only entry to reading them; later code does not check
 * again.
 */

import type { Problem } from '../../base/errors.js';
import { isRecord, kindOf, type Path, type Report, reportUnknownKeys, toPointer } from '../files/problems.js';
import { configFailure, readConfigText } from '../files/text.js';
import { readYaml, yamlText } from '../files/yaml.js';
import { strangeVariables } from '../options/environment.js';
import {
  checkAccess,
  type EffectiveOption,
  type Environment,
  namedOptions,
  type OptionTable,
  type Override,
  settingsOf,
  variablesOf,
  WeighedOptions,
} from '../options/optionSources.js';
import { PROCESS_OPTIONS } from '../options/schema.js';
import { collectorsToJson, portWarnings, readCollectors } from './collectors.js';
import { isCollectorConfig, SCRAPER_KEYS } from './form.js';
import { SCRAPER_OPTIONS, SCRAPER_OVERRIDE_OF, type ScraperOverrides } from './schema.js';
import type { ScraperConfig } from './types.js';
import { readWriters, writersToJson } from './writers.js';

export interface LoadedScraperConfig {
  readonly config: ScraperConfig;
  /** Probable mistakes, a sentence each. */
  readonly warnings: readonly string[];
  /** Every process option and where its value came from, as `llama check` shows it. */
  readonly options: readonly (EffectiveOption & { readonly from: string })[];
}

/**
 * Reads and validates a scraper's config file. The environment counts more than the file, `overrides` more than both.
 * @throws LlamaError `LLAMA_CONFIG_UNREADABLE`, `LLAMA_CONFIG_SYNTAX` or `LLAMA_CONFIG_INVALID`, with every problem,
 * line and column.
 */
export function loadScraperConfig(file: string, overrides: ScraperOverrides = {}): LoadedScraperConfig {
  return parseScraperConfig(readConfigText(file), file, process.env, overrides);
}

/** The same for text; `fileName` is for messages only. */
export function parseScraperConfig(
  text: string,
  fileName: string,
  env: Environment = process.env,
  overrides: ScraperOverrides = {},
): LoadedScraperConfig {
  const yaml = readYaml(text);
  if (yaml.syntaxProblems.length > 0) throw configFailure('LLAMA_CONFIG_SYNTAX', fileName, yaml.syntaxProblems);
  const { value } = yaml;
  const problems: Problem[] = [...yaml.duplicateKeys];
  if (!isRecord(value) || isCollectorConfig(value)) {
    const what = isRecord(value) ? 'a config of llama collector' : kindOf(value);
    const remedy = isRecord(value) ? '; start it with llama collector --config' : '';
    const message = `found ${what}, expected one of llama scraper, a map with the keys ${SCRAPER_KEYS.join(', ')}${remedy}`;
    throw configFailure('LLAMA_CONFIG_INVALID', fileName, [{ path: '', message, ...yaml.locate([]) }]);
  }
  const report: Report = (path, message, at = 'value') => {
    const where = at === 'outside' ? {} : yaml.locate(path, at);
    problems.push({ path: toPointer(path), message, ...where });
  };
  const lineOf = (path: Path): string => `${fileName}:${yaml.locate(path, 'key').line}`;
  const read = readScraperValue(value, env, overrides, report, (path) => `line ${yaml.locate(path).line}`);
  if (read === undefined || problems.length > 0) throw configFailure('LLAMA_CONFIG_INVALID', fileName, problems);
  const options = read.options.map((option) => ({ ...option, from: originText(option, lineOf) }));
  return { config: read.config, warnings: read.warnings, options };
}

interface ReadScraper {
  readonly config: ScraperConfig;
  readonly warnings: readonly string[];
  readonly options: readonly EffectiveOption[];
}

/**
 * Reads a config that is a value already, wherever it came from. Reports every problem; undefined when there was one.
 */
export function readScraperValue(
  value: Readonly<Record<string, unknown>>,
  env: Environment,
  overrides: ScraperOverrides,
  report: Report,
  lineOf: (path: Path) => string,
): ReadScraper | undefined {
  const given = new Map<string, Override>();
  for (const [name, { flag, key }] of Object.entries(SCRAPER_OVERRIDE_OF))
    if (overrides[key] !== undefined) given.set(name, { flag, value: overrides[key] });
  const weighed = new WeighedOptions(SCRAPER_OPTIONS as OptionTable, value, env, given, report);
  const { count } = weighed;
  reportUnknownKeys(value, SCRAPER_KEYS, [], count);
  const { scraper: option, stateDir } = SCRAPER_OPTIONS;
  const read = <Key extends keyof typeof option>(
    key: Key,
  ): Exclude<ReturnType<(typeof option)[Key]['parse']>, undefined> =>
    weighed.value(`scraper.${key}`, option[key] as never);
  const certFile = read('tlsCertFile');
  const keyFile = read('tlsKeyFile');
  const config: ScraperConfig = {
    scraper: {
      matrixHours: read('matrixHours'),
      matrixMemoryBytes: read('matrixMemory'),
      concurrency: read('concurrency'),
      connectTimeoutMs: read('connectTimeout'),
      headerTimeoutMs: read('headerTimeout'),
      timeoutMs: read('timeout'),
      spoolBytes: read('spoolSize'),
      readyCollectors: read('readyCollectors'),
      readyWriters: read('readyWriters'),
    },
    api: {
      ...read('listen'),
      tokenFile: read('tokenFile'),
      readTokenFile: read('readTokenFile'),
      writes: read('writes'),
      allowRemoteWrites: read('allowRemoteWrites'),
      tls: certFile === null || keyFile === null ? null : { certFile, keyFile },
      rateLimit: read('rateLimit'),
    },
    stateDir: weighed.value('stateDir', stateDir),
    collectors: readCollectors(value.collectors, count, lineOf),
    writers: readWriters(value.writers, count, lineOf),
  };
  checkAccess('scraper', config.api, certFile, keyFile, count);
  const table = SCRAPER_OPTIONS as OptionTable;
  const strange = strangeVariables(env, variablesOf(table), 'scraper', variablesOf(PROCESS_OPTIONS as OptionTable));
  for (const { meant, message } of strange) if (meant !== undefined) count([], message, 'outside');
  if (weighed.problems > 0) return undefined;
  const warnings = [...strange.map(({ message }) => message), ...portWarnings(value.collectors)];
  return { config, warnings, options: weighed.effective() };
}

function originText({ name, origin }: EffectiveOption, lineOf: (path: Path) => string): string {
  switch (origin.from) {
    case 'default':
      return 'default';
    case 'file':
      return lineOf(name.split('.'));
    case 'environment':
      return `environment variable ${origin.variable}`;
    case 'command line':
      return `command line ${origin.flag}`;
  }
}

/**
 * YAML with the effective value of every option (environment and command line too), collectors and writers.
 * `parseScraperConfig` makes an equal config of it.
 */
export function printScraperConfig({ config, options }: LoadedScraperConfig, heading: string): string {
  const settings = settingsOf(options, namedOptions(SCRAPER_OPTIONS as OptionTable));
  const lists = { collectors: collectorsToJson(config.collectors), writers: writersToJson(config.writers) };
  return yamlText({ ...settings, ...lists }, [heading]);
}
