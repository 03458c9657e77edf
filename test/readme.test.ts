/** The README against the code: what it says of options, errors, counters, commands and configs must be so. */

import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { buildApi } from '../src/api/app.js';
import { HistorySchema, MatrixQuery, MatrixSchema } from '../src/api/matrixSchemas.js';
import { buildScraperApi } from '../src/api/scraper/app.js';
import { explanationsJson, NO_EXPLANATIONS } from '../src/collector/explanations.js';
import { AGGREGATOR_COUNTERS, PATH_COLUMNS } from '../src/collector/messages.js';
import { parseConfig } from '../src/config/config.js';
import { GroupSchema } from '../src/config/group-schema.js';
import { PROCESS_OPTIONS, type ProcessOption } from '../src/config/schema.js';
import { parseScraperConfig } from '../src/config/scraper/config.js';
import { isScraperConfig } from '../src/config/scraper/form.js';
import { CollectorSchema, CollectorSourceSchema, WRITER_SCHEMAS } from '../src/config/scraper/list-schema.js';
import { SCRAPER_OPTIONS } from '../src/config/scraper/schema.js';
import { namedOptions, type OptionTable } from '../src/config/weigh.js';
import { ERROR_TABLE } from '../src/errors.js';
import { METRICS } from '../src/matrix/matrix.js';
import { REFLECTOR_COUNTERS } from '../src/reflector/messages.js';
import { PROBER_COUNTERS } from '../src/ring/control.js';
import { RowDirections } from '../src/stats/directionRow.js';
import { OutcomeNumbers, RttNumbers, rowJson } from '../src/stats/row.js';
import { llamaEnds } from './support/command.js';
import { metricFamilies } from './support/exposition.js';
import { FakeCollector, REFUSED_AND_UNREACHABLE } from './support/fake-collector.js';
import { FakeScraper } from './support/fakeScraper.js';

const ROOT = new URL('../../', import.meta.url);
const README = readFileSync(new URL('README.md', ROOT), 'utf8');
const PACKAGE = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));

/** Cells of the table that begins with this header cell, without its header and rule. Backquotes are taken off. */
function table(firstHeader: string, secondHeader = ''): string[][] {
  const lines = README.split('\n');
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

/** The text of all code blocks of a language. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text);
}

describe('README.md', () => {
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
    for (const name of AGGREGATOR_COUNTERS.slice(0, 3)) expect(README).to.include(`\`${name}\` (`);
  });

  it('has every counter of the reflector, and no other', () => {
    expect(table('counter of the reflector').map(([name]) => plain(name))).to.deep.equal([
      ...REFLECTOR_COUNTERS,
      'receiveQueueDrops',
    ]);
  });

  it('has every option of the reflector, and no other', async () => {
    const { out } = await llamaEnds(['reflector', '--help']);
    const options = (text: string): string[] => [...text.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    const named = table('option of the reflector').flatMap(([cell]) => options(cell));
    const there = [...out.matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm)].map(([, option]) => option);
    expect([...named, '--help']).to.have.members(there);
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
    const named = table('field of a row', 'unit').flatMap(([cell]) => plain(cell).split(', '));
    expect(named).to.have.members([...prefix, ...written, 'hdr']);
    expect(named).to.include.members([...PATH_COLUMNS]);
    const { rttUs } = JSON.parse(
      `{${rowJson(new OutcomeNumbers(), numbers, 1, explanationsJson(NO_EXPLANATIONS), new RowDirections().json(new OutcomeNumbers()))}`,
    );
    for (const key of Object.keys(rttUs)) expect(README).to.include(`\`${key}\``);
  });

  it('has every parameter and field of the matrix and of the history', () => {
    const names = (header: string): string[] => table(header, 'meaning').flatMap(([cell]) => plain(cell).split(', '));
    expect(names('parameter of the matrix')).to.have.members(Object.keys(MatrixQuery.properties));
    expect(names('field of the matrix')).to.have.members(Object.keys(MatrixSchema.properties));
    const [cell] = MatrixSchema.properties.cells.anyOf;
    expect(names('field of a cell')).to.have.members(Object.keys(cell.items.properties));
    expect(names('field of the history')).to.have.members(Object.keys(HistorySchema.properties));
    const [, text] = table('field of the history', 'meaning').find(([name]) => plain(name) === 'series') ?? [];
    for (const name of Object.keys(HistorySchema.properties.series.items.properties))
      expect(text).to.include(`\`${name}\``);
    for (const metric of METRICS) expect(README).to.include(`\`${metric}\``);
  });

  it('uses only commands and options that --help has', async () => {
    const commands = blocks('sh')
      .join('\n')
      .split('\n')
      .flatMap((line) => /^(?:npx |node dist\/src\/cli\/main\.js )?(?:llama )?(.*)$/.exec(withoutComment(line)) ?? [])
      .filter((_, i) => i % 2 === 1);
    const inText = [...README.matchAll(/`llama ([^`]+)`/g)].map(([, text]) => text);
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
    for (const [, option] of README.slice(README.indexOf('## Two hosts'), README.indexOf('## Groups')).matchAll(
      /`(--[a-z-]+)/g,
    ))
      expect([...helps.values()].join('\n'), option).to.include(option);
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
    expect(yaml).to.have.length.at.least(1);
    for (const text of yaml)
      if (isScraperConfig(parse(text)))
        expect(parseScraperConfig(text, 'README.md', {}).config.writers).not.to.have.length(0);
      else expect(parseConfig(text, 'README.md', {}).groups).not.to.have.length(0);
  });

  it('gives a reason for every dependency, and names no other', () => {
    const named = table('package', 'why').flatMap(([cell]) => plain(cell).split(', '));
    expect(named).to.have.members([...Object.keys(PACKAGE.dependencies), ...Object.keys(PACKAGE.devDependencies)]);
  });

  it('uses only npm scripts that there are', () => {
    for (const [, name] of README.matchAll(/npm run ([a-z]+)/g)) expect(PACKAGE.scripts).to.have.property(name);
  });

  it('names files and folders that exist', () => {
    const links = [...README.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path);
    const folders = table('folder', 'what').map(([cell]) => plain(cell));
    for (const path of [...links, ...folders]) expect(existsSync(new URL(path, ROOT)), path).to.equal(true);
  });
});

function withoutComment(line: string): string {
  return line.replace(/\s+#.*$/, '');
}
