/** README.md and docs/ against the code: what they say of options, errors, counters, commands and configs must be so. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { buildApi } from '../../src/api/collector/app.js';
import { buildScraperApi } from '../../src/api/scraper/app.js';
import { HistorySchema, MatrixQuery, MatrixSchema } from '../../src/api/shared/matrixSchemas.js';
import { ERROR_TABLE } from '../../src/base/errors.js';
import { parseConfig } from '../../src/config/collector/config.js';
import { GroupSchema } from '../../src/config/group/groupSchema.js';
import { namedOptions, type OptionTable } from '../../src/config/options/optionSources.js';
import { PROCESS_OPTIONS, type ProcessOption } from '../../src/config/options/schema.js';
import { parseScraperConfig } from '../../src/config/scraper/config.js';
import { isScraperConfig } from '../../src/config/scraper/form.js';
import { CollectorSchema, CollectorSourceSchema, WRITER_SCHEMAS } from '../../src/config/scraper/listSchema.js';
import { SCRAPER_OPTIONS } from '../../src/config/scraper/schema.js';
import { METRICS } from '../../src/history/matrix.js';
import { REFLECTOR_COUNTERS } from '../../src/reflector/messages.js';
import { PROBER_COUNTERS } from '../../src/ring/control.js';
import { RowDirections } from '../../src/stats/directionRow.js';
import { explanationsJson, NO_EXPLANATIONS } from '../../src/stats/explanations.js';
import { OutcomeNumbers, RttNumbers, rowJson } from '../../src/stats/row.js';
import { AGGREGATOR_COUNTERS, PATH_COLUMNS } from '../../src/threads/messages.js';
import { ROOMS } from '../house/structure.js';
import { FakeCollector, REFUSED_AND_UNREACHABLE } from '../support/fakes/fakeCollector.js';
import { FakeScraper } from '../support/fakes/fakeScraper.js';
import { codeBlocks, manual, page, pagesBelow } from '../support/harness/documents.js';
import { metricFamilies } from '../support/harness/exposition.js';
import { llamaEnds } from '../support/processes/command.js';

const ROOT = new URL('../../../', import.meta.url);
const PAGES = manual();
const MANUAL = PAGES.map(({ text }) => text).join('\n');
const PACKAGE = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));

/** Cells of the table that begins with this header cell, without its header and rule. Backquotes are taken off. */
function table(firstHeader: string, secondHeader = ''): string[][] {
  const lines = MANUAL.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHeader} | ${secondHeader}`));
  expect(start, `a table that begins with "${firstHeader} | ${secondHeader}"`).to.be.at.least(0);
  const rows: string[][] = [];
  for (let i = start + 2; lines[i].startsWith('|'); i++)
    rows.push(
      lines[i]
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    );
  return rows;
}

const plain = (cell: string): string => cell.replaceAll('`', '');

/** First cells of all tables below a heading of a generated page: the names at the top, or those directly below `parent`. */
function fields(path: string, heading: string, parent = ''): string[] {
  const { text } = page(path);
  const section = text.slice(text.search(new RegExp(`^#+ ${heading}$`, 'm'))).split(/^#/m)[1];
  const names = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  return names
    .filter((name) => name.startsWith(parent))
    .map((name) => name.slice(parent.length))
    .filter((name) => /^\w+$/.test(name));
}

/** The texts of all code blocks of a language. */
const blocks = (language: string): string[] => PAGES.flatMap((one) => codeBlocks(one, language));

describe('README.md and docs/', () => {
  it('has every process option with its meaning, unit, default and variable, and no other', () => {
    const row = (name: string, option: ProcessOption<unknown>): string[] => [
      `\`${name}\``,
      option.doc,
      option.unit,
      `\`${option.default}\``,
      `\`${option.env}\``,
    ];
    const { collector, source, api, stateDir } = PROCESS_OPTIONS;
    const expected = Object.entries({ collector, source, api }).flatMap(([section, options]) =>
      Object.entries<ProcessOption<unknown>>(options).map(([key, option]) => row(`${section}.${key}`, option)),
    );
    expect(table('option', 'meaning')).to.deep.equal([...expected, row('stateDir', stateDir)]);
  });

  it('has every key of a group with what is expected', () => {
    const expected = Object.entries(GroupSchema.properties).map(([key, schema]) => [
      `\`${key}\``,
      Reflect.get(schema, 'description'),
    ]);
    expect(table('key', 'expected').map((cells) => cells.slice(0, 2))).to.deep.equal(expected);
    for (const [key, , written] of table('key', 'expected')) {
      const value: unknown = Reflect.get(Reflect.get(GroupSchema.properties, plain(key)), 'default');
      expect(plain(written), key).to.equal(value === undefined ? 'none' : JSON.stringify(value).replaceAll('"', ''));
    }
  });

  it('has every key of the sources of targets with what is expected', () => {
    const expected = (['fromFile', 'fromHttp', 'fromDns'] as const).flatMap((source) =>
      Object.entries(GroupSchema.properties[source].properties).map(([key, schema]) => [
        `\`${source}.${key}\``,
        Reflect.get(schema, 'description'),
        Reflect.get(schema, 'default') === undefined ? 'none' : `\`${Reflect.get(schema, 'default')}\``,
      ]),
    );
    expect(table('key of a source', 'expected')).to.deep.equal(expected);
  });

  it('has every option of a scraper with its meaning, unit, default and variable, and no other', () => {
    const expected = namedOptions(SCRAPER_OPTIONS as OptionTable).map(({ name, option }) => [
      `\`${name}\``,
      option.doc,
      option.unit,
      `\`${option.default}\``,
      `\`${option.env}\``,
    ]);
    expect(table('scraper option', 'meaning')).to.deep.equal(expected);
  });

  it('has every key of a collector and of a writer with what is expected', () => {
    const standard = (schema: object): string => {
      const value: unknown = Reflect.get(schema, 'default');
      return value === undefined ? 'none' : `\`${value}\``;
    };
    const { scheme, port } = CollectorSourceSchema.properties;
    const keys = Object.entries({ ...CollectorSchema.properties, scheme, port });
    expect(table('key of a collector', 'expected')).to.deep.equal(
      keys.map(([key, schema]) => [`\`${key}\``, Reflect.get(schema, 'description'), standard(schema)]),
    );
    const ofKinds = table('key of a writer', 'of kind').flatMap(([key, kinds, ...rest]) =>
      kinds.split(', ').map((kind) => [plain(kind), plain(key), ...rest].join(' | ')),
    );
    const expected = Object.entries(WRITER_SCHEMAS).flatMap(([kind, { properties }]) =>
      Object.entries(properties).map(([key, schema]) =>
        [kind, key, Reflect.get(schema, 'description'), standard(schema)].join(' | '),
      ),
    );
    expect(ofKinds).to.have.members(expected);
  });

  it('has every metric of a scraper with its type, labels and meaning, and no other', async () => {
    const app = buildScraperApi(new FakeScraper());
    const { body } = await app.inject('/metrics');
    await app.close();
    const expected = metricFamilies(body).map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
    expect(table('scraper metric', 'type')).to.deep.equal(expected);
  });

  it('has every error code with its HTTP status, exit code and title', () => {
    const expected = Object.entries(ERROR_TABLE).map(([code, { status, exitCode, title }]) => [
      `\`${code}\``,
      String(status),
      String(exitCode),
      title,
    ]);
    expect(table('code', 'HTTP status')).to.deep.equal(expected);
  });

  it('has every counter, in the order of the status page, and no other', () => {
    expect(table('counter', 'meaning').map(([name]) => plain(name))).to.deep.equal([
      ...PROBER_COUNTERS,
      'threadLosses',
    ]);
    for (const name of AGGREGATOR_COUNTERS.slice(0, 3)) expect(MANUAL).to.include(`\`${name}\` (`);
  });

  it('has every counter of the reflector, and no other', () => {
    expect(table('counter of the reflector').map(([name]) => plain(name))).to.have.members([
      ...REFLECTOR_COUNTERS,
      'receiveQueueDrops',
    ]);
  });

  it('has every option of the reflector, and no other', async () => {
    const { out } = await llamaEnds(['reflector', '--help']);
    const options = (text: string): string[] => [...text.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    const named = table('option of reflector').flatMap(([cell]) => options(cell));
    const there = [...out.matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm)].map(([, option]) => option);
    expect(named).to.have.members(there);
  });

  it('has every field of a result row', () => {
    const numbers = new RttNumbers();
    numbers.count = 1;
    const written = Object.keys(
      JSON.parse(
        `{${rowJson(new OutcomeNumbers(), numbers, 1, explanationsJson(NO_EXPLANATIONS), new RowDirections().json(new OutcomeNumbers()))}`,
      ),
    );
    const prefix = ['group', 'protocol', 'tags', 'source', 'target', 'port', 'class', 'dscp'];
    const named = fields('docs/reference/result-fields.md', 'Row');
    expect(named).to.have.members([...prefix, ...written, 'hdr']);
    expect(named).to.include.members([...PATH_COLUMNS]);
    const { rttUs } = JSON.parse(
      `{${rowJson(new OutcomeNumbers(), numbers, 1, explanationsJson(NO_EXPLANATIONS), new RowDirections().json(new OutcomeNumbers()))}`,
    );
    const ofRtt = fields('docs/reference/result-fields.md', 'Row', 'rttUs.');
    expect(ofRtt).to.have.members(Object.keys(rttUs));
  });

  it('has every parameter and field of the matrix and of the history', () => {
    const api = 'docs/reference/rest-api.md';
    const [matrix, history] = ['Collector: GET /v1/matrix', 'Collector: GET /v1/history'];
    const [cell] = MatrixSchema.properties.cells.anyOf;
    expect(fields(api, matrix)).to.include.members(Object.keys(MatrixQuery.properties));
    expect(fields(api, matrix)).to.include.members(Object.keys(MatrixSchema.properties));
    expect(fields(api, matrix, 'cells[].')).to.have.members(Object.keys(cell.items.properties));
    expect(fields(api, history)).to.include.members(Object.keys(HistorySchema.properties));
    const ofSeries = Object.keys(HistorySchema.properties.series.items.properties);
    expect(fields(api, history, 'series[].')).to.have.members(ofSeries);
    for (const metric of METRICS) expect(MANUAL).to.include(`\`${metric}\``);
  });

  it('uses only commands and options that --help has', async () => {
    const commands = blocks('sh')
      .join('\n')
      .split('\n')
      .flatMap((line) => /^(?:npx |node dist\/src\/cli\/main\.js )?(?:llama )?(.*)$/.exec(withoutComment(line)) ?? [])
      .filter((_, i) => i % 2 === 1);
    const inText = [...MANUAL.matchAll(/`llama ([^`]+)`/g)].map(([, text]) => text);
    const { out: top } = await llamaEnds(['--help']);
    const known = [...top.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    const used = [...commands.filter((line) => known.includes(line.split(' ')[0])), ...inText];
    const helps = new Map<string, string>();
    for (const text of used) {
      const name = text.split(' ')[0];
      expect(known, text).to.include(name);
      if (!helps.has(name)) helps.set(name, (await llamaEnds([name, '--help'])).out);
      for (const [, option] of text.matchAll(/ (--[a-z-]+)/g)) expect(helps.get(name), text).to.include(option);
    }
    expect([...helps.keys()]).to.include.members(['collector', 'reflector', 'probe', 'check', 'demo']);
    for (const name of known) if (!helps.has(name)) helps.set(name, (await llamaEnds([name, '--help'])).out);
    const all = [...helps.values()].join('\n');
    const forUsers = [PAGES[0], ...pagesBelow('docs/guide'), ...pagesBelow('docs/tutorial')];
    let options = 0;
    for (const { path, text } of forUsers)
      for (const [, option] of text.matchAll(/`(--[a-z-]+)/g)) {
        expect(all, `${path}: ${option}`).to.include(option);
        options++;
      }
    expect(options).to.be.at.least(25);
  });

  it('has every metric with its type, labels and meaning, and no other', async () => {
    const collector = new FakeCollector();
    collector.discovery.set('west', {
      source: 'dns',
      targets: 2,
      updatedAt: '2026-11-21T00:00:00.000Z',
      ageMs: 1500,
      restored: false,
      error: null,
      warnings: [],
      nextAt: null,
      keepError: null,
      keepFailures: 0,
    });
    const app = buildApi(collector);
    await app.ready();
    collector.finish(Date.now(), REFUSED_AND_UNREACHABLE);
    const { body } = await app.inject('/metrics');
    await app.close();
    const expected = metricFamilies(body).map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
    expect(table('metric', 'type')).to.deep.equal(expected);
  });

  it('has configs that load', () => {
    const yaml = blocks('yaml');
    expect(yaml).to.have.length.at.least(6);
    for (const text of yaml)
      if (isScraperConfig(parse(text)))
        expect(parseScraperConfig(text, 'docs', {}).config.writers).not.to.have.length(0);
      else expect(parseConfig(text, 'docs', {}).groups).not.to.have.length(0);
  });

  it('gives a reason for every dependency, and names no other', () => {
    const named = table('package', 'why').flatMap(([cell]) => plain(cell).split(', '));
    expect(named).to.have.members([...Object.keys(PACKAGE.dependencies), ...Object.keys(PACKAGE.devDependencies)]);
  });

  it('uses only npm scripts that there are', () => {
    const texts = [MANUAL, readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8')];
    for (const [, name] of texts.join('\n').matchAll(/npm run ([a-z:]+)/g))
      expect(PACKAGE.scripts).to.have.property(name);
  });

  it('has a code map with every folder of src', () => {
    const folders = table('folder', '').flatMap(([cell]) => plain(cell).split(', '));
    for (const path of folders) expect(existsSync(new URL(path, ROOT)), path).to.equal(true);
    const sources = readdirSync(new URL('src/', ROOT), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders).to.include.members([...sources.map(({ name }) => `src/${name}`), 'workers', 'config', 'perf']);
    const order = ROOMS.map((room) => (room === 'workers' ? room : `src/${room}`)).filter((room) =>
      folders.includes(room),
    );
    expect(folders.filter((folder) => order.includes(folder))).to.deep.equal(order);
    const rooms = ROOMS.filter((room) => order.includes(room === 'workers' ? room : `src/${room}`));
    expect(MANUAL.replaceAll(/\s+/g, ' ')).to.include(`included: ${rooms.map((room) => `\`${room}\``).join(', ')}.`);
  });
});

function withoutComment(line: string): string {
  return line.replace(/\s+#.*$/, '');
}
