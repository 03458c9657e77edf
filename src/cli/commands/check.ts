/**
 * `llama check FILE`: describes a config and the origin of each value, or lists all its problems. Opens no socket and
 * changes nothing.
 */

import { LlamaError } from '../../base/errors.js';
import { formatDuration } from '../../base/units.js';
import { whyNotPrivileged } from '../../collector/groups/privileges.js';
import { type LoadedConfig, type LocatedOption, loadConfigFile, printConfig } from '../../config/collector/config.js';
import { groupFigures, lastSourcePort, type PlanFigures, planFigures } from '../../config/group/limits.js';
import { describeSource } from '../../config/group/targetSource.js';
import { formatBytes } from '../../config/options/bytes.js';
import type { ConfigOverrides } from '../../config/options/options.js';
import type { Config, Group } from '../../config/types.js';
import { formatEndpoint } from '../../net/endpoint.js';
import { ephemeralPorts, type PortSettings, readPortSettings } from '../../net/portRange.js';
import { checkScraper, isScraperFile } from '../shared/checkScraper.js';
import { openWrites } from '../shared/openWrites.js';
import { table } from '../shared/table.js';

/** Where the lines go; tests pass their own. */
export interface CheckOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const STANDARD_OUTPUT: CheckOutput = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** Options of `llama collector`, with the same precedence. */
export interface CheckOptions extends ConfigOverrides {
  /** Write the config in our own form instead of describing it. */
  readonly print?: boolean | undefined;
}

/**
 * Prints the description of `file` to stdout, or one problem a line to stderr. Returns the exit code: 0, or 1 for an
 * invalid file.
 */
export async function check(
  file: string,
  options: CheckOptions = {},
  output: CheckOutput = STANDARD_OUTPUT,
  portSettings = readPortSettings,
): Promise<number> {
  let loaded: LoadedConfig;
  try {
    if (isScraperFile(file)) {
      output.out(checkScraper(file, options));
      return 0;
    }
    loaded = loadConfigFile(file, options);
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    output.err(`${error.message}\n`);
    return error.exitCode;
  }
  if (options.print === true) output.out(printConfig(loaded, `Written by "llama check --print" from ${file}.`));
  else output.out(`${describeConfig(file, loaded, portSettings()).join('\n')}\n`);
  return 0;
}

const FORM_NAMES = {
  own: '',
  simple: ", in the simple form of Dropbox's LLAMA",
  full: ", in the full form of Dropbox's LLAMA",
} as const;

function describeConfig(
  file: string,
  { config, form, notes, warnings, options, groupPlaces }: LoadedConfig,
  ports: PortSettings | undefined,
): string[] {
  const { collector, source } = config;
  const open = openWrites(config.api);
  const total = planFigures(config.groups, source.ports);
  return [
    `${file} is valid${FORM_NAMES[form]}`,
    '',
    ...table([
      ['option', 'value', 'from'],
      ...options.map((option) => [option.name, effective(option, config), option.from] as const),
    ]),
    ...config.groups.flatMap((group) => ['', ...describeGroup(group, source.ports, groupPlaces.get(group.name))]),
    '',
    ...table([
      ['groups', String(config.groups.length)],
      ['targets', count(total.targets)],
      ...loadRows(total),
      ['memory for probes', `${formatBytes(total.memoryBytes)} of ${formatBytes(collector.probeMemoryBytes)}`],
    ]),
    ...privilegeWarnings(config.groups),
    ...ephemeralWarning(config, ports),
    ...warnings.flatMap((warning) => ['', `Warning: ${warning}.`]),
    ...(open === undefined ? [] : ['', `Note: ${open}.`]),
    ...(notes.length === 0 ? [] : ['', 'What this form says otherwise, or what is not carried over:']),
    ...notes.map((note) => `- ${note}`),
  ];
}

/** About the user who runs the command: the collector may run as another one. */
function privilegeWarnings(groups: readonly Group[]): string[] {
  return groups.flatMap(({ name, protocol }) => {
    const lacking = whyNotPrivileged({ protocol });
    return lacking === undefined ? [] : ['', `Warning: group ${name}: ${lacking.message}.`];
  });
}

/** About the host that runs the command. */
function ephemeralWarning({ source, groups }: Config, settings: PortSettings | undefined): string[] {
  if (source.basePort === 0 || settings === undefined) return [];
  const last = lastSourcePort(source, groups);
  const found = ephemeralPorts(source.basePort, last, settings);
  if (found === undefined) return [];
  return [
    '',
    `Warning: found the source ports ${source.basePort} to ${last} (source.basePort), expected none that this host gives to other programs by chance, as it does with ${found[0]} to ${found[1]} (net.ipv4.ip_local_port_range): the collector does not start when one is taken; reserve them with net.ipv4.ip_local_reserved_ports=${source.basePort}-${last}, or choose others.`,
  ];
}

/** The value as written, and the effective value where that depends on this host. */
function effective({ name, written }: LocatedOption, { collector }: Config): string {
  const text = String(written);
  if (name === 'collector.name' && written === null) return `${collector.name} (the host name)`;
  return name === 'collector.workers' && written === 'auto' ? `auto (${collector.workers} here)` : text;
}

function describeGroup(group: Group, ports: number, place = ''): string[] {
  return [
    `group ${group.name} (${place})`,
    ...table([
      ['  protocol', group.protocol],
      ['  period', formatDuration(group.periodNs)],
      ['  timeout', formatDuration(group.timeoutNs)],
      ...(group.protocol === 'tcp-syn' ? [] : [['  payload', `${group.payloadBytes} bytes`] as const]),
      ...(group.dontFragment === true ? [['  fragments', 'none: too large is tooBig'] as const] : []),
      ...(group.anySource === true ? [['  replies', 'from any address'] as const] : []),
      ...(group.keyFile === undefined
        ? []
        : [['  keys', `${group.keys?.length ?? 0}, from ${group.keyFile}`] as const]),
      ...(group.tlvs === undefined ? [] : [['  TLVs', group.tlvs.join(', ')] as const]),
      ...(group.ecn === undefined ? [] : [['  ECN', group.ecn] as const]),
      ['  classes', group.classes.map(({ name, dscp }) => `${name} (DSCP ${dscp})`).join(', ')],
      ...(group.sourcePorts === undefined
        ? []
        : [['  source ports', `the first ${group.sourcePorts} of ${ports}`] as const]),
      ...(group.sourceInterface === undefined ? [] : [['  interface', group.sourceInterface] as const]),
      ...loadRows(groupFigures(group, ports)).map(([name, value]): [string, string] => [`  ${name}`, value]),
      ...(group.skipSelf === true ? [['  own addresses', 'left out'] as const] : []),
      ['  targets', group.from === undefined ? count(group.targets.length) : `from ${describeSource(group.from)}`],
    ]),
    ...table(
      group.targets.map(({ address, port, tags }) => [
        `    ${group.protocol === 'icmp' ? address : formatEndpoint({ address, port })}`,
        Object.entries(tags)
          .map(([key, value]) => `${key}=${value}`)
          .join(' '),
      ]),
    ),
  ];
}

function loadRows(figures: PlanFigures): [string, string][] {
  return [
    ['paths', count(figures.paths)],
    ['probes', `${count(figures.probesPerSecond)}/s`],
    [
      'on the wire',
      `${count(figures.wireBytesPerSecond)} bytes/s each way, with the headers of UDP, TCP or ICMP and of IP, without those of the link`,
    ],
  ];
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}
