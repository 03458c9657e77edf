/** A real Prometheus scrapes a real collector: its queries must say what `/v1/results` says. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { serveCollector } from '../../../../src/cli/shared/serve.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { RTT_BOUNDS_NS } from '../../../../src/stats/rttBuckets.js';
import { page } from '../../../support/harness/documents.js';
import { needs } from '../../../support/harness/needs.js';
import { Fixture, silent } from '../../../support/harness/reflector.js';
import { waitFor } from '../../../support/harness/wait.js';
import { freePort } from '../../../support/processes/http.js';

const ALERTS = fileURLToPath(new URL('../../../../../config/prometheus/alerts.yaml', import.meta.url));
const START_MS = 15_000;
const SCRAPES_MS = 20_000;
const LABELS = ['group', 'target', 'class'] as const;

interface Row {
  readonly group: string;
  readonly target: string;
  readonly class: string;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly rttUs: { readonly mean: number; readonly p50: number; readonly max: number } | null;
}
/** A series with all its samples. */
interface Matrix {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

describe('a real Prometheus', () => {
  const fixture = new Fixture();
  let served: Awaited<ReturnType<typeof serveCollector>> | undefined;
  let prometheus: ChildProcess | undefined;
  let folder = '';
  let base = '';
  let output = '';

  before(async function () {
    needs(this, 'prometheus');
    this.timeout(40_000);
    const { port } = await fixture.reflector();
    served = await serveCollector(
      parseConfig(
        `
collector: { name: test, interval: 500ms, workers: 1, retention: 1000 }
source: { address: 127.0.0.1, ports: 2 }
api: { listen: "127.0.0.1:0" }
groups:
  up: { port: ${port}, period: 20ms, timeout: 100ms, classes: [cs0, ef], targets: [127.0.0.1] }
  down: { port: 9, period: 50ms, timeout: 100ms, targets: [127.0.0.1] }
`,
        'test.yaml',
        {},
      ),
      silent,
    );
    folder = await mkdtemp(join(tmpdir(), 'llama-prometheus-'));
    // A minute of this test is three seconds long.
    const rules = join(folder, 'alerts.yaml');
    await writeFile(rules, (await readFile(ALERTS, 'utf8')).replaceAll('offset 1m', 'offset 3s'));
    const target = new URL(served.url).host;
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'llama', static_configs: [{ targets: [target] }] }],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const listen = `127.0.0.1:${await freePort()}`;
    base = `http://${listen}`;
    prometheus = spawn('prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${listen}`,
    ]);
    prometheus.stderr?.on('data', (data: Buffer) => {
      output += data.toString();
    });
    try {
      await waitFor('Prometheus is ready', async () => (await fetch(`${base}/-/ready`)).ok, START_MS);
    } catch (error) {
      throw new Error(output, { cause: error });
    }
  });
  after(async () => {
    if (prometheus !== undefined && prometheus.exitCode === null) {
      const ended = once(prometheus, 'exit');
      prometheus.kill('SIGKILL');
      await ended;
    }
    if (folder !== '') await rm(folder, { recursive: true, force: true });
    await served?.app.close();
    await served?.collector.close();
    await fixture.closeAll();
  });

  async function api<Data>(path: string): Promise<Data> {
    const answer = (await (await fetch(`${base}${path}`)).json()) as { status: string; data: Data };
    expect(answer.status, JSON.stringify(answer)).to.equal('success');
    return answer.data;
  }
  const query = async (text: string) =>
    (await api<{ result: Matrix[] & { value: [number, string] }[] }>(`/api/v1/query?query=${encodeURIComponent(text)}`))
      .result;

  async function intervals(): Promise<readonly { readonly results: readonly Row[] }[]> {
    const response = await fetch(`${served?.url}/v1/results`);
    return ((await response.json()) as { intervals: { results: Row[] }[] }).intervals;
  }

  it('stores in every scrape sums of whole intervals, the same that /v1/results says', async function () {
    this.timeout(SCRAPES_MS + 10_000);
    const text = 'llama_target_probes_sent_total{group="up",class="ef"}[1m]';
    await waitFor(
      'five scrapes',
      async () => (await query(text))[0]?.values.filter(([, value]) => value !== '0').length >= 5,
      SCRAPES_MS,
      200,
    );
    const series = await query('{__name__=~"llama_(target|group)_probes_.*_total|llama_rtt_seconds_(count|sum)"}[1m]');
    const held = await intervals();
    const reading = (name: string, key: string, at: number): number => {
      const found = series.find(
        ({ metric }) => metric.__name__ === name && LABELS.map((label) => metric[label]).join(' ') === key,
      );
      return Number(found?.values.find(([time]) => time === at)?.[1]);
    };
    // The one target of each group and class is all there is in it.
    const ofGroups = series.filter(({ metric }) => metric.__name__.startsWith('llama_group_'));
    const counters = new Set(ofGroups.map(({ metric }) => metric.__name__));
    for (const counter of ['sent', 'received', 'lost', 'unreachable'])
      expect([...counters]).to.include(`llama_group_probes_${counter}_total`);
    expect(ofGroups).to.have.length(3 * counters.size);
    for (const { metric, values } of ofGroups)
      for (const [at, value] of values)
        expect(Number(value), `${metric.__name__} ${metric.group} ${metric.class}`).to.equal(
          reading(metric.__name__.replace('_group_', '_target_'), `${metric.group} 127.0.0.1 ${metric.class}`, at),
        );
    for (const key of ['up 127.0.0.1 cs0', 'up 127.0.0.1 ef', 'down 127.0.0.1 cs0']) {
      const rows = held.map(({ results }) =>
        results.find((row) => LABELS.map((label) => row[label]).join(' ') === key),
      );
      /** Sums up to and with each interval; the first entry is before all of them. */
      const sums = (of: (row: Row) => number): number[] => {
        const list = [0];
        for (const row of rows) list.push((list.at(-1) ?? 0) + (row === undefined ? 0 : of(row)));
        return list;
      };
      const sent = sums((row) => row.sent);
      const own = series.find(
        ({ metric }) =>
          metric.__name__ === 'llama_target_probes_sent_total' &&
          LABELS.map((label) => metric[label]).join(' ') === key,
      );
      expect(own?.values.length, key).to.be.at.least(5);
      for (const [at, value] of own?.values ?? []) {
        const interval = sent.lastIndexOf(Number(value));
        expect(interval, `${key}: ${value} is the sum of whole intervals: ${sent.join(' ')}`).to.be.at.least(0);
        for (const counter of ['received', 'lost', 'unreachable'] as const)
          expect(reading(`llama_target_probes_${counter}_total`, key, at), `${key} ${counter}`).to.equal(
            sums((row) => row[counter])[interval],
          );
        expect(reading('llama_rtt_seconds_count', key, at), key).to.equal(sums((row) => row.received)[interval]);
        // Each mean is rounded to a nanosecond.
        const seconds = sums((row) => (row.rttUs === null ? 0 : (row.rttUs.mean * row.received) / 1e6))[interval];
        expect(reading('llama_rtt_seconds_sum', key, at), key).to.be.closeTo(seconds, 1e-9 * (sent[interval] + 1));
      }
    }
  });

  it('answers the queries of the documents, and takes their scrape config', async () => {
    const { text: guide } = page('docs/guide/alerts.md');
    const rows = guide.slice(guide.indexOf('| question | query |')).split('\n\n')[0].split('\n').slice(2);
    expect(rows).to.have.length(9);
    for (const row of rows) {
      const [, question, text] = /^\| (.*) \| `(.*)` \|$/.exec(row) ?? [];
      // Nothing is left out here, and no target comes from a source; for the rest there is an answer.
      if (/^which groups have no|^is a source/.test(question)) expect(await query(text), question).to.deep.equal([]);
      else expect(await query(text.replaceAll('[5m]', '[30s]')), question).not.to.deep.equal([]);
    }
    const [, yml] = /^```yml\n([\s\S]*?)^```$/m.exec(guide) ?? [];
    const file = join(folder, 'scrape.yml');
    await writeFile(file, `rule_files: [${JSON.stringify(ALERTS)}]\n${yml}`);
    const { status, stderr } = spawnSync('promtool', ['check', 'config', file], { encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
  });

  it('finds percentiles with histogram_quantile that are in the same bucket as the exact ones', async () => {
    const [answer] = await query('histogram_quantile(0.5, rate(llama_rtt_seconds_bucket{group="up",class="ef"}[30s]))');
    const medians = (await intervals()).flatMap(({ results }) =>
      results.filter((row) => row.group === 'up' && row.class === 'ef').map((row) => row.rttUs?.p50 ?? 0),
    );
    const us = Number(answer.value[1]) * 1e6;
    // From bound to bound it is a factor of 2.5 at most; below the first bound Prometheus knows no more than that.
    const first = RTT_BOUNDS_NS[0] / 1000;
    const least = Math.min(...medians);
    expect(us).to.be.within(least > first ? least / 2.5 : 0, Math.max(first, Math.max(...medians) * 2.5));
  });

  it('loads the alerts, evaluates each without an error, and sees the target that is down', async function () {
    this.timeout(SCRAPES_MS + 10_000);
    interface Rule {
      readonly name: string;
      readonly health: string;
      readonly lastError?: string;
      readonly type: string;
    }
    const rules = await waitFor(
      'every rule was evaluated',
      async () => {
        const { groups } = await api<{ groups: { rules: Rule[] }[] }>('/api/v1/rules');
        const all = groups.flatMap((group) => group.rules);
        return all.length > 0 && all.every(({ health }) => health !== 'unknown') && all;
      },
      SCRAPES_MS,
      200,
    );
    expect(rules.filter(({ health }) => health !== 'ok')).to.deep.equal([]);
    expect(rules.filter(({ type }) => type === 'alerting').map(({ name }) => name)).to.include.members([
      'LlamaLoss',
      'LlamaTargetUnreachable',
      'LlamaLatency',
      'LlamaGroupLoss',
      'LlamaGroupUnreachable',
      'LlamaGroupTargetsSilent',
      'LlamaGroupLatency',
      'LlamaCollectorDown',
      'LlamaCollectorNoIntervals',
    ]);
    const active = async () =>
      (await api<{ alerts: { labels: Record<string, string> }[] }>('/api/v1/alerts')).alerts.map(
        ({ labels }) => labels,
      );
    for (const name of ['LlamaTargetUnreachable', 'LlamaGroupUnreachable'])
      await waitFor(
        `the alert ${name} of what is down is active`,
        async () => (await active()).some(({ alertname, group }) => alertname === name && group === 'down'),
        SCRAPES_MS,
        200,
      );
    expect((await active()).filter(({ group }) => group === 'up')).to.deep.equal([]);
  });

  it('drops the series of a group that is deleted', async () => {
    await served?.collector.deleteGroup('down');
    const text = await (await fetch(`${served?.url}/metrics`)).text();
    expect(text).not.to.include('group="down"');
    expect(text).to.include('group="up"');
  });
});
