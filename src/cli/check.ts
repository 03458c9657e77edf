/** `llama check FILE`: says what a config means, or everything that is wrong with it. Opens no socket and changes nothing. */

import { formatBytes } from '../config/bytes.js';
import { loadConfig } from '../config/config.js';
import { groupFigures, type PlanFigures, planFigures } from '../config/limits.js';
import { formatProblem } from '../config/problems.js';
import type { Config, Group } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { formatEndpoint } from '../net/endpoint.js';
import { formatDuration, msToNs } from '../stats/units.js';

/** Where the lines go; tests pass their own. */
export interface CheckOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const STANDARD_OUTPUT: CheckOutput = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** Prints what `file` means to stdout, or one problem a line to stderr. The result is the exit code: 0, or 1 when it is wrong. */
export async function check(file: string, output: CheckOutput = STANDARD_OUTPUT): Promise<number> {
  let config: Config;
  try {
    config = loadConfig(file);
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    const lines = error.problems.map((problem) => formatProblem(problem, file));
    output.err(`${(lines.length > 0 ? lines : [error.message]).join('\n')}\n`);
    return error.exitCode;
  }
  output.out(`${describeConfig(file, config).join('\n')}\n`);
  return 0;
}

function describeConfig(file: string, config: Config): string[] {
  const { collector, source, api } = config;
  const total = planFigures(config.groups, source.ports);
  return [
    `${file} is valid`,
    '',
    ...table([
      ['collector', collector.name],
      ['interval', `${formatDuration(msToNs(collector.intervalMs))}, the last ${collector.retention} kept in memory`],
      ['worker threads', String(collector.workers)],
      ['timestamps', collector.timestamps],
      ['source addresses', `${source.address} and ${source.address6}`],
      ['source ports', sourcePorts(config)],
      ['API', `http${api.tls === null ? '' : 's'}://${formatEndpoint({ address: api.host, port: api.port })}`],
      ['token file', api.tokenFile ?? 'none: changes are accepted from the loopback address only'],
      ['state directory', config.stateDir ?? 'none: groups set by REST are forgotten at the end'],
    ]),
    ...config.groups.flatMap((group) => ['', ...describeGroup(group, source.ports)]),
    '',
    ...table([
      ['groups', String(config.groups.length)],
      ['targets', count(total.targets)],
      ...loadRows(total),
      ['memory for probes', `${formatBytes(total.memoryBytes)} of ${formatBytes(collector.probeMemoryBytes)}`],
    ]),
  ];
}

function sourcePorts({ source }: Config): string {
  return source.basePort === 0
    ? `${source.ports}, chosen by the system`
    : `${source.ports}, ${source.basePort} to ${source.basePort + source.ports - 1}`;
}

function describeGroup(group: Group, ports: number): string[] {
  return [
    `group ${group.name}`,
    ...table([
      ['  protocol', group.protocol],
      ['  period', formatDuration(group.periodNs)],
      ['  timeout', formatDuration(group.timeoutNs)],
      ['  payload', `${group.payloadBytes} bytes`],
      ['  classes', group.classes.map(({ name, dscp }) => `${name} (DSCP ${dscp})`).join(', ')],
      ...loadRows(groupFigures(group, ports)).map(([name, value]): [string, string] => [`  ${name}`, value]),
      ['  targets', count(group.targets.length)],
    ]),
    ...table(
      group.targets.map(({ address, port, tags }) => [
        `    ${formatEndpoint({ address, port })}`,
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
      `${count(figures.wireBytesPerSecond)} bytes/s each way, with UDP and IP headers, without those of the link`,
    ],
  ];
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** Two columns; the first as wide as its longest cell. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = rows.reduce((most, [name]) => Math.max(most, name.length), 0);
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd());
}
