/**
 * Process options: defaults < file < environment < command line, weighed by convict, checked one by one so that no
 * problem hides another.
 */

import { hostname } from 'node:os';
import { usableCores } from '../../net/cpuQuota.js';
import type { Report } from '../files/problems.js';
import type { Config } from '../types.js';
import {
  checkAccess,
  type EffectiveOption,
  type Environment,
  namedOptions,
  type OptionTable,
  WeighedOptions,
} from './optionSources.js';
import { PROCESS_OPTIONS, type ProcessOption } from './schema.js';

export type { EffectiveOption, Environment } from './optionSources.js';

/** Options from the command line; undefined where not given. */
export interface ConfigOverrides {
  /** `--listen` */
  readonly listen?: string | undefined;
  /** `--state-dir` */
  readonly stateDir?: string | undefined;
}

type ProcessSettings = Omit<Config, 'groups'>;

interface ReadOptions {
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
  const given = Object.entries(OVERRIDE_OF).filter(([, { key }]) => overrides[key] !== undefined);
  const weighed = new WeighedOptions(
    PROCESS_OPTIONS as OptionTable,
    file,
    environment,
    new Map(given.map(([name, { flag, key }]) => [name, { flag, value: overrides[key] }])),
    report,
  );
  const { count } = weighed;
  const value = <Value>(name: string, option: ProcessOption<Value>): Value => weighed.value(name, option);
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
      workers: workers === 'auto' ? Math.max(1, Math.min(ports, usableCores() - 1)) : workers,
      retention: value('collector.retention', collector.retention),
      timestamps: value('collector.timestamps', collector.timestamps),
      probeMemoryBytes: value('collector.probeMemory', collector.probeMemory),
      maxProbesPerSecond: value('collector.maxProbesPerSecond', collector.maxProbesPerSecond),
      historyMemoryBytes: value('collector.historyMemory', collector.historyMemory),
    },
    source: {
      address: value('source.address', source.address),
      address6: value('source.address6', source.address6),
      interface: value('source.interface', source.interface),
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
      allowed: {
        directories: value('api.allowedDirectories', api.allowedDirectories),
        urls: value('api.allowedUrls', api.allowedUrls),
      },
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
  if (weighed.problems === 0) checkAccess('api', result.api, tlsCertFile, tlsKeyFile, count);
  return weighed.problems > 0 ? undefined : { settings: result, options: weighed.effective() };
}

/** Every process option by its name in the file, in the order of the schema. */
export function allOptions(): { readonly name: string; readonly option: ProcessOption<unknown> }[] {
  return namedOptions(PROCESS_OPTIONS as OptionTable);
}
