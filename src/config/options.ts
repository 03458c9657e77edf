/** Process options: defaults < file < environment < command line, weighed by convict, checked one by one so that no problem hides another. */

import { availableParallelism, hostname } from 'node:os';
import convict from 'convict';
import { found, isRecord, type Path, type Report, reportUnknownKeys } from './problems.js';
import { PROCESS_OPTIONS, type ProcessOption } from './schema.js';
import type { Config } from './types.js';

/** What the command line may say; undefined where it says nothing. */
export interface ConfigOverrides {
  /** `--listen` */
  readonly listen?: string | undefined;
  /** `--state-dir` */
  readonly stateDir?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type ProcessSettings = Omit<Config, 'groups'>;

const SECTIONS = ['collector', 'source', 'api'] as const;
/** Keys at the top of a config file. */
export const TOP_KEYS: readonly string[] = [...SECTIONS, 'stateDir', 'groups'];

const OVERRIDE_OF: Readonly<Record<string, { readonly flag: string; readonly key: keyof ConfigOverrides }>> = {
  'api.listen': { flag: '--listen', key: 'listen' },
  stateDir: { flag: '--state-dir', key: 'stateDir' },
};

/**
 * Reads the process options of a parsed file. Reports every problem; undefined when there was one.
 * An environment variable that is set but empty counts as not set.
 */
export function readOptions(
  file: Readonly<Record<string, unknown>>,
  environment: Environment,
  overrides: ConfigOverrides,
  report: Report,
): ProcessSettings | undefined {
  let problems = 0;
  const count: Report = (path, message, at) => {
    problems += 1;
    report(path, message, at);
  };
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')) as NodeJS.ProcessEnv;
  const settings = convict<Record<string, unknown>>(PROCESS_OPTIONS as convict.Schema<Record<string, unknown>>, {
    env,
    args: [],
  });
  settings.load(knownParts(file, count));
  for (const [name, { key }] of Object.entries(OVERRIDE_OF))
    if (overrides[key] !== undefined) settings.set(name, overrides[key]);

  function value<Value>(name: string, option: ProcessOption<Value>): Value {
    const written: unknown = settings.get(name);
    const parsed = option.parse(written);
    if (parsed !== undefined) return parsed;
    const outside = origin(name, option.env);
    const message = `found ${found(written)}${outside ?? ''}, expected ${option.expected}`;
    count(name.split('.'), message, outside === undefined ? 'value' : 'outside');
    return option.parse(option.default) as Value;
  }
  /** Where a value came from, when it was not the file. */
  function origin(name: string, variable: string): string | undefined {
    const override = OVERRIDE_OF[name];
    if (override !== undefined && overrides[override.key] !== undefined) return ` for ${override.flag}`;
    return env[variable] === undefined ? undefined : ` in the environment variable ${variable}`;
  }

  const { collector, source, api, stateDir } = PROCESS_OPTIONS;
  const ports = value('source.ports', source.ports);
  const basePort = value('source.basePort', source.basePort);
  const workers = value('collector.workers', collector.workers);
  const listen = value('api.listen', api.listen);
  const result: ProcessSettings = {
    collector: {
      name: value('collector.name', collector.name) ?? hostname(),
      intervalMs: value('collector.interval', collector.interval),
      workers: workers === 'auto' ? Math.max(1, Math.min(ports, availableParallelism() - 1)) : workers,
      retention: value('collector.retention', collector.retention),
      timestamps: value('collector.timestamps', collector.timestamps),
      probeMemoryBytes: value('collector.probeMemory', collector.probeMemory),
      maxProbesPerSecond: value('collector.maxProbesPerSecond', collector.maxProbesPerSecond),
    },
    source: {
      address: value('source.address', source.address),
      address6: value('source.address6', source.address6),
      ports,
      basePort,
    },
    api: { ...listen, tokenFile: value('api.tokenFile', api.tokenFile) },
    stateDir: value('stateDir', stateDir),
  };
  if (basePort + ports > 65_536)
    count(
      ['source', 'basePort'],
      `found ${basePort} with ${ports} ports, which end at ${basePort + ports - 1}, expected basePort + ports to be at most 65536`,
    );
  if (workers !== 'auto' && workers > ports)
    count(
      ['collector', 'workers'],
      `found ${workers}, expected at most one thread for each of the ${ports} source ports; lower it or raise source.ports`,
    );
  return problems === 0 ? result : undefined;
}

/** The file without what convict would trip over: unknown keys, and maps where a plain value belongs. An empty section is fine. */
function knownParts(file: Readonly<Record<string, unknown>>, report: Report): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const section of SECTIONS) {
    const map = file[section] ?? {};
    const options: Readonly<Record<string, ProcessOption<unknown>>> = PROCESS_OPTIONS[section];
    const keys = Object.keys(options);
    if (isRecord(map)) {
      reportUnknownKeys(map, keys, [section], report);
      known[section] = Object.fromEntries(
        keys.filter((key) => isPlain(map[key], options[key], [section, key], report)).map((key) => [key, map[key]]),
      );
    } else report([section], `found ${found(map)}, expected a map with any of the keys ${keys.join(', ')}`);
  }
  if (isPlain(file.stateDir, PROCESS_OPTIONS.stateDir, ['stateDir'], report)) known.stateDir = file.stateDir;
  return known;
}

function isPlain(value: unknown, option: ProcessOption<unknown> | undefined, path: Path, report: Report): boolean {
  if (isRecord(value)) report(path, `found a map, expected ${option?.expected}`);
  return value !== undefined && !isRecord(value);
}
