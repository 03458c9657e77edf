/** `counters.md`: every counter, what it counts and who reads it, from the table of counters and their readers. */

import { COUNTER_MEANINGS } from '../../../src/counters/meanings.js';
import type { CounterReader, CounterWarning } from '../../../src/counters/reader.js';
import { COUNTER_READERS } from '../../../src/counters/readers.js';
import { code, page, table } from '../markdown.js';

type Table = keyof typeof COUNTER_READERS;

interface Section {
  readonly of: Table;
  readonly title: string;
  readonly first: string;
  readonly where: string;
}

const SECTIONS: readonly Section[] = [
  {
    of: 'prober',
    title: 'Collector',
    first: 'counter',
    where:
      'In `totals` of `GET /v1/status`, for each prober thread and in sum, since the start of the process. In every row and path `sent` = `received` + `lost` + `unreachable` + `localDrops` + `tooBig`. The sum of all rows falls short of the total by `threadLosses`, `ringOverflows` and `undecided` only, and by the interval that is still open.',
  },
  {
    of: 'aggregator',
    title: 'Aggregator thread',
    first: 'counter of the aggregator',
    where: 'In `aggregator` of `GET /v1/status`, or internal.',
  },
  {
    of: 'history',
    title: 'History',
    first: 'counter of the history',
    where:
      'Of a collector and of a scraper: what the matrix and the charts do not show. In `llama_history_refused_total`.',
  },
  {
    of: 'scraper',
    title: 'Scraper',
    first: 'counter of the scraper',
    where: 'In `matrix` of `GET /v1/status` of a scraper, beside those of the history.',
  },
  {
    of: 'scraperCollector',
    title: 'Collectors of a scraper',
    first: 'counter of a collector',
    where: 'In each of `collectors` of `GET /v1/status` of a scraper.',
  },
  {
    of: 'scraperWriter',
    title: 'Writers of a scraper',
    first: 'counter of a writer',
    where: 'In each of `writers` of `GET /v1/status` of a scraper.',
  },
  {
    of: 'reflector',
    title: 'Reflector',
    first: 'counter of the reflector',
    where:
      'In `totals` of `GET /v1/status` of a reflector with `--status`, and for each thread. A packet that is dropped is a lost probe to its sender.',
  },
];

export function countersPage(): string {
  return page(
    '# Counters',
    `Every counter has a reader: a warning in \`warnings\` of \`GET /v1/status\`, an alert of [config/prometheus](../../config/prometheus), or a field that
shows it; or the table says why it is harmless. A warning about a counter appears when the counter grew, above the share that the table names,
and stays for two intervals.`,
    SECTIONS.flatMap(({ of, title, first, where }) => [`## ${title}`, where, counterTable(of, first)]),
  );
}

function counterTable(of: Table, first: string): string {
  const readers: Readonly<Record<string, CounterReader>> = COUNTER_READERS[of];
  const meanings: Readonly<Record<string, string>> = COUNTER_MEANINGS[of];
  return table(
    [first, 'meaning', 'read by'],
    Object.entries(readers).map(([name, reader]) => [code(name), meanings[name], readerText(reader)]),
  );
}

function readerText({ warning, alerts = [], shown, harmless }: CounterReader): string {
  return [
    ...(warning === undefined ? [] : [`warning${threshold(warning)}: ${warning.text}${advice(warning)}`]),
    ...(alerts.length === 0 ? [] : [`alerts: ${alerts.map(code).join(', ')}`]),
    ...(shown === undefined ? [] : [`shown: ${shown}`]),
    ...(harmless === undefined ? [] : [`none needed: ${harmless}`]),
  ].join('. ');
}

const advice = ({ advice: text }: CounterWarning): string => (text === undefined ? '' : `; ${text}`);

function threshold({ above, figure }: CounterWarning): string {
  if (above === undefined) return '';
  const of = above.of.map(code).join(' + ');
  if (figure !== undefined) return ` above ${figure(above.share, 1)} for each of ${of}`;
  const few = above.few === undefined ? '' : `, and above ${above.few}`;
  return ` above ${above.share * 100} % of ${of}${few}`;
}
