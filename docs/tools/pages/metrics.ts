/** `metrics.md`: every metric, from what the services answer, and every alert, from its rules. */

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { metricFamilies } from '../../../test/support/harness/exposition.js';
import { code, page, table } from '../markdown.js';
import { root } from '../root.js';
import { collectorApi, exposition, reflectorExposition, scraperApi } from '../services.js';

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface Rule {
  readonly alert?: string;
  readonly for?: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly summary: string };
}

export async function metricsPage(): Promise<string> {
  const [collector, scraper] = await Promise.all([collectorApi(), scraperApi()]);
  const [ofCollector, ofScraper] = await Promise.all([exposition(collector), exposition(scraper)]);
  await Promise.all([collector.close(), scraper.close()]);
  return page(
    '# Metrics and alerts',
    `\`GET /metrics\` answers in Prometheus' text format. The metrics of targets and groups are exact sums of the finished intervals: the
increase of a counter from one scrape to the next is the sum of the intervals that were finished in between. Histograms have the label \`le\` too.`,
    '## Collector',
    metricTable('metric', ofCollector),
    alertTable('alerts.yaml'),
    '## Scraper',
    metricTable('scraper metric', ofScraper),
    alertTable('scraper-alerts.yaml'),
    '## Reflector',
    metricTable('reflector metric', await reflectorExposition()),
    alertTable('reflector-alerts.yaml'),
  );
}

function metricTable(first: string, text: string): string {
  return table(
    [first, 'type', 'labels', 'meaning'],
    metricFamilies(text).map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(', '), help]),
  );
}

function alertTable(file: string): string {
  const path = `config/prometheus/${file}`;
  const { groups }: Rules = parse(readFileSync(new URL(path, root), 'utf8'));
  const rows = groups.flatMap(({ rules }) =>
    rules.flatMap(({ alert, for: wait = '0s', labels, annotations }) =>
      alert === undefined
        ? []
        : [[code(alert), labels?.severity ?? '', wait, placeholders(annotations?.summary ?? '')]],
    ),
  );
  return table([`alert of [${file}](../../${path})`, 'severity', 'after', 'says'], rows);
}

/** `{{ $labels.target }}` as `TARGET`: the page has no values. */
function placeholders(text: string): string {
  return text.replaceAll(/\{\{ (?:\$labels\.(\w+)|\$value)[^}]*\}\}/g, (_, label?: string) =>
    label === undefined ? 'N' : label.toUpperCase(),
  );
}
