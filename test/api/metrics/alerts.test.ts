/** The example alerts on made-up series: each fires when it should, and not before. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { buildApi } from '../../../src/api/app.js';
import { metricFamilies } from '../../support/exposition.js';
import { FakeCollector } from '../../support/fake-collector.js';
import { needs } from '../../support/needs.js';

const ALERTS = fileURLToPath(new URL('../../../../config/prometheus/alerts.yaml', import.meta.url));
const TARGET = 'instance="a:5000",group="g",target="10.0.0.1",port="8100",class="ef"';
const EVERY = { sent: '0+600x30', good: '0+600x30', none: '0x30' };

interface Case {
  readonly alert: string;
  readonly title: string;
  readonly series: Readonly<Record<string, string>>;
  readonly fires: boolean;
}

const loss = (lost: string, unreachable = EVERY.none) => ({
  [`llama_target_probes_sent_total{${TARGET}}`]: EVERY.sent,
  [`llama_target_probes_lost_total{${TARGET}}`]: lost,
  [`llama_target_probes_unreachable_total{${TARGET}}`]: unreachable,
});
const rtt = (le: string) => ({
  [`llama_rtt_seconds_bucket{${TARGET},le="0.05"}`]: le === '0.05' ? EVERY.good : EVERY.none,
  [`llama_rtt_seconds_bucket{${TARGET},le="0.25"}`]: EVERY.good,
  [`llama_rtt_seconds_bucket{${TARGET},le="+Inf"}`]: EVERY.good,
});

const CASES: readonly Case[] = [
  { alert: 'LlamaLoss', title: '2 % loss', series: loss('0+12x30'), fires: true },
  { alert: 'LlamaLoss', title: '0.5 % loss', series: loss('0+3x30'), fires: false },
  {
    alert: 'LlamaLoss',
    title: 'a target that is not probed',
    series: { [`llama_target_probes_sent_total{${TARGET}}`]: '5x30' },
    fires: false,
  },
  { alert: 'LlamaTargetUnreachable', title: 'no reply at all', series: loss('0+300x30', '0+300x30'), fires: true },
  { alert: 'LlamaTargetUnreachable', title: 'half of the replies', series: loss('0+300x30'), fires: false },
  { alert: 'LlamaLatency', title: 'round trips of 50 to 250 ms', series: rtt('0.25'), fires: true },
  { alert: 'LlamaLatency', title: 'round trips below 50 ms', series: rtt('0.05'), fires: false },
  {
    alert: 'LlamaCollectorDown',
    title: 'a failed scrape',
    series: { 'up{job="llama",instance="a:5000"}': '0x30' },
    fires: true,
  },
  {
    alert: 'LlamaCollectorDown',
    title: 'a good scrape',
    series: { 'up{job="llama",instance="a:5000"}': '1x30' },
    fires: false,
  },
  {
    alert: 'LlamaCollectorNoIntervals',
    title: 'an interval of ten minutes ago',
    series: {
      'llama_interval_age_seconds{instance="a:5000"}': '600x30',
      'llama_interval_seconds{instance="a:5000"}': '10x30',
    },
    fires: true,
  },
  {
    alert: 'LlamaCollectorThreadDied',
    title: 'a restart',
    series: { 'llama_thread_restarts_total{instance="a:5000",thread="prober 0"}': '0x10 1x20' },
    fires: true,
  },
  {
    alert: 'LlamaCollectorTooBusy',
    title: 'skipped probes',
    series: {
      'llama_schedule_slips_total{instance="a:5000",worker="prober 0"}': '0+60x30',
      'llama_probes_sent_total{instance="a:5000",worker="prober 0"}': EVERY.sent,
    },
    fires: true,
  },
  {
    alert: 'LlamaTargetSourceDown',
    title: 'a source that does not answer',
    series: { 'llama_target_source_up{instance="a:5000",group="g"}': '1x2 0x30' },
    fires: true,
  },
  {
    alert: 'LlamaTargetSourceDown',
    title: 'a source that answers now and then',
    series: { 'llama_target_source_up{instance="a:5000",group="g"}': '1x2 0x9 1 0x20' },
    fires: false,
  },
  {
    alert: 'LlamaGroupNotInForce',
    title: 'a group that is not in force',
    series: { 'llama_groups_not_in_force{instance="a:5000"}': '1x30' },
    fires: true,
  },
  {
    alert: 'LlamaMetricsLimited',
    title: 'omitted series',
    series: { 'llama_target_series_omitted{instance="a:5000"}': '5000x30' },
    fires: true,
  },
];

describe('config/prometheus/alerts.yaml', () => {
  let folder = '';
  before(async function () {
    needs(this, 'prometheus');
    folder = await mkdtemp(join(tmpdir(), 'llama-alerts-'));
  });
  after(async () => {
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  it('is valid', () => {
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('uses only metrics that there are', async () => {
    const app = buildApi(new FakeCollector());
    const { body } = await app.inject('/metrics');
    await app.close();
    const known = metricFamilies(body).map(({ name }) => name);
    const used = readFileSync(ALERTS, 'utf8').matchAll(/\bllama_[a-z_]+/g);
    for (const [name] of used) expect(known).to.include(name.replace(/_(bucket|sum|count)$/, ''));
  });

  for (const { alert, title, series, fires } of CASES)
    it(`${alert} ${fires ? 'fires' : 'keeps quiet'} with ${title}`, async () => {
      const found = await firing(alert, series);
      expect(found).to.equal(fires);
    });

  /** Asks for the alert's own series: 1 when it fires after 20 minutes, none when it does not. */
  async function firing(alert: string, series: Readonly<Record<string, string>>): Promise<boolean> {
    const file = join(folder, `${alert}.json`);
    const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`;
    const outcomes: boolean[] = [];
    for (const value of [0, 1]) {
      const test = {
        rule_files: [ALERTS],
        evaluation_interval: '1m',
        tests: [
          {
            interval: '1m',
            input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
            promql_expr_test: [{ expr, eval_time: '20m', exp_samples: [{ labels: '{}', value }] }],
          },
        ],
      };
      await writeFile(file, JSON.stringify(test));
      outcomes.push(spawnSync('promtool', ['test', 'rules', file], { stdio: 'ignore' }).status === 0);
    }
    expect(outcomes[0], 'it either fires or does not').to.equal(!outcomes[1]);
    return outcomes[1];
  }
});
