import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApi } from '../../../../../src/api/collector/app.js';
import { WORKER_METRICS } from '../../../../../src/api/collector/metrics/workerMetrics.js';
import type { StreamInfo } from '../../../../../src/collector/results/results.js';
import { parseGroup } from '../../../../../src/config/group/group.js';
import { PROBER_COUNTERS } from '../../../../../src/ring/control.js';
import { PATH_COLUMNS } from '../../../../../src/threads/messages.js';
import { FakeCollector, REFUSED_AND_UNREACHABLE, type RowSpec } from '../../../../support/fakes/fakeCollector.js';
import { type Exposition, readExposition } from '../../../../support/harness/exposition.js';
import { needs } from '../../../../support/harness/needs.js';
import { randomInteger, seededRandom } from '../../../../support/harness/random.js';

const T = 1_763_700_000_000;
const STEP = 10_000;
const WEST_EF = '{group="west",target="10.2.0.2",port="8100",class="ef"}';

describe('GET /metrics', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(async () => {
    collector = new FakeCollector();
    app = buildApi(collector);
    // The routes listen to finished intervals from then on.
    await app.ready();
  });
  afterEach(() => app.close());

  async function scrapeText(from = app): Promise<string> {
    const response = await from.inject('/metrics');
    expect(response.statusCode, response.body).to.equal(200);
    expect(response.headers['content-type']).to.match(/^text\/plain; version=0\.0\.4; charset=utf-8/);
    return response.body;
  }
  const scrape = async (from = app): Promise<Exposition> => readExposition(await scrapeText(from));
  const infoOf = (group: string, address: string, className: string): StreamInfo => {
    const info = collector
      .streams()
      .find((one) => one.group.name === group && one.target.address === address && one.class.name === className);
    if (info === undefined) throw new Error(`no stream ${group} ${address} ${className}`);
    return info;
  };
  const finishWith = (endMs: number, info: StreamInfo, row: RowSpec) =>
    collector.finish(endMs, { numbers: new Map([[info.id, row]]) });

  it('reports for every source of targets whether it is up, the age and number of its targets, and failures to save them', async () => {
    const good = {
      source: 'dns',
      targets: 12,
      updatedAt: '2026-11-21T00:00:00.000Z',
      ageMs: 1500,
      restored: false,
      error: null,
      warnings: [],
      nextAt: null,
      keepError: null,
      keepFailures: 0,
    } as const;
    const valuesOf = async (group: string): Promise<(number | undefined)[]> => {
      const { values, types } = await scrape();
      expect(types.get('llama_target_source_keep_failures_total')).to.equal('counter');
      return ['up', 'age_seconds', 'targets', 'keep_failures_total'].map((name) =>
        values.get(`llama_target_source_${name}{group="${group}"}`),
      );
    };
    for (const [status, expected] of [
      [good, [1, 1.5, 12, 0]],
      [{ ...good, error: 'no answer' }, [0, 1.5, 12, 0]],
      // What an earlier run found says nothing of the source now.
      [{ ...good, ageMs: 3_600_000, restored: true }, [0, 3600, 12, 0]],
      [{ ...good, targets: 0, updatedAt: null, ageMs: null }, [0, undefined, 0, 0]],
      [{ ...good, keepError: 'ENOSPC', keepFailures: 3 }, [1, 1.5, 12, 3]],
    ] as const) {
      collector.discovery.set('west', status);
      expect(await valuesOf('west')).to.deep.equal(expected);
    }
    // A group whose targets are listed has none of these, and one that is removed no more.
    expect(await valuesOf('east')).to.deep.equal([undefined, undefined, undefined, undefined]);
    await collector.deleteGroup('west');
    expect(await valuesOf('west')).to.deep.equal([undefined, undefined, undefined, undefined]);
  });

  it('counts the groups that are kept and not in force', async () => {
    expect((await scrape()).values.get('llama_groups_not_in_force')).to.equal(0);
    const waiting = {
      name: 'big',
      group: undefined,
      origin: 'api',
      text: '{}',
      etag: '"api-1"',
      reason: 'no room',
    } as const;
    collector.waiting.set('big', waiting);
    expect((await scrape()).values.get('llama_groups_not_in_force')).to.equal(1);
  });

  it('has every counter of every worker, in base units', async () => {
    const { values, types } = await scrape();
    const { totals } = collector.status().workers[0];
    expect(Object.keys(WORKER_METRICS)).to.have.members([...PROBER_COUNTERS, 'threadLosses']);
    for (const [counter, { name, labels = {}, unit, gauge }] of Object.entries(WORKER_METRICS)) {
      const text = Object.entries({ worker: 'prober 0', ...labels }).map(([key, value]) => `${key}="${value}"`);
      const value = totals[counter as keyof typeof totals];
      expect(values.get(`${name}{${text.join(',')}}`), counter).to.equal(unit === undefined ? value : value / 1e9);
      expect(types.get(name), counter).to.equal(gauge ? 'gauge' : 'counter');
      expect(name.endsWith('_total'), name).to.equal(!gauge);
    }
  });

  it('has the aggregator, the threads, the plan and the process', async () => {
    collector.prober = { thread: 'prober 0', state: 'restarting', restarts: 2, lastError: 'boom' };
    const { values } = await scrape();
    for (const [series, value] of [
      ['llama_aggregator_consumed_total', 1],
      ['llama_aggregator_reported_total', 2],
      ['llama_aggregator_orphans_total', 3],
      ['llama_aggregator_losses_total', 4],
      ['llama_thread_up{thread="prober 0"}', 0],
      ['llama_thread_up{thread="aggregator"}', 1],
      ['llama_thread_restarts_total{thread="prober 0"}', 2],
      ['llama_ring_fill_ratio{worker="prober 0"}', 0.25],
      ['llama_groups', 2],
      ['llama_targets', 3],
      ['llama_paths', 10],
      ['llama_warnings', 1],
      ['llama_interval_seconds', 10],
      ['llama_interval_age_seconds', 1.234],
      [`llama_build_info{version="0.1.0",node="${process.versions.node}"}`, 1],
    ] as const)
      expect(values.get(series), series).to.equal(value);
    expect(values.get('process_resident_memory_bytes')).to.be.within(10e6, 10e9);
    expect(values.get('process_cpu_seconds_total')).to.be.within(0.01, 10_000);
    expect(values.get('llama_event_loop_lag_max_seconds')).to.be.within(0, 60);
  });

  it('says how old the last interval is', async () => {
    collector.finish(Date.now() - 30_000);
    const { values } = await scrape();
    expect(values.get('llama_interval_age_seconds')).to.be.within(30, 60);
    expect(values.get('llama_intervals_total')).to.equal(1);
  });

  it('begins every series at 0, so that the first interval is an increase', async () => {
    const { values } = await scrape();
    for (const series of [
      `llama_target_probes_sent_total${WEST_EF}`,
      `llama_rtt_seconds_count${WEST_EF}`,
      'llama_target_probes_lost_total{group="west",target="2001:db8::2",port="8200",class="cs0"}',
      'llama_group_probes_sent_total{group="east",class="cs0"}',
    ])
      expect(values.get(series), series).to.equal(0);
  });

  it('adds up the intervals of a target', async () => {
    const info = infoOf('west', '10.2.0.2', 'ef');
    const row = Object.fromEntries(PATH_COLUMNS.map((column, i) => [column, i + 1])) as RowSpec;
    finishWith(T, info, { ...row, rttsNs: [20_000, 25_000, 26_000, 3_000_000_000] });
    finishWith(T + STEP, info, { ...row, rttsNs: [400_000] });
    const { values, types } = await scrape();
    for (const [column, name] of Object.entries({
      sent: 'probes_sent',
      received: 'probes_received',
      lost: 'probes_lost',
      unreachable: 'probes_unreachable',
      localDrops: 'local_drops',
      tooBig: 'too_big',
      late: 'late_replies',
      duplicates: 'duplicate_replies',
      reordered: 'reordered_replies',
      sendErrors: 'send_errors',
      lostForward: 'probes_lost_forward',
      lostReverse: 'probes_lost_reverse',
      lostUnknown: 'probes_lost_unknown',
      remarked: 'probes_remarked',
      ceMarks: 'probes_ce_marked',
      hopChanges: 'hop_changes',
    } satisfies Record<(typeof PATH_COLUMNS)[number], string>)) {
      const value = 2 * (PATH_COLUMNS.indexOf(column as 'sent') + 1);
      expect(values.get(`llama_target_${name}_total${WEST_EF}`), name).to.equal(value);
      expect(values.get(`llama_group_${name}_total{group="west",class="ef"}`), name).to.equal(value);
      expect(values.get(`llama_group_${name}_total{group="west",class="cs0"}`), name).to.equal(0);
    }
    const bucket = (le: string) => values.get(`llama_rtt_seconds_bucket${WEST_EF.replace('}', `,le="${le}"}`)}`);
    const wanted = { '0.000025': 2, '0.00005': 3, '0.00025': 3, '0.0005': 4, '2.5': 4, '+Inf': 5 };
    for (const [le, count] of Object.entries(wanted)) expect(bucket(le), le).to.equal(count);
    expect(values.get(`llama_rtt_seconds_count${WEST_EF}`)).to.equal(5);
    expect(values.get(`llama_rtt_seconds_sum${WEST_EF}`)).to.be.closeTo(3.000471, 1e-12);
    expect(types.get('llama_rtt_seconds')).to.equal('histogram');
    expect(types.get('llama_target_probes_sent_total')).to.equal('counter');
  });

  it('drops the series of a removed target, and keeps those of others', async () => {
    const stays = infoOf('west', '10.2.0.2', 'ef');
    const goes = infoOf('west', '2001:db8::2', 'ef');
    const numbers = new Map([stays, goes].map(({ id }) => [id, { sent: 3 }]));
    collector.finish(T, { numbers });
    await collector.putGroup(parseGroup({ classes: ['ef'], targets: ['10.2.0.2'] }, 'west'));
    // The removed target's last probes are still reported.
    collector.finish(T + STEP, { infos: [stays, goes], numbers });
    const text = await scrapeText();
    const { values } = readExposition(text);
    expect(values.get(`llama_target_probes_sent_total${WEST_EF}`)).to.equal(6);
    expect(values.get('llama_group_probes_sent_total{group="west",class="ef"}')).to.equal(12);
    expect(text).not.to.include('2001:db8::2');
    expect(text).not.to.include('group="west",class="cs0"');
  });

  it('goes on with a series whose target got other tags or another period', async () => {
    finishWith(T, infoOf('west', '10.2.0.2', 'ef'), { sent: 3 });
    const targets = [{ address: '10.2.0.2', tags: { dst_rack: 'r9' } }];
    await collector.putGroup(parseGroup({ classes: ['ef'], period: '2s', targets }, 'west'));
    finishWith(T + STEP, infoOf('west', '10.2.0.2', 'ef'), { sent: 4 });
    const { values } = await scrape();
    expect(values.get(`llama_target_probes_sent_total${WEST_EF}`)).to.equal(7);
    expect(values.get('llama_target_info{group="west",target="10.2.0.2",port="8100",tag_dst_rack="r9"}')).to.equal(1);
  });

  it('escapes tags, and makes label names of theirs', async () => {
    const tags = { 'dst.rack': 'a"b\\c\nd', dst_rack: 'second', ünï: 'ü' };
    await collector.putGroup(parseGroup({ targets: [{ address: '10.7.0.1', tags }] }, 'odd'));
    const text = await scrapeText();
    expect(text).to.include(
      'llama_target_info{group="odd",target="10.7.0.1",port="8100",tag_dst_rack_2="a\\"b\\\\c\\nd",tag_dst_rack="second",tag__n_="ü"} 1\n',
    );
  });

  describe('with more targets times classes than the limit', () => {
    const log: string[] = [];
    let limited: FastifyInstance;
    beforeEach(async () => {
      log.length = 0;
      collector = new FakeCollector(`
api: { metricsMaxTargets: 6 }
groups:
  large: { classes: [cs0, ef], targets: [10.0.0.1, 10.0.0.2, 10.0.0.3] }
  small: { classes: [cs0, ef], targets: [10.0.1.1] }
  tiny: { targets: [10.0.2.1] }
`);
      limited = buildApi(collector, { logger: pino({}, { write: (line: string) => log.push(line) }) });
      await limited.ready();
    });
    afterEach(() => limited.close());

    const groupsWithTargets = (text: string) =>
      [
        ...new Set([...text.matchAll(/^llama_target_probes_sent_total\{group="(\w+)"/gm)].map(([, name]) => name)),
      ].sort();
    const omitted = async () => {
      const { values } = await scrape(limited);
      return [values.get('llama_targets_omitted'), values.get('llama_target_series_omitted')];
    };

    it('leaves out whole groups, the largest first, in every metric of targets, and says how many targets', async () => {
      const text = await scrapeText(limited);
      expect(groupsWithTargets(text)).to.deep.equal(['small', 'tiny']);
      expect(text).not.to.match(/^llama_(target_info|rtt_seconds_\w+)\{group="large"/m);
      expect(text).to.match(/^llama_target_info\{group="small"/m);
      expect(await omitted()).to.deep.equal([3, 6]);
      expect(readExposition(text).values.get('llama_target_series_limit')).to.equal(6);
    });

    it('keeps the sums of groups, whose series are always there', async () => {
      const numbers = new Map(collector.streams().map(({ id }) => [id, { sent: 5, received: 5, rttsNs: [1e5] }]));
      for (let round = 1; round <= 3; round++) {
        collector.finish(T + round * STEP, { numbers });
        const { values } = await scrape(limited);
        for (const [group, className, targets] of [
          ['large', 'cs0', 3],
          ['large', 'ef', 3],
          ['small', 'ef', 1],
          ['tiny', 'cs0', 1],
        ] as const) {
          const labels = `{group="${group}",class="${className}"}`;
          expect(values.get(`llama_group_probes_sent_total${labels}`), labels).to.equal(5 * targets * round);
          expect(values.get(`llama_group_rtt_seconds_count${labels}`), labels).to.equal(targets * round);
        }
      }
    });

    it('tells once, and again when other groups are left out', async () => {
      for (let round = 0; round < 3; round++) {
        collector.finish(T + round * STEP);
        await scrape(limited);
      }
      await collector.putGroup(parseGroup({ targets: ['10.0.3.1', '10.0.3.2', '10.0.3.3', '10.0.3.4'] }, 'more'));
      await scrape(limited);
      const warnings = log.map((line) => JSON.parse(line)).filter(({ limit }) => limit === 6);
      expect(warnings.map(({ groups, targets, series }) => ({ groups, targets, series }))).to.deep.equal([
        { groups: ['large'], targets: 3, series: 6 },
        { groups: ['large', 'more'], targets: 7, series: 10 },
      ]);
      expect(warnings[0].msg).to.include('api.metricsMaxTargets');
    });

    it('takes groups in again when there is room, from 0', async () => {
      collector.finish(T, { numbers: new Map([[0, { sent: 5 }]]) });
      await collector.deleteGroup('small');
      expect(groupsWithTargets(await scrapeText(limited))).to.deep.equal(['tiny']);
      await collector.deleteGroup('tiny');
      const { values } = await scrape(limited);
      expect(await omitted()).to.deep.equal([0, 0]);
      expect(
        values.get('llama_target_probes_sent_total{group="large",target="10.0.0.1",port="8100",class="cs0"}'),
      ).to.equal(0);
      expect(values.get('llama_group_probes_sent_total{group="large",class="cs0"}')).to.equal(5);
    });

    it('has series of groups for however many groups there are', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => `g${i}: { targets: [10.1.${i >> 8}.${i & 255}] }`);
      const crowd = new FakeCollector(`api: { metricsMaxTargets: 5 }\ngroups: { ${many.join(', ')} }`);
      const api = buildApi(crowd);
      await api.ready();
      const text = await scrapeText(api);
      await api.close();
      expect(text.match(/^llama_group_probes_sent_total\{/gm)).to.have.length(3000);
      expect(text.match(/^llama_target_probes_sent_total\{/gm)).to.have.length(5);
    });
  });

  it('counts targets that answered nothing in the last interval, by group and class', async () => {
    const silent = 'llama_group_targets_silent{group="west",class="ef"}';
    expect((await scrape()).values.get(silent)).to.equal(0);
    const [a, b] = [infoOf('west', '10.2.0.2', 'ef'), infoOf('west', '2001:db8::2', 'ef')];
    const finish = (rowA: RowSpec, rowB: RowSpec, infos = [a, b]) =>
      collector.finish(T, {
        infos,
        numbers: new Map([
          [a.id, rowA],
          [b.id, rowB],
        ]),
      });
    for (const [rowA, rowB, wanted] of [
      [{ sent: 5, lost: 5 }, { sent: 5, received: 1, lost: 4 }, 1],
      [{ sent: 5, lost: 5 }, { sent: 5, unreachable: 5 }, 2],
      [{ sent: 0, sendErrors: 5 }, { sent: 5, received: 5 }, 0],
      [{ sent: 5, lost: 5 }, { sent: 5, lost: 5 }, 2],
    ] as const) {
      finish(rowA, rowB);
      const { values, types } = await scrape();
      expect(values.get(silent), JSON.stringify([rowA, rowB])).to.equal(wanted);
      expect(values.get('llama_group_targets_silent{group="west",class="cs0"}')).to.equal(0);
      expect(types.get('llama_group_targets_silent')).to.equal('gauge');
    }
    finish({}, {}, []);
    expect((await scrape()).values.get(silent), 'an interval without rows').to.equal(0);
  });

  it('keeps the tags of a target whose names become the same label', async () => {
    const tags = { 'dst-rack': 'minus', dst_rack: 'exact', 'dst.rack': 'dot' };
    const text = `groups: { odd: { targets: [{ address: 10.7.0.1, tags: ${JSON.stringify(tags)} }] } }`;
    const api = buildApi(new FakeCollector(text));
    const body = await scrapeText(api);
    await api.close();
    expect(body).to.include('tag_dst_rack_2="minus",tag_dst_rack="exact",tag_dst_rack_3="dot"');
  });

  it('counts targets to which nothing could be sent, by group and class', async () => {
    const unmeasured = 'llama_group_targets_unmeasured{group="west",class="ef"}';
    expect((await scrape()).values.get(unmeasured)).to.equal(0);
    const info = infoOf('west', '10.2.0.2', 'ef');
    for (const [row, wanted] of [
      [{ sent: 0, sendErrors: 5 }, 1],
      [{ sent: 1, lost: 1, sendErrors: 4 }, 0],
      [{ sent: 0 }, 0],
    ] as const) {
      finishWith(T, info, row);
      const { values, types } = await scrape();
      expect(values.get(unmeasured), JSON.stringify(row)).to.equal(wanted);
      expect(types.get('llama_group_targets_unmeasured')).to.equal('gauge');
    }
  });

  it('does not call a target silent whose replies this host dropped', async () => {
    finishWith(T, infoOf('west', '10.2.0.2', 'ef'), { sent: 5, localDrops: 5 });
    expect((await scrape()).values.get('llama_group_targets_silent{group="west",class="ef"}')).to.equal(0);
  });

  it('sums up why probes were not sent or unreachable, by group, until the group goes', async () => {
    collector.finish(T, REFUSED_AND_UNREACHABLE);
    collector.finish(T + STEP, REFUSED_AND_UNREACHABLE);
    const { values, types } = await scrape();
    const errnos = 'llama_group_send_errors_by_errno_total';
    const icmp = 'llama_group_unreachable_by_icmp_total';
    expect(values.get(`${errnos}{group="west",errno="ENETUNREACH"}`)).to.equal(40);
    expect(values.get(`${icmp}{group="west",reason="port unreachable"}`)).to.equal(10);
    expect([types.get(errnos), types.get(icmp)]).to.deep.equal(['counter', 'counter']);
    await collector.deleteGroup('west');
    expect(await scrapeText()).not.to.include('errno=');
  });

  it('counts the data that the matrix does not show, by reason', async () => {
    collector.history.refused.ahead = 3;
    const { values, types } = await scrape();
    expect(values.get('llama_history_refused_total{reason="ahead"}')).to.equal(3);
    expect(values.get('llama_history_refused_total{reason="tooOld"}')).to.equal(0);
    expect(types.get('llama_history_refused_total')).to.equal('counter');
  });

  it('never lets a counter fall', async () => {
    await scrape();
    collector.status = ((status) => () => ({
      ...status,
      workers: [{ ...status.workers[0], totals: { ...status.totals, received: 0 } }],
    }))(collector.status());
    expect((await scrape()).values.get('llama_probes_received_total{worker="prober 0"}')).to.equal(1);
  });

  it('agrees with a naive sum over random intervals and plans', async () => {
    const random = seededRandom(11);
    const sums = new Map<string, number>();
    const keyOf = ({ group, target, class: { name } }: StreamInfo) =>
      `{group="${group.name}",target="${target.address}",port="${target.port}",class="${name}"}`;
    for (let round = 0; round < 200; round++) {
      if (random.next() < 0.2) {
        const targets = Array.from({ length: randomInteger(random.next, 1, 4) }, (_, i) => `10.8.0.${i + 1}`);
        await collector.putGroup(parseGroup({ classes: ['cs0', 'ef'].slice(random.below(2)), targets }, 'west'));
        const kept = new Set(collector.streams().map(keyOf));
        for (const key of sums.keys()) if (!kept.has(key)) sums.delete(key);
        await scrape();
      }
      const infos = collector.streams().filter(() => random.next() < 0.8);
      const numbers = new Map(infos.map(({ id }) => [id, { sent: random.below(100) }]));
      collector.finish(T + round * STEP, { infos, numbers });
      for (const info of infos) sums.set(keyOf(info), (sums.get(keyOf(info)) ?? 0) + (numbers.get(info.id)?.sent ?? 0));
    }
    const { values } = await scrape();
    for (const info of collector.streams())
      expect(values.get(`llama_target_probes_sent_total${keyOf(info)}`), keyOf(info)).to.equal(
        sums.get(keyOf(info)) ?? 0,
      );
  });

  it('answers a failure with a problem document', async () => {
    collector.failure = new Error('secret');
    const response = await app.inject('/metrics');
    expect(response.statusCode).to.equal(500);
    expect(response.body).not.to.include('secret');
  });
});

describe('the text of /metrics', () => {
  before(function () {
    needs(this, 'prometheus');
  });

  for (const [title, config] of Object.entries({
    'with series of targets': undefined,
    'with those of some groups only': `
api: { metricsMaxTargets: 1 }
groups: { a: { targets: [10.0.0.1] }, b: { targets: [10.0.0.2, 10.0.0.3] }, c: { fromFile: { path: /nowhere } } }`,
    'without any group': 'groups: {}',
  }))
    it(`gives promtool nothing to complain of, ${title}`, async () => {
      const collector = new FakeCollector(config);
      const app = buildApi(collector);
      await app.ready();
      collector.finish(T, { numbers: new Map([[0, { sent: 5, rttsNs: [100_000] }]]) });
      const { body } = await app.inject('/metrics');
      await app.close();
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
      expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    });
});

describe('/metrics of a thousand series', () => {
  const TARGETS = 500;
  const targets = Array.from({ length: TARGETS }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const collector = new FakeCollector(
    `collector: { probeMemory: 1GiB }\ngroups: { big: { classes: [cs0, ef], targets: [${targets.join(', ')}] } }`,
  );
  const app = buildApi(collector);
  after(() => app.close());

  it('does not hold the main thread for more than 20 ms', async () => {
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const numbers = new Map(
      collector.streams().map(({ id }) => [id, { sent: 10, received: 9, lost: 1, rttsNs: [1e5] }]),
    );
    collector.finish(T, { numbers });
    let longestMs = Number.POSITIVE_INFINITY;
    let bytes = 0;
    // The best of some: other work of this machine may take the processor in the middle of one.
    for (let round = 0; round < 8; round++) {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      bytes = 0;
      const response = await fetch(`${origin}/metrics`);
      if (response.body !== null) for await (const piece of response.body) bytes += piece.length;
      delay.disable();
      longestMs = Math.min(longestMs, delay.max / 1e6);
    }
    console.log(`        ${bytes} bytes, longest turn ${longestMs.toFixed(1)} ms`);
    expect(bytes).to.be.greaterThan(1_000_000);
    expect(longestMs).to.be.lessThan(20);
  });
});
