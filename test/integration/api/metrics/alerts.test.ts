/** The example alerts: valid, about metrics that there are, and each shown to fire when it should, and not before. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector, REFUSED_AND_UNREACHABLE } from '../../../support/fakes/fakeCollector.js';
import { metricFamilies } from '../../../support/harness/exposition.js';
import { needs } from '../../../support/harness/needs.js';

const FOLDER = fileURLToPath(new URL('../../../../../config/prometheus/', import.meta.url));
const ALERTS = join(FOLDER, 'alerts.yaml');
const CASES = join(FOLDER, 'tests/alerts.test.yaml');
const PAGING = join(FOLDER, 'tests/paging.test.yaml');

/** A group whose targets come from a source has series of that. */
const FOUND = {
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

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert?: string; expr: string }[] }[];
}
interface Cases {
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('config/prometheus', () => {
  const rulesText = readFileSync(ALERTS, 'utf8');
  const casesText = readFileSync(CASES, 'utf8');
  const rules: Rules = parse(rulesText);
  const cases: Cases = parse(casesText);
  const paging: Cases = parse(readFileSync(PAGING, 'utf8'));
  const names = rules.groups.flatMap((group) => group.rules.flatMap(({ alert }) => alert ?? []));
  before(function () {
    needs(this, 'prometheus');
  });

  it('has alerts on targets, on groups and on the collector, and is valid', () => {
    const { status, stdout, stderr } = promtool('check', 'rules', ALERTS);
    expect({ status, stderr }, stdout).to.deep.equal({ status: 0, stderr: '' });
    expect(names).to.have.length(25);
  });

  it('uses only metrics that there are, with their labels', async () => {
    const collector = new FakeCollector();
    collector.discovery.set(collector.groups()[0].name, FOUND);
    const app = buildApi(collector);
    await app.ready();
    collector.finish(Date.now(), REFUSED_AND_UNREACHABLE);
    const { body } = await app.inject('/metrics');
    await app.close();
    const known = new Map(metricFamilies(body).map(({ name, labels }) => [name, labels]));
    const base = (name: string) => name.replace(/(?<=_seconds)_(bucket|sum|count)$/, '');
    for (const [name] of rulesText.matchAll(/(?<![:\w])llama_[a-z_]+/g))
      expect([...known.keys()]).to.include(base(name));
    for (const { series } of [...cases.tests, ...paging.tests].flatMap((test) => test.input_series)) {
      const [, name, labels] = /^(\w+)\{(.*)\}$/.exec(series) ?? [];
      if (name === 'up') continue;
      const wanted = [...labels.matchAll(/(\w+)=/g)].map(([, label]) => label);
      const own = wanted.filter((label) => !['job', 'instance', 'le'].includes(label));
      expect(known.get(base(name)), series).to.include.members(own);
    }
  });

  it('shows of every alert that it fires, and that it does not', () => {
    const { status, stdout, stderr } = promtool('test', 'rules', CASES);
    expect(status, stdout + stderr).to.equal(0);
    const shown = cases.tests.flatMap((test) => test.alert_rule_test);
    expect([...new Set(shown.map(({ alertname }) => alertname))]).to.have.members(names);
    for (const name of names)
      expect(
        shown.some(({ alertname, exp_alerts }) => alertname === name && exp_alerts.length > 0),
        `${name} fires`,
      ).to.equal(true);
  });

  it('page within two minutes for a host that is down or cannot be probed, and without a gap, with scrapes every 15 s and every 60 s', () => {
    const { status, stdout, stderr } = promtool('test', 'rules', PAGING);
    expect(status, stdout + stderr).to.equal(0);
  });

  describe('would show that', () => {
    let folder = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'llama-alerts-'));
      await mkdir(join(folder, 'tests'));
      await writeFile(join(folder, 'tests/alerts.test.yaml'), casesText);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    /** Names of alerts whose cases fail when every expression is changed. */
    async function failing(change: (expr: string) => string): Promise<string[]> {
      const changed = structuredClone(rules);
      for (const rule of changed.groups.flatMap((group) => group.rules))
        if (rule.alert !== undefined) rule.expr = change(rule.expr);
      await writeFile(join(folder, 'alerts.yaml'), stringify(changed));
      const { stdout, stderr } = promtool('test', 'rules', join(folder, 'tests/alerts.test.yaml'));
      return [...new Set([...(stdout + stderr).matchAll(/alertname: (\w+)/g)].map(([, name]) => name))];
    }

    it('an alert never fires', async () => {
      expect(await failing((expr) => `(${expr}) and vector(0) > 1`)).to.have.members(names);
    });

    it('a threshold is gone', async () => {
      const without = (expr: string): string =>
        expr.replaceAll(/(>|==) [\d.]+/g, '>= 0').replaceAll(/< [\d.]+/g, '< 1e9');
      expect(await failing(without)).to.have.members(names);
    });

    it('but nothing is wrong with the alerts as they are', async () => {
      expect(await failing((expr) => expr)).to.deep.equal([]);
    });
  });
});
