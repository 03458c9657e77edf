/**
 * `llama demo`: reflectors and a collector on loopback without any configuration, and a live table of the measurements.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import { loadConfig } from '../../config/collector/config.js';
import type { Config, Group } from '../../config/types.js';
import { DEFAULT_SESSIONS, Reflector } from '../../reflector/reflector.js';
import { noAnswerText } from '../../stats/reasons.js';
import { createLogger } from '../shared/log.js';
import { formatPct, formatUs, type ResultRow, resultRows, textTable } from '../shared/rows.js';
import { endServed, type ServedCollector, serveCollector } from '../shared/serve.js';
import { nothingToLose, signalled, unlessSignalled } from '../shared/signals.js';

const CONFIG_FILE = fileURLToPath(new URL('../../../../config/demo.yaml', import.meta.url));
/** Intervals that the trend shows, and its characters from low to high. */
const TREND = 12;
const BARS = '▁▂▃▄▅▆▇█';
/** A timer's longest delay is 2^31 - 1 ms. */
const MOST_SECONDS = 2_000_000;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

export interface DemoOptions {
  readonly seconds?: string;
}

export async function runDemo(options: DemoOptions): Promise<number> {
  const seconds = options.seconds === undefined ? Number.POSITIVE_INFINITY : Number(options.seconds);
  if (!(seconds > 0) || (options.seconds !== undefined && seconds > MOST_SECONDS))
    throw new LlamaError(
      'LLAMA_ARGUMENT_INVALID',
      `--seconds ${JSON.stringify(options.seconds)}: expected a number above 0 and at most ${MOST_SECONDS}`,
    );
  const logger = createLogger('warn');
  const signal = signalled();
  const file = loadConfig(CONFIG_FILE);
  const endAll = (all: readonly Reflector[]): Promise<unknown> =>
    Promise.all(all.map((reflector) => reflector.close()));
  const started = await unlessSignalled(signal, startReflectors(file.groups[0], logger), (all) =>
    endAll(all.reflectors),
  );
  if (started === undefined) return 0;
  const { reflectors, port } = started;
  try {
    const served = await unlessSignalled(signal, serveWhereFree(withPort(file, port), logger), endServed);
    if (served === undefined) return 0;
    const history: History = new Map();
    const stop = served.collector.results.subscribe(({ report }) => {
      // The first interval may end before anything was probed.
      if (report.streams.length === 0) return;
      remember(history, resultRows(report));
      draw(served, history);
    });
    process.stdout.write(
      `${heading(served)}\nwaiting for the first interval (${file.collector.intervalMs / 1000} s) ...\n`,
    );
    await Promise.race([signal, ...(seconds === Number.POSITIVE_INFINITY ? [] : [delay(seconds * 1000)])]);
    stop();
    nothingToLose();
    await served.app.close();
    await served.collector.close();
    process.stdout.write(`\nended: ${summary(served.collector.status().totals, 'probes sent')}\n`);
  } finally {
    await endAll(reflectors);
  }
  return 0;
}

/**
 * One reflector per target. All on the configured port, or, when somebody has it, on one that is free on the first
 * address.
 */
async function startReflectors(group: Group, logger: Logger): Promise<{ reflectors: Reflector[]; port: number }> {
  const reflectors: Reflector[] = [];
  let { port } = group;
  try {
    for (const { address, family } of group.targets) {
      const start = (wanted: number): Promise<Reflector> =>
        Reflector.start(
          {
            listen: [{ address, family, port: wanted }],
            threads: 1,
            maxPps: null,
            allow: [],
            stateful: DEFAULT_SESSIONS,
          },
          logger,
        );
      try {
        reflectors.push(await start(port));
      } catch (error) {
        if (reflectors.length > 0 || !(error instanceof LlamaError) || error.code !== 'LLAMA_ADDRESS_IN_USE')
          throw error;
        const first = await start(0);
        reflectors.push(first);
        port = first.endpoints[0].port;
      }
    }
  } catch (error) {
    await Promise.all(reflectors.map((reflector) => reflector.close()));
    throw error;
  }
  return { reflectors, port };
}

function withPort(config: Config, port: number): Config {
  const groups = config.groups.map((group) => ({
    ...group,
    port,
    targets: group.targets.map((target) => ({ ...target, port })),
  }));
  return { ...config, groups };
}

/** The demo must run next to other programs: an API port in use is replaced by a free one. */
async function serveWhereFree(config: Config, logger: Logger): Promise<ServedCollector> {
  try {
    return await serveCollector(config, logger);
  } catch (error) {
    if (!(error instanceof LlamaError) || error.code !== 'LLAMA_ADDRESS_IN_USE') throw error;
    return serveCollector({ ...config, api: { ...config.api, port: 0 } }, logger);
  }
}

function heading({ url, collector }: ServedCollector): string {
  const { paths, probesPerSecond } = collector.status();
  return `LLAMA demo: ${paths} paths, ${probesPerSecond} probes/s on loopback. API: ${url}/v1/results  (Ctrl-C ends)\n`;
}

/** The table's data of one target and class: its last intervals, oldest first. */
type History = Map<string, ResultRow[]>;

function remember(history: History, rows: readonly ResultRow[]): void {
  for (const row of rows) {
    const key = cellKey(row.target, row.class);
    history.set(key, [...(history.get(key) ?? []), row].slice(-TREND));
  }
}

const cellKey = (target: string, className: string): string => `${target} ${className}`;

/** Targets down, classes across. */
function matrix(history: History): string {
  const rows = [...history.values()].flat();
  const classes = [...new Set(rows.map((row) => row.class))];
  const targets = [...new Set(rows.map((row) => row.target))].sort();
  const header = ['target', ...classes.flatMap((name) => [`${name} loss`, 'p50', 'p99', 'p50 lately'.padEnd(TREND)])];
  const lines = targets.map((target) => [
    target,
    ...classes.flatMap((name) => cells(history.get(cellKey(target, name)) ?? [])),
  ]);
  return textTable([header, ...lines]);
}

function cells(rows: readonly ResultRow[]): string[] {
  const last = rows.at(-1);
  const us = (value: number | undefined): string => (value === undefined ? '-' : formatUs(value));
  return [
    last === undefined ? '-' : formatPct(last.lossPct),
    us(last?.rttUs?.p50),
    us(last?.rttUs?.p99),
    trend(rows).padEnd(TREND),
  ];
}

/**
 * A character an interval: the height is its p50 relative to the highest shown; `!` where probes were lost, or none was
 * answered.
 */
function trend(rows: readonly ResultRow[]): string {
  const most = Math.max(...rows.map(({ rttUs }) => rttUs?.p50 ?? 0));
  return rows
    .map(({ received, lost, unreachable, rttUs }) => {
      if (received === 0 || lost + unreachable > 0) return '!';
      return rttUs === null || most === 0 ? ' ' : BARS[Math.ceil((rttUs.p50 / most) * BARS.length) - 1];
    })
    .join('');
}

/** Targets and classes without an answer in their last interval, and why. */
function unanswered(history: History): string[] {
  return [...history].flatMap(([key, rows]) => {
    const last = rows.at(-1);
    const why = last === undefined ? null : noAnswerText(last);
    return why === null ? [] : [`${key}: ${why}`];
  });
}

type Totals = Readonly<Record<'sent' | 'received' | 'lost' | 'unreachable' | 'sendErrors', number>>;

/** `16 sent, 15 received, 1 lost`. */
function summary({ sent, received, lost, unreachable, sendErrors }: Totals, sentText: string): string {
  const others = [
    ...(unreachable > 0 ? [`${unreachable} unreachable`] : []),
    ...(sendErrors > 0 ? [`${sendErrors} not sent`] : []),
  ];
  return [`${sent} ${sentText}`, `${received} received`, `${lost} lost`, ...others].join(', ');
}

function draw(served: ServedCollector, history: History): void {
  const { totals, warnings } = served.collector.status();
  const text = [
    heading(served),
    new Date().toISOString(),
    matrix(history),
    ...unanswered(history),
    `in all: ${summary(totals, 'sent')}`,
    ...warnings.map((warning) => `note: ${warning}`),
    '',
  ].join('\n');
  process.stdout.write(process.stdout.isTTY ? CLEAR_SCREEN + text : `${text}\n`);
}
