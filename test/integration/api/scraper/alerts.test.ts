/** The example alerts of a scraper on made-up series. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { buildScraperApi } from '../../../../src/api/scraper/app.js';
import { FakeScraper } from '../../../support/fakes/fakeScraper.js';
import { metricFamilies } from '../../../support/harness/exposition.js';
import { needs } from '../../../support/harness/needs.js';
import { firesWith } from '../../../support/processes/promtool.js';

const ALERTS = fileURLToPath(new URL('../../../../../config/prometheus/scraper-alerts.yaml', import.meta.url));
const C = '{instance="s:5050",url="http://a:5000",collector="a"}';
const W = '{instance="s:5050",writer="influx2 x",kind="influx2"}';

interface Case {
  readonly alert: string;
  readonly title: string;
  readonly series: Readonly<Record<string, string>>;
  readonly fires: boolean;
}

const CASES: readonly Case[] = [
  { alert: 'LlamaScraperDown', title: 'a failed scrape', series: { 'up{job="llama-scraper"}': '0x30' }, fires: true },
  { alert: 'LlamaScraperDown', title: 'a collector that is down', series: { 'up{job="llama"}': '0x30' }, fires: false },
  {
    alert: 'LlamaScraperCollectorDown',
    title: 'a collector away',
    series: { [`llama_scraper_collector_up${C}`]: '0x30' },
    fires: true,
  },
  {
    alert: 'LlamaScraperCollectorDown',
    title: 'one failure',
    series: { [`llama_scraper_collector_up${C}`]: '1x18 0 1x10' },
    fires: false,
  },
  {
    alert: 'LlamaScraperCollectorBehind',
    title: 'a collector that stands still',
    series: { [`llama_scraper_collector_lag_intervals${C}`]: '0+6x30', [`llama_scraper_collector_up${C}`]: '1x30' },
    fires: true,
  },
  {
    alert: 'LlamaScraperCollectorBehind',
    title: 'a collector that is down, which another alert says',
    series: { [`llama_scraper_collector_lag_intervals${C}`]: '0+6x30', [`llama_scraper_collector_up${C}`]: '0x30' },
    fires: false,
  },
  {
    alert: 'LlamaScraperIntervalsLost',
    title: 'a gap',
    series: { [`llama_scraper_collector_lost_intervals_total${C}`]: '0x15 12x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperIntervalsLost',
    title: 'an old gap',
    series: { [`llama_scraper_collector_lost_intervals_total${C}`]: '12x30' },
    fires: false,
  },
  {
    alert: 'LlamaScraperCollectorReset',
    title: 'a clock set back',
    series: { [`llama_scraper_collector_resets_total${C}`]: '0x15 1x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperWriterDown',
    title: 'a database away',
    series: { [`llama_scraper_writer_up${W}`]: '0x30' },
    fires: true,
  },
  {
    alert: 'LlamaScraperSpoolGrows',
    title: 'a spool that grows',
    series: { [`llama_scraper_writer_spool_bytes${W}`]: '2e8+1e6x40' },
    fires: true,
  },
  {
    alert: 'LlamaScraperSpoolGrows',
    title: 'a spool that shrinks',
    series: { [`llama_scraper_writer_spool_bytes${W}`]: '9e8-1e6x40' },
    fires: false,
  },
  {
    alert: 'LlamaScraperResultsLost',
    title: 'a full spool',
    series: { [`llama_scraper_writer_lost_intervals_total${W}`]: '0x15 3x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperResultsLost',
    title: 'a damaged spool',
    series: { [`llama_scraper_writer_damaged_records_total${W}`]: '0x15 3x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperPointsRejected',
    title: 'refused points',
    series: { [`llama_scraper_writer_rejected_points_total${W}`]: '0x15 3x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperSpoolUnwritable',
    title: 'a full disk',
    series: { [`llama_scraper_writer_spool_errors_total${W}`]: '0+1x30' },
    fires: true,
  },
  {
    alert: 'LlamaScraperSourceFailing',
    title: 'a source that cannot be read',
    series: { llama_scraper_source_failing: '1x30' },
    fires: true,
  },
  {
    alert: 'LlamaScraperMatrixLacks',
    title: 'intervals in the future',
    series: { 'llama_scraper_matrix_refused_total{instance="s:5050",reason="ahead"}': '0x15 3x15' },
    fires: true,
  },
  {
    alert: 'LlamaScraperMatrixLacks',
    title: 'refusals of long ago',
    series: { 'llama_scraper_matrix_refused_total{instance="s:5050",reason="ahead"}': '3x30' },
    fires: false,
  },
  {
    alert: 'LlamaScraperWarnings',
    title: 'a warning that stays',
    series: { 'llama_scraper_warnings{instance="s:5050"}': '1x30' },
    fires: true,
  },
];

describe('config/prometheus/scraper-alerts.yaml', () => {
  before(function () {
    needs(this, 'prometheus');
  });

  it('is valid', () => {
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('has metrics that a Prometheus takes, and uses no others', async () => {
    const app = buildScraperApi(new FakeScraper());
    const { body } = await app.inject('/metrics');
    await app.close();
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    const known = metricFamilies(body).map(({ name }) => name);
    for (const [name] of readFileSync(ALERTS, 'utf8').matchAll(/\bllama_[a-z_]+/g)) expect(known).to.include(name);
  });

  it('has a case here for every alert', () => {
    const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect([...new Set(CASES.filter(({ fires }) => fires).map(({ alert }) => alert))]).to.have.members(alerts);
  });

  for (const { alert, title, series, fires } of CASES)
    it(`${alert} ${fires ? 'fires' : 'keeps quiet'} with ${title}`, async () => {
      expect(await firesWith(ALERTS, alert, series)).to.equal(fires);
    });
});
