/** `llama probe`: a one-off measurement from the shell, by the very threads that a collector uses. */

import { setTimeout as delay } from 'node:timers/promises';
import { formatDuration, nsToMs } from '../../base/units.js';
import { Collector } from '../../collector/collector.js';
import { privilegeProblem } from '../../collector/groups/privileges.js';
import { GRACE_NS } from '../../config/group/limits.js';
import { formatEndpoint } from '../../net/endpoint.js';
import {
  distribution,
  exitCode,
  extraLines,
  lossBounds,
  reasonLines,
  silenceHint,
  undecidedText,
} from '../probe/outcomes.js';
import { PROBE_GROUP, type ProbeOptions, probePlan, resolveTarget } from '../probe/probePlan.js';
import { requireFiles } from '../shared/host.js';
import { createLogger } from '../shared/log.js';
import { formatPct, formatUs, histogramText, type ResultRow, resultRows, textTable } from '../shared/rows.js';
import { signalled } from '../shared/signals.js';

const PROGRESS_MS = 100;
const BAR = 40;

/**
 * Prints the results of one measurement of `host` to stdout, progress to stderr. The exit code depends on whether
 * probes were sent, decided and received.
 */
export async function runProbe(host: string, options: ProbeOptions): Promise<number> {
  const target = await resolveTarget(host);
  const { config, perGroup, count, spacingNs } = probePlan(target, options);
  const lacking = privilegeProblem(config.groups);
  if (lacking !== undefined) throw lacking.cause;
  requireFiles(config.source.ports * 4);
  const collector = await Collector.start(config, {
    logger: createLogger('error'),
    count: perGroup,
  });
  let interrupted = false;
  void signalled().then(() => {
    interrupted = true;
  });
  try {
    await collector.measure();
    await untilDone(collector, count, config.groups[0].timeoutNs, () => interrupted, options.json !== true);
    await collector.stop();
    const report = collector.results.latest?.report;
    const rows = report === undefined ? [] : resultRows(report);
    const { totals } = collector.status();
    if (options.json) {
      const { undecided } = totals;
      process.stdout.write(`${JSON.stringify({ results: rows, undecided, lossPct: lossBounds(totals) })}\n`);
    } else {
      const { sent } = totals;
      const probes = sent === count ? `${count} probes` : `${sent} of ${count} probes`;
      const [{ protocol, targets }] = config.groups;
      const from = protocol === 'icmp' ? '' : `, from ${config.source.ports} source ports`;
      const where = protocol === 'icmp' ? targets[0].address : formatEndpoint(targets[0]);
      process.stdout.write(`${where}: ${probes}, one every ${formatDuration(spacingNs)}${from}\n\n`);
      const sizes = options.sizes !== undefined;
      // Without rows no probe was decided, and a table would be empty.
      if (rows.length > 0) process.stdout.write(sizes ? sizesTable(rows) : table(rows));
      const open = undecidedText(totals, config.groups[0].timeoutNs);
      if (open !== undefined) process.stdout.write(`${open}\n`);
      for (const [i, row] of rows.entries()) {
        if (!sizes && report !== undefined && row.received > 0)
          process.stdout.write(`\n${distribution(row.class, histogramText(report, i))}`);
      }
    }
    const code = exitCode(rows);
    const reasons = options.json && code !== 0 ? rows.flatMap(reasonsOf) : [];
    const hint = silenceHint(rows);
    for (const note of [...reasons, ...notes(collector), ...(hint === undefined ? [] : [hint])])
      process.stderr.write(`note: ${note}\n`);
    return code;
  } finally {
    await collector.close(0);
  }
}

/** Why the figures may be about this host. With a few hundred probes, each unsent one is worth a note. */
function notes(collector: Collector): string[] {
  const { warnings, totals } = collector.status();
  const { scheduleSlips } = totals;
  // The rows' own lines describe unsent probes and silent ports in more detail.
  const others = warnings.filter((warning) => !/^(scheduleSlips:|sendErrors:|group )/.test(warning));
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
    // Probes whose record will never come (a thread died) must not block the command for ever.
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
  const extras = rows.flatMap((row) => extraLines(row).map((line) => `${row.class}: ${line}\n`));
  return textTable([header, ...cells]) + reasons(rows) + extras.join('');
}

/** Why probes of a row got no answer; with `--sizes` a group is a size. */
const reasonsOf = (row: ResultRow): string[] => reasonLines(row).map((line) => `${rowName(row)}: ${line}`);
const rowName = ({ group, class: name }: ResultRow): string => (group === PROBE_GROUP ? name : `${group} ${name}`);
const reasons = (rows: readonly ResultRow[]): string =>
  rows
    .flatMap(reasonsOf)
    .map((line) => `${line}\n`)
    .join('');

/** The outcomes of each size, and the largest packet size that a router or this host reported. */
function sizesTable(rows: readonly ResultRow[]): string {
  const header = ['payload', 'class', 'sent', 'received', 'too big', 'mtu', 'lost', 'unreachable', 'min', 'p50', 'p99'];
  const us = (value: number | undefined): string => (value === undefined ? '-' : formatUs(value));
  const cells = rows.map(({ group, mtu, rttUs, ...row }) => [
    group,
    row.class,
    ...[row.sent, row.received, row.tooBig].map(String),
    mtu === null ? '-' : String(mtu),
    ...[row.lost, row.unreachable].map(String),
    ...[rttUs?.min, rttUs?.p50, rttUs?.p99].map(us),
  ]);
  return textTable([header, ...cells]) + reasons(rows);
}
