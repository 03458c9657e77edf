/** Process options: defaults < file < environment < command line, weighed by convict, checked one by one so that no problem hides another. */

import { availableParallelism, hostname } from 'node:os';
import convict from 'convict';
import { found, isRecord, type Path, type Report, reportUnknownKeys } from './problems.js';
import { PROCESS_OPTIONS, type ProcessOption } from './schema.js';
import type { ApiSettings, Config } from './types.js';

/** What the command line may say; undefined where it says nothing. */
export interface ConfigOverrides {
  /** `--listen` */
  readonly listen?: string | undefined;
  /** `--state-dir` */
  readonly stateDir?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type ProcessSettings = Omit<Config, 'groups'>;

/** Where the value of an option came from: the weightiest of those that gave one. */
export type OptionOrigin =
  | { readonly from: 'default' | 'file' }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'command line'; readonly flag: string };

/** The value of an option as it was written, before it was read. */
export interface EffectiveOption {
  readonly name: string;
  readonly written: unknown;
  readonly origin: OptionOrigin;
}

export interface ReadOptions {
  readonly settings: ProcessSettings;
  /** All of them, in the order of the schema. */
  readonly options: readonly EffectiveOption[];
}

const SECTIONS = ['collector', 'source', 'api'] as const;
/** Keys at the top of a config file. */
export const TOP_KEYS: readonly string[] = [...SECTIONS, 'stateDir', 'groups'];

/** Options that have a flag of their own on the command line, by name. */
export const OVERRIDE_OF: Readonly<Record<string, { readonly flag: string; readonly key: keyof ConfigOverrides }>> = {
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
): ReadOptions | undefined {
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
  const known = knownParts(file, count);
  settings.load(known);
  for (const [name, { key }] of Object.entries(OVERRIDE_OF))
    if (overrides[key] !== undefined) settings.set(name, overrides[key]);

  function value<Value>(name: string, option: ProcessOption<Value>): Value {
    const written: unknown = settings.get(name);
    const parsed = option.parse(written);
    if (parsed !== undefined) return parsed;
    const outside = place(origin(name, option.env));
    const message = `found ${found(written)}${outside}, expected ${option.expected}`;
    count(name.split('.'), message, outside === '' ? 'value' : 'outside');
    return option.parse(option.default) as Value;
  }
  function origin(name: string, variable: string): OptionOrigin {
    const override = OVERRIDE_OF[name];
    if (override !== undefined && overrides[override.key] !== undefined)
      return { from: 'command line', flag: override.flag };
    if (env[variable] !== undefined) return { from: 'environment', variable };
    return { from: isSet(known, name) ? 'file' : 'default' };
  }

  const { collector, source, api, stateDir } = PROCESS_OPTIONS;
  const ports = value('source.ports', source.ports);
  const basePort = value('source.basePort', source.basePort);
  const workers = value('collector.workers', collector.workers);
  const listen = value('api.listen', api.listen);
  const tlsCertFile = value('api.tlsCertFile', api.tlsCertFile);
  const tlsKeyFile = value('api.tlsKeyFile', api.tlsKeyFile);
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
    api: {
      ...listen,
      tokenFile: value('api.tokenFile', api.tokenFile),
      readTokenFile: value('api.readTokenFile', api.readTokenFile),
      writes: value('api.writes', api.writes),
      allowRemoteWrites: value('api.allowRemoteWrites', api.allowRemoteWrites),
      tls: tlsCertFile === null || tlsKeyFile === null ? null : { certFile: tlsCertFile, keyFile: tlsKeyFile },
      rateLimit: value('api.rateLimit', api.rateLimit),
      bodyLimitBytes: value('api.bodyLimit', api.bodyLimit),
      maxStreams: value('api.maxStreams', api.maxStreams),
      metricsMaxTargets: value('api.metricsMaxTargets', api.metricsMaxTargets),
    },
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
  if (problems === 0) checkAccess(result.api, tlsCertFile, tlsKeyFile, count);
  if (problems > 0) return undefined;
  const options = allOptions().map(({ name, option }) => ({
    name,
    written: settings.get(name) as unknown,
    origin: origin(name, option.env),
  }));
  return { settings: result, options };
}

/** Every process option by its name in the file, in the order of the schema. */
export function allOptions(): { readonly name: string; readonly option: ProcessOption<unknown> }[] {
  return Object.entries<object>(PROCESS_OPTIONS).flatMap(([name, entry]) =>
    'format' in entry
      ? [{ name, option: entry as ProcessOption<unknown> }]
      : Object.entries<ProcessOption<unknown>>(entry as Record<string, ProcessOption<unknown>>).map(
          ([key, option]) => ({
            name: `${name}.${key}`,
            option,
          }),
        ),
  );
}

/** What the message of a wrong value says of its origin; nothing for the file, whose line it names. */
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
function checkAccess(api: ApiSettings, tlsCertFile: string | null, tlsKeyFile: string | null, report: Report): void {
  if (api.allowRemoteWrites === true && api.tokenFile === null)
    report(
      ['api', 'allowRemoteWrites'],
      'found true without api.tokenFile, which would let anyone change what is probed; set api.tokenFile to a file with a secret token, or take allowRemoteWrites away',
    );
  if (api.readTokenFile !== null && api.tokenFile === null)
    report(
      ['api', 'readTokenFile'],
      'found a token for reading but none for changes, expected api.tokenFile as well; set it to a file with another secret token',
    );
  if ((tlsCertFile === null) !== (tlsKeyFile === null)) {
    const [there, missing] = tlsKeyFile === null ? ['tlsCertFile', 'tlsKeyFile'] : ['tlsKeyFile', 'tlsCertFile'];
    report(['api', there], `found it without api.${missing}, expected both or none; set api.${missing} too`);
  }
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
