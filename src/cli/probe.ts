/** `llama probe`: a one-off measurement from the shell, by the very threads that a collector uses. */

import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Collector } from '../collector/collector.js';
import { parseAddress } from '../config/address.js';
import { parseConfig } from '../config/config.js';
import { checkPlan, GRACE_NS } from '../config/limits.js';
import type { Config } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { formatEndpoint } from '../net/endpoint.js';
import { formatDuration, NS_PER_S, nsToMs, parseDurationNs } from '../stats/units.js';
import { distribution } from './distribution.js';
import { requireFiles } from './host.js';
import { createLogger } from './log.js';
import { formatPct, formatUs, histogramText, type ResultRow, resultRows, textTable } from './rows.js';

export interface ProbeOptions {
  readonly protocol: string;
  readonly count: string;
  readonly period: string;
  readonly timeout: string;
  readonly sourcePorts: string;
  readonly class?: readonly string[];
  readonly json?: boolean;
}

const DEFAULT_PORT = 8100;
const MOST_PROBES = 100_000_000;
const LONGEST_PERIOD_NS = 3600 * NS_PER_S;
const PROGRESS_MS = 100;
/** One interval holds the whole measurement: its end lies far ahead. */
const ENDLESS_INTERVAL_MS = 2 ** 42;
const GROUP = 'probe';
const BAR = 40;

function argumentError(text: string): LlamaError {
  return new LlamaError('LLAMA_ARGUMENT_INVALID', text);
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw argumentError(`${option} ${JSON.stringify(text)}: expected a whole number from 1 to ${most}`);
  return value;
}

function durationNs(option: string, text: string): number {
  const ns = parseDurationNs(text);
  if (ns === undefined || ns < 1)
    throw argumentError(`${option} ${JSON.stringify(text)}: expected a duration such as 500us, 10ms, 1s`);
  return ns;
}

/** Address and port of `host`, `host:port`, `address`, `[address]:port`. Names are resolved. */
async function resolveTarget(text: string): Promise<{ address: string; port: number }> {
  const match =
    parseAddress(text) === undefined
      ? /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
      : [text, text, undefined, undefined];
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > 65_535)
    throw argumentError(
      `${JSON.stringify(text)}: expected a host and perhaps a port from 1 to 65535, such as 10.0.0.1, host:8100 or [2001:db8::1]:8100`,
    );
  const literal = parseAddress(host);
  if (literal !== undefined) return { address: literal.address, port };
  try {
    return { address: (await lookup(host)).address, port };
  } catch (cause) {
    throw new LlamaError(
      'LLAMA_HOST_UNKNOWN',
      `${host} does not resolve to an address (${(cause as Error).message}); check the name, or give an address`,
      { cause },
    );
  }
}

function probeConfig(
  target: { address: string; port: number },
  options: ProbeOptions,
): { config: Config; count: number; spacingNs: number } {
  const count = wholeNumber('--count', options.count, MOST_PROBES);
  const ports = Math.min(wholeNumber('--source-ports', options.sourcePorts, 4096), count);
  const spacingNs = durationNs('--period', options.period);
  const timeoutNs = durationNs('--timeout', options.timeout);
  const classes = options.class ?? ['cs0'];
  const places = ports * classes.length;
  if (spacingNs > LONGEST_PERIOD_NS)
    throw argumentError(
      `--period ${JSON.stringify(options.period)}: expected at most ${formatDuration(LONGEST_PERIOD_NS)}`,
    );
  // Between two probes of one path; a config's groups are kept to narrower bounds than a measurement by hand.
  const periodNs = spacingNs * places;
  // JSON is YAML; the reader's checks and messages serve here too.
  const text = JSON.stringify({
    collector: { name: 'probe', workers: 1, retention: 1 },
    source: { ports, basePort: 0 },
    api: { listen: '127.0.0.1:0' },
    groups: {
      [GROUP]: {
        protocol: options.protocol,
        timeout: formatDuration(timeoutNs),
        classes: classes.map((name) => (/^\d+$/.test(name) ? Number(name) : name)),
        targets: [target],
      },
    },
  });
  const config = inOptions(() => parseConfig(text, 'command line', {}));
  const groups = config.groups.map((group) => ({ ...group, periodNs }));
  inOptions(() => checkPlan(config, groups));
  return {
    config: { ...config, groups, collector: { ...config.collector, intervalMs: ENDLESS_INTERVAL_MS } },
    count,
    spacingNs,
  };
}

const OPTION_OF: Readonly<Record<string, string>> = {
  protocol: '--protocol',
  timeout: '--timeout',
  classes: '--class',
  targets: 'host',
};

/** What `read` returns; the problems that it throws are told by the option that each came from. */
function inOptions<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LlamaError) || error.problems.length === 0) throw error;
    const lines = error.problems.map(({ path, message }) => {
      const key = path.split('/')[3] ?? '';
      return `${OPTION_OF[key] ?? '--period and --timeout'}: ${message}`;
    });
    throw new LlamaError(error.code, lines.join('\n'), { cause: error });
  }
}

/** Prints the results of one measurement of `host` to stdout, progress to stderr. */
export async function runProbe(host: string, options: ProbeOptions): Promise<number> {
  const target = await resolveTarget(host);
  const { config, count, spacingNs } = probeConfig(target, options);
  requireFiles(config.source.ports * 2);
  const collector = await Collector.start(config, {
    logger: createLogger(process.env.LLAMA_LOG_LEVEL ?? 'error'),
    count,
  });
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    await collector.measure();
    await untilDone(collector, count, config.groups[0].timeoutNs, () => interrupted, options.json !== true);
    await collector.stop();
    const report = collector.results.latest?.report;
    const rows = report === undefined ? [] : resultRows(report);
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ results: rows })}\n`);
    } else {
      const { sent } = collector.status().totals;
      const probes = sent === count ? `${count} probes` : `${sent} of ${count} probes`;
      const title = `${formatEndpoint(target)}: ${probes}, one every ${formatDuration(spacingNs)}, from ${config.source.ports} source ports\n\n`;
      process.stdout.write(title + table(rows));
      for (const [i, row] of rows.entries()) {
        if (report !== undefined && row.received > 0)
          process.stdout.write(`\n${distribution(row.class, histogramText(report, i))}`);
      }
    }
    for (const warning of notes(collector)) process.stderr.write(`note: ${warning}\n`);
    return 0;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await collector.close(0);
  }
}

/** Why the figures may be about this host. Of a few hundred probes, each one that was not sent is worth a word. */
function notes(collector: Collector): string[] {
  const { warnings, totals } = collector.status();
  const { scheduleSlips } = totals;
  const others = warnings.filter((warning) => !warning.startsWith('scheduleSlips'));
  return scheduleSlips === 0
    ? others
    : [...others, `${scheduleSlips} probes were not sent, because this host was too busy to send them in time`];
}

/** Waits until all probes are sent and decided, showing progress. */
async function untilDone(
  collector: Collector,
  count: number,
  timeoutNs: number,
  interrupted: () => boolean,
  show: boolean,
): Promise<void> {
  const terminal = process.stderr.isTTY;
  let lastSentMs = Date.now();
  let lastPlanned = -1;
  for (;;) {
    const { sent, received, lost, unreachable, localDrops, tooBig, sendErrors, scheduleSlips } =
      collector.status().totals;
    const planned = sent + sendErrors + scheduleSlips;
    const decided = received + lost + unreachable + localDrops + tooBig;
    if (show && terminal) {
      const done = Math.floor((planned / count) * BAR);
      process.stderr.write(
        `\r[${'='.repeat(done)}${' '.repeat(BAR - done)}] ${sent} sent, ${received} received, ${lost} lost `,
      );
    }
    const over = planned >= count && decided >= sent;
    const now = Date.now();
    if (planned !== lastPlanned) lastSentMs = now;
    lastPlanned = planned;
    // Probes whose record nobody will make (a thread died) must not keep the command for ever.
    const stuck = planned >= count && now - lastSentMs > nsToMs(timeoutNs + GRACE_NS) * 2 + 1_000;
    if (over || stuck || interrupted()) break;
    await delay(PROGRESS_MS);
  }
  if (show && terminal) process.stderr.write(`\r${' '.repeat(BAR + 60)}\r`);
}

function table(rows: readonly ResultRow[]): string {
  const header = [
    'class',
    'sent',
    'received',
    'lost',
    'unreachable',
    'loss',
    'min',
    'p50',
    'p90',
    'p99',
    'max',
    'jitter',
  ];
  const cells = rows.map((row) => {
    const us = (value: number | null | undefined): string =>
      value === null || value === undefined ? '-' : formatUs(value);
    const { rttUs } = row;
    return [
      row.class,
      String(row.sent),
      String(row.received),
      String(row.lost),
      String(row.unreachable),
      formatPct(row.lossPct),
      us(rttUs?.min),
      us(rttUs?.p50),
      us(rttUs?.p90),
      us(rttUs?.p99),
      us(rttUs?.max),
      us(row.jitterUs),
    ];
  });
  const extras = rows.flatMap((row) =>
    (['late', 'duplicates', 'reordered', 'sendErrors', 'localDrops', 'tooBig'] as const)
      .filter((name) => row[name] > 0)
      .map((name) => `${row.class}: ${row[name]} ${name}\n`),
  );
  return textTable([header, ...cells]) + extras.join('');
}
