/**
 * `npm run perf -- --against DIR`: this checkout and another one that is built (the revision before, say), one scenario
 * after the other and the two in turns, each in a process of its own. Prints, for every figure, the median of new / old
 * with its spread.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { textTable } from '../src/cli/shared/rows.js';
import { median } from './harness.js';
import { measurePairs } from './pairs.js';
import { format } from './run.js';

const PROGRAM = 'dist/perf/main.js';
const run = promisify(execFile);

type Figures = Readonly<Record<string, number>>;

export interface AgainstOptions {
  /** The built checkout to compare with. */
  readonly directory: string;
  readonly own: string;
  readonly scenarios: readonly string[];
  readonly rounds: number;
  readonly print: (text: string) => void;
  readonly progress: (text: string) => void;
}

/** Ratios new / old by scenario and figure. Throws when a process can't be run or writes no figures. */
export async function compare(options: AgainstOptions): Promise<Record<string, Record<string, readonly number[]>>> {
  const { directory, own, scenarios, rounds, print, progress } = options;
  const other = join(directory, PROGRAM);
  if (!existsSync(other)) throw new Error(`${other} does not exist; run "npm ci && npm run build" in ${directory}`);
  const all: Record<string, Record<string, readonly number[]>> = {};
  for (const scenario of scenarios) {
    const found: { old: Figures[]; new: Figures[] } = { old: [], new: [] };
    const once = async (program: string, into: Figures[]): Promise<number> => {
      into.push(await figures(program, scenario));
      return 1;
    };
    let pair = 0;
    await measurePairs(
      rounds,
      () => once(other, found.old),
      () => once(own, found.new),
      () => progress(`${scenario}: pair ${++pair} of ${rounds}`),
    );
    all[scenario] = ratios(found.old, found.new);
    print(`\n${scenario}, new / old, ${rounds} pairs\n${table(all[scenario])}`);
  }
  return all;
}

/** A scenario's figures, by the program of one checkout. A missed floor is no failure here. */
async function figures(program: string, scenario: string): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  const file = join(folder, 'figures.json');
  try {
    const failed = await run(process.execPath, [program, '--quick', '--scenario', scenario, '--json', file]).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!existsSync(file)) throw new Error(`${program} wrote no figures of ${scenario}`, { cause: failed });
    const { scenarios } = JSON.parse(readFileSync(file, 'utf8')) as { scenarios: Record<string, Figures> };
    if (scenarios[scenario] === undefined) throw new Error(`${program}: ${scenario} failed`, { cause: failed });
    return scenarios[scenario];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Figures that both have; a pair whose old figure is 0 has no ratio. */
function ratios(old: readonly Figures[], now: readonly Figures[]): Record<string, readonly number[]> {
  const names = Object.keys(now[0] ?? {}).filter((name) => typeof old[0]?.[name] === 'number');
  return Object.fromEntries(
    names
      .map((name) => [name, now.map((figure, i) => figure[name] / old[i][name]).filter(Number.isFinite)] as const)
      .filter(([, all]) => all.length > 0),
  );
}

function table(all: Readonly<Record<string, readonly number[]>>): string {
  const rows = Object.entries(all).map(([name, list]) => [
    `  ${name}`,
    format(median(list)),
    String(list.length),
    `${format(Math.min(...list))} to ${format(Math.max(...list))}`,
  ]);
  return textTable([['  field', 'median', 'pairs', 'spread'], ...rows]);
}
