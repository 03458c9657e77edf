/** What databases and files hold of `raw_stats`, as a ledger. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLine } from '../../support/fakes/intervals.js';
import { type DatabaseServer, influxQuery, victoriaExport } from '../../support/processes/servers.js';
import { Ledger, type PointName } from './ledger.js';

type Tags = Readonly<Record<string, string>>;

function nameOf(tags: Tags, endMs: number): PointName {
  return {
    collector: tags.collector ?? '',
    endMs,
    group: tags.group ?? '',
    target: tags.dst_ip ?? '',
    class: tags.class ?? '',
  };
}

export async function storedInInflux(server: DatabaseServer, db: string): Promise<Ledger> {
  const ledger = new Ledger();
  const query = 'SELECT sent, lost FROM raw_stats GROUP BY *';
  for (const { tags = {}, values } of await influxQuery(server, query, { db })) {
    for (const [endMs, sent, lost] of values)
      ledger.add(nameOf(tags, Number(endMs)), { sent: Number(sent), lost: Number(lost) });
  }
  return ledger;
}

/** The same by the database's own sums, which know nothing of how we compare. */
export async function sumsOfInflux(
  server: DatabaseServer,
  db: string,
  untilMs: number,
): Promise<ReturnType<Ledger['sums']>> {
  const query = `SELECT count(sent), sum(sent), sum(lost) FROM raw_stats WHERE time <= ${untilMs}ms`;
  const [series] = await influxQuery(server, query, { db });
  const [, points, sent, lost] = (series?.values[0] ?? []).map(Number);
  return { points: points ?? 0, sent: sent ?? 0, lost: lost ?? 0 };
}

export async function storedInVictoria(server: DatabaseServer): Promise<Ledger> {
  const ledger = new Ledger();
  const lost = new Map<string, ReadonlyMap<number, number>>();
  const seriesOf = (metric: Tags): string => JSON.stringify({ ...metric, __name__: '' }, Object.keys(metric).sort());
  for (const { metric, timestamps, values } of await victoriaExport(server, 'raw_stats_lost'))
    lost.set(seriesOf(metric), new Map(timestamps.map((endMs, index) => [endMs, values[index]])));
  for (const { metric, timestamps, values } of await victoriaExport(server, 'raw_stats_sent')) {
    const theirs = lost.get(seriesOf(metric));
    for (const [index, endMs] of timestamps.entries())
      ledger.add(nameOf(metric, endMs), { sent: values[index], lost: theirs?.get(endMs) ?? Number.NaN });
  }
  return ledger;
}

export async function storedInFiles(dir: string): Promise<Ledger> {
  const ledger = new Ledger();
  for (const name of (await readdir(dir)).filter((file) => file.startsWith('llama-')).sort()) {
    const text = await readFile(join(dir, name), 'utf8');
    if (text !== '' && !text.endsWith('\n')) throw new Error(`${name}: the last line is torn`);
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const { tags, fields, time } = parseLine(line);
      ledger.add(nameOf(tags, Number(time) / 1e6), { sent: fields.sent, lost: fields.lost });
    }
  }
  return ledger;
}
