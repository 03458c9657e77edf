import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { LlamaError } from '../../../src/base/errors.js';
import { check } from '../../../src/cli/commands/check.js';
import { COMMAND_NOTES, helpEnd } from '../../../src/cli/shared/commandNotes.js';
import { overrideOption } from '../../../src/cli/shared/optionsHelp.js';
import { loadConfigFile, parseConfig } from '../../../src/config/collector/config.js';
import type { ConfigForm } from '../../../src/config/dropbox/form.js';
import { GroupSchema } from '../../../src/config/group/groupSchema.js';
import { PROCESS_OPTIONS } from '../../../src/config/options/schema.js';
import { loadScraperConfig } from '../../../src/config/scraper/config.js';

const FOLDER = new URL('../../../../config/', import.meta.url);
const TEXT = readFileSync(new URL('default.yaml', FOLDER), 'utf8');
const SECTIONS = ['collector', 'source', 'api'] as const;

function allOptions() {
  return [
    ...SECTIONS.flatMap((section) =>
      Object.entries(PROCESS_OPTIONS[section]).map(([key, option]) => ({ name: `${section}.${key}`, option })),
    ),
    { name: 'stateDir', option: PROCESS_OPTIONS.stateDir },
  ];
}

describe('config/default.yaml', () => {
  it('has every process option with its default, and no other', () => {
    const defaults: Record<string, unknown> = { stateDir: PROCESS_OPTIONS.stateDir.default, groups: {} };
    for (const section of SECTIONS)
      defaults[section] = Object.fromEntries(
        Object.entries(PROCESS_OPTIONS[section]).map(([key, option]) => [key, option.default]),
      );
    expect(parse(TEXT)).to.deep.equal(defaults);
  });

  it('names the environment variable of every option', () => {
    for (const { option } of allOptions()) expect(TEXT).to.match(new RegExp(`\\b${option.env}\\b`));
  });

  it('means the same as no options at all', () => {
    expect(parseConfig(TEXT, 'default.yaml', {})).to.deep.equal(parseConfig('groups: {}', 'c.yaml', {}));
  });

  it('shows a group with every option at its default, ready to be uncommented', () => {
    const comment = TEXT.slice(TEXT.indexOf('# groups:\n'), TEXT.indexOf('#\n# In the place')).replaceAll(/^# ?/gm, '');
    const [group] = parseConfig(comment, 'comment', {}).groups;
    expect(group).to.deep.include({ name: 'west' });
    const written = parse(comment).groups.west as Record<string, unknown>;
    const keys = Object.keys(GroupSchema.properties);
    expect(Object.keys(written)).to.have.members(keys.filter((key) => !key.startsWith('from')));
    for (const [key, schema] of Object.entries(GroupSchema.properties))
      if (key in written && key !== 'targets')
        expect(written[key], key).to.deep.equal(
          key === 'sourcePorts' ? PROCESS_OPTIONS.source.ports.default : Reflect.get(schema, 'default'),
        );
  });
});

describe('the sources of targets in config/default.yaml', () => {
  const comment = TEXT.slice(TEXT.indexOf('#     fromFile:')).replaceAll(/^# {4}/gm, '');
  const sources: Record<string, Record<string, unknown>> = parse(comment);

  for (const key of ['fromFile', 'fromHttp', 'fromDns'] as const)
    it(`${key} is there with every option at its default, ready to be uncommented`, () => {
      const { properties } = GroupSchema.properties[key];
      expect(Object.keys(sources[key])).to.have.members(Object.keys(properties));
      for (const [name, schema] of Object.entries(properties)) {
        const value: unknown = Reflect.get(schema, 'default');
        if (value !== undefined) expect(sources[key][name], name).to.deep.equal(value);
      }
      const text = JSON.stringify({ groups: { west: { [key]: sources[key] } } });
      expect(parseConfig(text, 'comment', {}).groups[0].from).not.to.equal(undefined);
    });
});

describe('the options', () => {
  for (const { name, option } of allOptions())
    it(`${name} has a default that is valid, and an environment variable by its name`, () => {
      expect(option.parse(option.default)).not.to.equal(undefined);
      expect(option.env).to.equal(
        `LLAMA_${name
          .replace('.', '_')
          .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
          .toUpperCase()}`,
      );
      expect(option.doc).to.match(/\.$/);
      expect(option.unit).not.to.equal('');
    });

  it('are each set by their variable, as text', () => {
    const values: Record<string, string> = {
      LLAMA_COLLECTOR_NAME: 'n',
      LLAMA_COLLECTOR_INTERVAL: '1s',
      LLAMA_COLLECTOR_WORKERS: '2',
      LLAMA_COLLECTOR_RETENTION: '3',
      LLAMA_COLLECTOR_TIMESTAMPS: 'receive',
      LLAMA_COLLECTOR_PROBE_MEMORY: '2097152',
      LLAMA_COLLECTOR_MAX_PROBES_PER_SECOND: '1000',
      LLAMA_COLLECTOR_HISTORY_MEMORY: '1MiB',
      LLAMA_SOURCE_ADDRESS: '127.0.0.1',
      LLAMA_SOURCE_ADDRESS6: '::1',
      LLAMA_SOURCE_INTERFACE: 'eth0',
      LLAMA_SOURCE_PORTS: '4',
      LLAMA_SOURCE_BASE_PORT: '5000',
      LLAMA_API_LISTEN: '[::]:6000',
      LLAMA_API_TOKEN_FILE: 't',
      LLAMA_API_READ_TOKEN_FILE: 'r',
      LLAMA_API_WRITES: 'token',
      LLAMA_API_ALLOW_REMOTE_WRITES: 'true',
      LLAMA_API_TLS_CERT_FILE: 'c',
      LLAMA_API_TLS_KEY_FILE: 'k',
      LLAMA_API_ALLOWED_DIRECTORIES: '/d, /e',
      LLAMA_API_ALLOWED_URLS: 'http://a/,http://b/c',
      LLAMA_API_RATE_LIMIT: '7',
      LLAMA_API_BODY_LIMIT: '2048',
      LLAMA_API_MAX_STREAMS: '7',
      LLAMA_API_METRICS_MAX_TARGETS: '7',
      LLAMA_STATE_DIR: 's',
    };
    expect(Object.keys(values)).to.have.members(allOptions().map(({ option }) => option.env));
    expect(parseConfig('groups: {}', 'c.yaml', values)).to.deep.equal({
      collector: {
        name: 'n',
        intervalMs: 1000,
        workers: 2,
        retention: 3,
        timestamps: 'receive',
        probeMemoryBytes: 2_097_152,
        maxProbesPerSecond: 1000,
        historyMemoryBytes: 2 ** 20,
      },
      source: { address: '127.0.0.1', address6: '::1', interface: 'eth0', ports: 4, basePort: 5000 },
      api: {
        host: '::',
        port: 6000,
        tokenFile: 't',
        readTokenFile: 'r',
        writes: 'token',
        allowRemoteWrites: true,
        tls: { certFile: 'c', keyFile: 'k' },
        allowed: { directories: ['/d', '/e'], urls: ['http://a/', 'http://b/c'] },
        rateLimit: 7,
        bodyLimitBytes: 2048,
        maxStreams: 7,
        metricsMaxTargets: 7,
      },
      stateDir: 's',
      groups: [],
    });
  });
});

describe('llama collector --help', () => {
  const help = helpEnd(COMMAND_NOTES.collector).replaceAll(/\s+/g, ' ');

  for (const { name, option } of allOptions())
    it(`has ${name} with its meaning, unit, default and variable`, () => {
      expect(help).to.include(`${name} ${option.doc} ${option.unit} (default ${option.default}, ${option.env})`);
    });

  it('has a description with the default for every flag', () => {
    expect(overrideOption('listen', '<addr:port>')).to.deep.equal([
      '--listen <addr:port>',
      `api.listen: ${PROCESS_OPTIONS.api.listen.doc} (default 127.0.0.1:5000)`,
    ]);
    expect(overrideOption('stateDir', '<dir>')[0]).to.equal('--state-dir <dir>');
  });
});

describe('config/examples', () => {
  const files = readdirSync(new URL('examples/', FOLDER));
  /** Those that are in a form of Dropbox's LLAMA. */
  const FORMS: Readonly<Record<string, ConfigForm>> = { 'legacy-simple.yaml': 'simple', 'legacy-full.yaml': 'full' };

  it('find pods on clusters with IPv4, with IPv6 and with both', () => {
    const { groups } = loadConfigFile(new URL('examples/kubernetes.yaml', FOLDER).pathname).config;
    const { collectors } = loadScraperConfig(new URL('examples/scraper-fleet.yaml', FOLDER).pathname).config;
    const sources = [
      groups.find(({ name }) => name === 'pods')?.from,
      'from' in collectors ? collectors.from : undefined,
    ];
    for (const from of sources) expect(from).to.include({ kind: 'dns', type: 'A+AAAA' });
  });

  it('are there: eleven of the collector, with both forms of LLAMA, and four of the scraper', () => {
    expect(files).to.have.length(15);
    expect(files).to.include.members(['two-hosts.yaml', 'mesh-dns.yaml', 'kubernetes.yaml', ...Object.keys(FORMS)]);
  });

  const isScraper = (file: string): boolean => file.startsWith('scraper-');

  for (const file of files.filter(isScraper))
    it(`${file} loads and has a writer`, () => {
      const { config } = loadScraperConfig(new URL(`examples/${file}`, FOLDER).pathname);
      expect(config.writers).to.have.length.at.least(1);
      expect(config.stateDir).to.be.a('string');
    });

  it('of the scraper have every kind of writer and of collector', () => {
    const all = files
      .filter(isScraper)
      .map((file) => loadScraperConfig(new URL(`examples/${file}`, FOLDER).pathname).config);
    expect(new Set(all.flatMap(({ writers }) => writers.map(({ kind }) => kind)))).to.have.keys(
      'influx1',
      'influx2',
      'file',
    );
    expect(new Set(all.map(({ collectors }) => collectors.kind))).to.have.keys('listed', 'followed');
  });

  for (const file of files.filter((name) => !isScraper(name)))
    it(`${file} loads, has groups, and is valid for llama check and the collector`, async () => {
      const path = fileURLToPath(new URL(`examples/${file}`, FOLDER));
      try {
        const { config, form } = loadConfigFile(path);
        expect(form).to.equal(FORMS[file] ?? 'own');
        expect(config.groups).not.to.have.length(0);
        for (const { targets, from, name } of config.groups)
          if (from === undefined) expect(targets, name).not.to.have.length(0);
      } catch (error) {
        throw error instanceof LlamaError ? new Error(error.message, { cause: error }) : error;
      }
      const lines: string[] = [];
      const code = await check(path, {}, { out: (text) => lines.push(text), err: (text) => lines.push(text) });
      expect(code, lines.join('')).to.equal(0);
      expect(lines[0]).to.include(`${file} is valid`);
    });
});
