/** Alerts on made-up series, by Debian's promtool. */

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether an alert of a file of rules fires at the twentieth of the minutes that the series are for. */
export async function firesWith(
  rules: string,
  alert: string,
  series: Readonly<Record<string, string>>,
): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'llama-alerts-'));
  try {
    const outcomes: boolean[] = [];
    for (const value of [0, 1]) {
      const test = {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `sgn(count(ALERTS{alertname="${alert}",alertstate="firing"})) or vector(0)`,
            eval_time: '20m',
            exp_samples: [{ labels: '{}', value }],
          },
        ],
      };
      const file = join(folder, 'case.json');
      await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests: [test] }));
      outcomes.push(spawnSync('promtool', ['test', 'rules', file], { stdio: 'ignore' }).status === 0);
    }
    // Else the case is wrong: neither holds.
    if (outcomes[0] === outcomes[1]) throw new Error(`promtool cannot decide on ${alert}`);
    return outcomes[1];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
