/**
 * A host that cannot send: its route is deleted, a firewall drops its output. Warnings, metrics and alerts say so;
 * nothing is called healthy.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { ResultsAnswer } from '../support/harness/contract.js';
import { readExposition } from '../support/harness/exposition.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { freePort, HttpClient } from '../support/processes/http.js';
import { Running, type Spawner, startLlama } from '../support/processes/process.js';
import { Namespaces } from './namespaces.js';

const ALERTS = fileURLToPath(new URL('../../../config/prometheus/alerts.yaml', import.meta.url));
const PORT = 8_100;
const TARGET = '10.8.0.2';
const NEAR = '10.9.0.2';
const INTERVAL_MS = 1_000;
const START_MS = 20_000;
/** Scrapes, evaluations and the shortened `for` of the alerts, on a busy machine. */
const FIRING_MS = 30_000;
const DROP = `table inet local {
  chain output {
    type filter hook output priority 0
    ip daddr ${NEAR} udp dport ${PORT} drop
  }
}`;

describe('lab: a host that cannot send', function () {
  this.timeout(90_000);
  const spaces = new Namespaces();
  const at: Spawner = (command, args, options) => spaces.spawn('a', command, args, options);
  let collector: TestCollector;
  let prometheus: Running | undefined;
  let http: HttpClient;
  let folder = '';
  let base = '';

  before(async function () {
    needs(this, 'root', 'ip', 'nft', 'prometheus');
    await spaces.add(['a', 'b']);
    await spaces.exec('a', 'ip', [
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      spaces.name('b'),
    ]);
    for (const [host, ...addresses] of [
      ['a', '10.9.0.1/24'],
      ['b', `${NEAR}/24`, `${TARGET}/32`],
    ]) {
      for (const address of addresses) await spaces.exec(host, 'ip', ['address', 'add', address, 'dev', 'eth0']);
      for (const device of ['lo', 'eth0']) await spaces.exec(host, 'ip', ['link', 'set', device, 'up']);
    }
    await route('add');
    const reflector = startLlama(['reflector', '--listen', `0.0.0.0:${PORT}`], (command, args, options) =>
      spaces.spawn('b', command, args, options),
    );
    await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
    const group = (address: string) => ({
      port: PORT,
      period: '50ms',
      timeout: '300ms',
      targets: [{ address }],
    });
    collector = await TestCollector.start(
      { source: { ports: 2 }, groups: { far: group(TARGET), near: group(NEAR) } },
      at,
    );
    await startPrometheus();
  });
  after(async () => {
    await prometheus?.stop('SIGKILL');
    await http?.close();
    await collector?.stop();
    await spaces.destroy();
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  const route = (what: 'add' | 'delete') =>
    spaces.exec('a', 'ip', ['route', what, '10.8.0.0/24', ...(what === 'add' ? ['via', NEAR] : [])]);

  /** With the alerts as they are shipped, but for the time that they wait before they fire. */
  async function startPrometheus(): Promise<void> {
    folder = await mkdtemp(join(tmpdir(), 'llama-prometheus-'));
    const rules = join(folder, 'alerts.yaml');
    await writeFile(rules, (await readFile(ALERTS, 'utf8')).replace(/for: \w+/g, 'for: 2s'));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'llama', static_configs: [{ targets: [new URL(collector.url).host] }] }],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const listen = `127.0.0.1:${await freePort()}`;
    base = `http://${listen}`;
    http = new HttpClient(at);
    prometheus = new Running(
      at(
        'prometheus',
        [
          `--config.file=${join(folder, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(folder, 'data')}`,
          `--web.listen-address=${listen}`,
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      ),
    );
    const ready = async () => (await http.request('GET', `${base}/-/ready`)).status === 200;
    await prometheus.until('Prometheus is ready', ready, START_MS);
  }

  interface Alert {
    readonly state: string;
    readonly labels: Readonly<Record<string, string>>;
  }
  async function firing(): Promise<string[]> {
    const { data } = await http.json<{ data: { alerts: Alert[] } }>('GET', `${base}/api/v1/alerts`);
    return data.alerts.flatMap(({ state, labels: { alertname, group = '' } }) =>
      state === 'firing' ? [`${alertname} ${group}`.trim()] : [],
    );
  }
  const warnings = async () => (await collector.status()).warnings;
  const metric = async (name: string) => readExposition((await collector.get('/metrics')).body).values.get(name);
  const about = (list: readonly string[], counter: string) => list.find((text) => text.startsWith(`${counter}: `));

  it('says nothing while all is well', async () => {
    await waitFor('Prometheus has the series', async () => (await up()) === '1', START_MS, 200);
    expect(about(await warnings(), 'sendErrors')).to.equal(undefined);
    expect(await metric('llama_group_targets_unmeasured{group="far",class="cs0"}')).to.equal(0);
    // A busy machine may have warnings and alerts of its own.
    expect((await firing()).filter((name) => /easured|SendErrors|Loss|Unreachable/.test(name))).to.deep.equal([]);
  });
  async function up(): Promise<string | undefined> {
    const { data } = await http.json<{ data: { result: { value: [number, string] }[] } }>(
      'GET',
      `${base}/api/v1/query?query=up`,
    );
    return data.result[0]?.value[1];
  }

  it('says within two intervals of a deleted route how many probes were not sent, why and to whom', async () => {
    const beforeMs = Date.now();
    await route('delete');
    const said = await waitFor('the warning', async () => about(await warnings(), 'sendErrors'), 2 * INTERVAL_MS, 50);
    const [, count, since] =
      /^sendErrors: (\d+) probes were not sent, this host refused them, for example no route to 10\.8\.0\.2 \(ENETUNREACH\), since (.*Z)(?: or up to \d+ s before)?; they are in no loss$/.exec(
        said,
      ) ?? [];
    expect(Number(count), said).to.be.within(1, 100);
    expect(Date.parse(since), said).to.be.within(beforeMs - 2 * INTERVAL_MS, Date.now());
  });

  it('counts the target as not measured, and its errno, and reports no loss', async () => {
    const unmeasured = 'llama_group_targets_unmeasured{group="far",class="cs0"}';
    await waitFor('an interval without a probe', async () => (await metric(unmeasured)) === 1, 10 * INTERVAL_MS);
    expect(await metric('llama_group_targets_silent{group="far",class="cs0"}')).to.equal(0);
    expect(await metric('llama_group_targets_unmeasured{group="near",class="cs0"}')).to.equal(0);
    expect(await metric('llama_group_send_errors_by_errno_total{group="far",errno="ENETUNREACH"}')).to.be.above(0);
    expect(
      await metric('llama_target_probes_lost_total{group="far",target="10.8.0.2",port="8100",class="cs0"}'),
    ).to.equal(0);
  });

  it('makes alerts of Prometheus fire, and none of loss', async () => {
    const wanted = ['LlamaGroupTargetsUnmeasured far', 'LlamaSendErrors far', 'LlamaCollectorWarnings'];
    const isWanted = async () => {
      const names = await firing();
      return wanted.every((name) => names.includes(name)) && names;
    };
    const names = await waitFor('the alerts fire', isWanted, FIRING_MS, 200);
    expect(names.filter((name) => /Loss|Unreachable|near/.test(name))).to.deep.equal([]);
  });

  it('says that a firewall rule of this host drops probes', async () => {
    await route('add');
    await spaces.exec('a', 'nft', ['-f', '-'], DROP);
    const refused = async () => {
      const text = about(await warnings(), 'sendErrors');
      return text?.includes('EPERM') && text;
    };
    const said = await waitFor('the warning', refused, 5 * INTERVAL_MS, 50);
    expect(said).to.match(/for example dropped by a firewall rule .* on the way to 10\.9\.0\.2 \(EPERM\)/);
    await spaces.exec('a', 'nft', ['delete', 'table', 'inet', 'local']);
  });

  it('takes the warning back when probes leave again', async () => {
    await waitFor('no warning', async () => about(await warnings(), 'sendErrors') === undefined, 10 * INTERVAL_MS, 100);
    expect(await metric('llama_group_targets_unmeasured{group="far",class="cs0"}')).to.equal(0);
  });

  it('counts a target that packets are too big for as silent, and makes no warning of it, for this host is well', async () => {
    await spaces.exec('a', 'ip', ['link', 'set', 'eth0', 'mtu', '1400']);
    const targets = [{ address: NEAR }];
    await collector.putGroup('big', {
      port: PORT,
      period: '50ms',
      timeout: '300ms',
      payloadBytes: 1_400,
      dontFragment: true,
      targets,
    });
    const isSilent = async () => (await metric('llama_group_targets_silent{group="big",class="cs0"}')) === 1;
    await waitFor('a silent target', isSilent, 10 * INTERVAL_MS, 50);
    expect(await metric('llama_group_too_big_total{group="big",class="cs0"}')).to.be.above(0);
    const { intervals }: ResultsAnswer = JSON.parse((await collector.get('/v1/results?after=0&group=big')).body);
    const row = intervals.at(-1)?.results[0];
    expect(row).to.include({ received: 0, lost: 0, lossPct: null });
    expect(row?.tooBig).to.equal(row?.sent).and.to.be.above(0);
    expect(about(await warnings(), 'tooBig')).to.equal(undefined);
  });
});
