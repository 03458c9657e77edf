/**
 * Half an hour of faults; what was found is appended to `perf/results/soak-scraper-DATE.md`. `LLAMA_SOAK_MINUTES` makes
 * it another time.
 */

import { appendFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type OnceReport, onceSuite } from './suites/once.js';

const minutes = Number(process.env.LLAMA_SOAK_MINUTES ?? 30);
const seed = Number(process.env.LLAMA_SEED ?? 7);
const retention = 120;
const outageMs = 135_000;

onceSuite({ seed, faults: 50, runMs: minutes * 60_000, retention, outageMs, report: write });

function write(found: OnceReport): void {
  const now = new Date().toISOString();
  const file = fileURLToPath(new URL(`../../../perf/results/soak-scraper-${now.slice(0, 10)}.md`, import.meta.url));
  appendFileSync(file, text(found, now));
}

function text({ seconds, faults, finished, stored, named }: OnceReport, now: string): string {
  const total = [...faults.values()].reduce((sum, count) => sum + count, 0);
  const row = (...cells: (string | number)[]): string =>
    `| ${cells.map((cell) => cell.toLocaleString('en-US')).join(' | ')} |\n`;
  const [load] = loadavg();
  return (
    `\n## ${now.slice(0, 19)}Z: ${seconds} s, ${total} faults\n\n` +
    `Seed ${seed}; collectors keep ${retention} intervals of 1 s; the database was away for ${outageMs / 1000} s once. ` +
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Linux ${release()}, Node ${process.version}; load at the end ${load.toFixed(1)}.\n\n` +
    row('fault', 'times') +
    row('---', '---:') +
    [...faults].map(([fault, count]) => row(fault, count)).join('') +
    `\n${row('collector', 'intervals finished', 'points', 'probes sent', 'probes lost', 'intervals that nobody could fetch any more, each named in the log')}` +
    row('---', '---:', '---:', '---:', '---:', '---:') +
    [...finished]
      .map(([name, { intervals, points, sent, lost }]) =>
        row(name, intervals, points, sent, lost, named.get(name) ?? 0),
      )
      .join('') +
    `\n${row('store', 'points', 'probes sent', 'probes lost', 'missing', 'twice', 'other numbers')}` +
    row('---', '---:', '---:', '---:', '---:', '---:', '---:') +
    [...stored].map(([store, { points, sent, lost }]) => row(store, points, sent, lost, 0, 0, 0)).join('')
  );
}
