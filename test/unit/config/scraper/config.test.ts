/** Configs of `llama scraper`: what they mean, and what is told of wrong ones, and where. */

import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type ErrorCode, LlamaError } from '../../../../src/base/errors.js';
import { COMMAND_NOTES, helpEnd } from '../../../../src/cli/shared/commandNotes.js';
import { parseConfig, readConfig } from '../../../../src/config/collector/config.js';
import { namedOptions, type OptionTable } from '../../../../src/config/options/optionSources.js';
import { parseScraperConfig, printScraperConfig } from '../../../../src/config/scraper/config.js';
import { CollectorSchema, CollectorSourceSchema, WRITER_SCHEMAS } from '../../../../src/config/scraper/listSchema.js';
import { SCRAPER_OPTIONS } from '../../../../src/config/scraper/schema.js';

const LISTS = 'collectors: ["http://10.1.0.2:5000"]\nwriters: []\n';
const TEXT = readFileSync(new URL('../../../../../config/scraper.yaml', import.meta.url), 'utf8');
const OPTIONS = namedOptions(SCRAPER_OPTIONS as OptionTable);

const configOf = (text: string, env: Record<string, string> = {}) => parseScraperConfig(text, 's.yaml', env).config;

describe("a scraper's config", () => {
  it('has the configured values', () => {
    const text = `
scraper: { listen: "127.0.0.1:5050", matrixHours: 6 }
stateDir: /var/lib/llama-scraper
collectors: [ { url: "http://10.1.0.2:5000/", tokenFile: null }, { url: "http://old-host", kind: llama, interval: 10s }, "https://[::1]:5000/a/" ]
writers:
  - { kind: influx2, url: "http://127.0.0.1:8086", org: netops, bucket: llama, tokenFile: /etc/llama/influx.token }
  - { kind: influx1, url: "http://127.0.0.1:8086", database: llama, user: null, passwordFile: null, retentionPolicy: null, layout: llama-legacy }
  - { kind: file, dir: /var/spool/llama, maxSize: 1MiB, maxAge: 10m, keep: 3 }
`;
    const http = { url: 'http://127.0.0.1:8086', batchPoints: 5000, timeoutMs: 10_000, gzip: true };
    expect(configOf(text)).to.deep.equal({
      scraper: {
        ...{ matrixHours: 6, matrixMemoryBytes: 2 ** 28, concurrency: 16, spoolBytes: 2 ** 30 },
        ...{ connectTimeoutMs: 5000, headerTimeoutMs: 10_000, timeoutMs: 30_000, readyCollectors: 0, readyWriters: 0 },
      },
      api: {
        ...{
          host: '127.0.0.1',
          port: 5050,
          tokenFile: null,
          readTokenFile: null,
          writes: 'loopback',
          allowRemoteWrites: null,
        },
        ...{ tls: null, rateLimit: 1000 },
      },
      stateDir: '/var/lib/llama-scraper',
      collectors: {
        kind: 'listed',
        collectors: [
          { url: 'http://10.1.0.2:5000', kind: 'collector', tokenFile: null, intervalMs: 30_000 },
          { url: 'http://old-host', kind: 'llama', tokenFile: null, intervalMs: 10_000 },
          { url: 'https://[::1]:5000/a', kind: 'collector', tokenFile: null, intervalMs: 30_000 },
        ],
      },
      writers: [
        {
          kind: 'influx2',
          org: 'netops',
          bucket: 'llama',
          tokenFile: '/etc/llama/influx.token',
          layout: 'llama',
          ...http,
        },
        { kind: 'influx1', database: 'llama', layout: 'llama-legacy', ...http },
        { kind: 'file', dir: '/var/spool/llama', layout: 'llama', maxBytes: 2 ** 20, maxAgeMs: 600_000, keep: 3 },
      ],
    });
  });

  it('may have its collectors from a source', () => {
    const { collectors } = configOf(
      'collectors: { fromDns: { name: llama.example.net, type: SRV }, scheme: https, port: 5001, tokenFile: t }\nwriters: []\n',
    );
    expect(collectors).to.deep.equal({
      ...{ kind: 'followed', scheme: 'https', port: 5001 },
      from: { kind: 'dns', name: 'llama.example.net', type: 'SRV', refreshMs: null, allowEmpty: false },
      access: { kind: 'collector', tokenFile: 't', intervalMs: 30_000 },
    });
  });

  it('warns of each URL of a collector without a port, and of no other', () => {
    const text = `
collectors: [ "http://10.1.0.2", { url: "https://c.example/llama/" }, "http://[::1]", "http://10.1.0.3:80", "http://[::2]:5000/a", "https://b.example:443" ]
writers: []
`;
    const warning = (url: string, asked: number, meant: string, asIs: string): string =>
      `the collector ${url} has no port, so the scraper asks port ${asked}, and collectors listen on 5000 by default; write ${meant}, or ${asIs} if that is meant`;
    expect(parseScraperConfig(text, 's.yaml', {}).warnings).to.deep.equal([
      warning('http://10.1.0.2', 80, 'http://10.1.0.2:5000', 'http://10.1.0.2:80'),
      warning('https://c.example/llama/', 443, 'https://c.example:5000/llama', 'https://c.example:443/llama'),
      warning('http://[::1]', 80, 'http://[::1]:5000', 'http://[::1]:80'),
    ]);
  });

  for (const [written, remedy] of [
    ['10.1.0.2', 'http://10.1.0.2:5000'],
    ['10.1.0.2:5001', 'http://10.1.0.2:5001'],
  ])
    it(`says with which port the collector ${written} is to be written`, () => {
      expect(() => configOf(`collectors: ["${written}"]\nwriters: []\n`)).to.throw(
        `expected a URL such as http://10.1.0.2:5000; write ${remedy}`,
      );
    });

  it('weighs file, environment and command line in this order', () => {
    const file = `scraper: { listen: "127.0.0.1:1", concurrency: 3 }\n${LISTS}`;
    const env = { LLAMA_SCRAPER_LISTEN: '127.0.0.1:2', LLAMA_SCRAPER_SPOOL_SIZE: '2097152', LLAMA_STATE_DIR: '/e' };
    const { config, options } = parseScraperConfig(file, 's.yaml', env, { listen: '127.0.0.1:3' });
    expect([config.api.port, config.scraper.concurrency, config.scraper.spoolBytes]).to.deep.equal([3, 3, 2_097_152]);
    const from = Object.fromEntries(options.map((option) => [option.name, option.from]));
    expect(from).to.include({
      'scraper.listen': 'command line --listen',
      'scraper.concurrency': 's.yaml:1',
      'scraper.timeout': 'default',
      stateDir: 'environment variable LLAMA_STATE_DIR',
    });
  });

  it('is the same after it was printed', () => {
    for (const text of [
      `${LISTS}scraper: { spoolSize: 1500000 }`,
      'collectors: { fromFile: { path: a }, kind: llama, interval: 10s }\nwriters: [ { kind: file, dir: d, maxSize: 100000 } ]',
      'collectors: [ { url: "http://a", kind: llama } ]\nwriters: [ { kind: influx1, url: "http://a", database: d, user: u, passwordFile: p }, { kind: influx2, url: "http://a", org: o, bucket: b } ]',
    ]) {
      const loaded = parseScraperConfig(text, 's.yaml', { LLAMA_SCRAPER_CONCURRENCY: '7' });
      expect(configOf(printScraperConfig(loaded, 'x'))).to.deep.equal(loaded.config);
    }
  });
});

interface Bad {
  readonly name: string;
  readonly text: string;
  readonly line: number;
  readonly column?: number;
  readonly path: string;
  readonly says: RegExp;
  readonly code?: ErrorCode;
}

const collectors = (text: string): string => `writers: []\ncollectors: ${text}\n`;
const writers = (text: string): string => `collectors: ["http://a"]\nwriters:\n  - ${text}\n`;
const influx2 = (more: string): string => writers(`{ kind: influx2, url: "http://a", org: o, bucket: b, ${more} }`);
const file = (more: string): string => writers(`{ kind: file, dir: d, ${more} }`);

const BAD: readonly Bad[] = [
  { name: 'no YAML', text: 'collectors: [', code: 'LLAMA_CONFIG_SYNTAX', line: 1, path: '', says: /not valid YAML/ },
  {
    name: 'nothing',
    text: '',
    line: 1,
    path: '',
    says: /found nothing, expected one of llama scraper, a map with the keys/,
  },
  {
    name: "a collector's config",
    text: 'groups: {}',
    line: 1,
    path: '',
    says: /found a config of llama collector.*start it with llama collector/,
  },
  { name: 'an unknown key', text: `${LISTS}writer: []`, line: 3, path: '/writer', says: /did you mean "writers"\?/ },
  {
    name: 'an unknown option',
    text: `${LISTS}scraper:\n  listn: x`,
    line: 4,
    path: '/scraper/listn',
    says: /did you mean "listen"\?/,
  },
  {
    name: 'a key twice',
    text: `${LISTS}writers: []`,
    line: 3,
    path: '/writers',
    says: /a second time.*first on line 2/,
  },
  {
    name: 'an address without a port',
    text: `${LISTS}scraper: { listen: 127.0.0.1 }`,
    line: 3,
    path: '/scraper/listen',
    says: /found "127.0.0.1", expected an IP address and a port from 0 to 65535/,
  },
  {
    name: 'too many hours',
    text: `${LISTS}scraper: { matrixHours: 1000 }`,
    line: 3,
    path: '/scraper/matrixHours',
    says: /expected an integer from 0 to 168/,
  },
  {
    name: 'no amount',
    text: `${LISTS}scraper: { matrixMemory: 1GB }`,
    line: 3,
    path: '/scraper/matrixMemory',
    says: /found "1GB", expected an amount such as 256MiB/,
  },
  {
    name: 'a small spool',
    text: `${LISTS}scraper: { spoolSize: 1KiB }`,
    line: 3,
    path: '/scraper/spoolSize',
    says: /from 1MiB to 1024GiB/,
  },
  {
    name: 'no concurrency',
    text: `${LISTS}scraper: { concurrency: 0 }`,
    line: 3,
    path: '/scraper/concurrency',
    says: /an integer from 1 to 1000/,
  },
  {
    name: 'a time without unit',
    text: `${LISTS}scraper: { timeout: 30 }`,
    line: 3,
    path: '/scraper/timeout',
    says: /found 30, expected a duration/,
  },
  {
    name: 'a long time',
    text: `${LISTS}scraper: { connectTimeout: 1h }`,
    line: 3,
    path: '/scraper/connectTimeout',
    says: /from 100ms to 10m/,
  },
  {
    name: 'half of TLS',
    text: `${LISTS}scraper: { tlsKeyFile: k }`,
    line: 3,
    path: '/scraper/tlsKeyFile',
    says: /found it without scraper.tlsCertFile/,
  },
  {
    name: 'remote changes without a token',
    text: `${LISTS}scraper: { allowRemoteWrites: true }`,
    line: 3,
    path: '/scraper/allowRemoteWrites',
    says: /without scraper.tokenFile/,
  },
  {
    name: 'no collectors',
    text: 'writers: []',
    line: 1,
    path: '/collectors',
    says: /found nothing, expected a list of URLs and of maps/,
  },
  { name: 'an empty list', text: collectors('[]'), line: 2, path: '/collectors', says: /at least one collector/ },
  {
    name: 'text for collectors',
    text: collectors('http://a'),
    line: 2,
    path: '/collectors',
    says: /found text, expected a list/,
  },
  {
    name: 'one collector without a list',
    text: collectors('{ url: "http://a" }'),
    line: 2,
    path: '/collectors',
    says: /write \[ \{ url: "http:\/\/a" \} \]/,
  },
  {
    name: 'a number for a collector',
    text: collectors('[1]'),
    line: 2,
    column: 14,
    path: '/collectors/0',
    says: /found 1, expected a URL, or a map with url/,
  },
  {
    name: 'a collector without a URL',
    text: collectors('[{ kind: llama }]'),
    line: 2,
    path: '/collectors/0/url',
    says: /found nothing, expected a URL such as/,
  },
  {
    name: 'an address for a URL',
    text: collectors('["10.1.0.2:5000"]'),
    line: 2,
    path: '/collectors/0',
    says: /write http:\/\/10.1.0.2:5000/,
  },
  {
    name: 'a secret behind a host name',
    text: collectors('["h?token=abc"]'),
    line: 2,
    path: '/collectors/0',
    says: /found "h\?…", expected a URL such as [^;]*$/,
  },
  {
    name: 'another protocol',
    text: collectors('["ftp://a"]'),
    line: 2,
    path: '/collectors/0',
    says: /found "ftp:\/\/a", expected a URL such as http:/,
  },
  {
    name: 'a password',
    text: collectors('["http://u:hidden@a"]'),
    line: 2,
    path: '/collectors/0',
    says: /found "http:\/\/…@a", .*put a token into a file/,
  },
  {
    name: 'a query',
    text: collectors('["http://a/?x"]'),
    line: 2,
    path: '/collectors/0',
    says: /without what follows "\?"/,
  },
  {
    name: 'a collector with a path of its API',
    text: 'collectors:\n  - http://a:5000/v1/results\nwriters: []',
    line: 2,
    path: '/collectors/0',
    says: /without \/v1\/results; write http:\/\/a:5000$/,
  },
  {
    name: 'a collector twice',
    text: collectors('\n  - http://a:80/\n  - { url: http://a }'),
    line: 4,
    column: 12,
    path: '/collectors/1/url',
    says: /a second time.*first at line 3/,
  },
  {
    name: 'an unknown kind',
    text: collectors('[{ url: "http://a", kind: lama }]'),
    line: 2,
    path: '/collectors/0/kind',
    says: /did you mean "llama"\?/,
  },
  {
    name: 'an interval for our own',
    text: collectors('[{ url: "http://a", interval: 10s }]'),
    line: 2,
    path: '/collectors/0/interval',
    says: /tells its own; remove it, or write kind: llama/,
  },
  {
    name: 'a short interval',
    text: collectors('[{ url: "http://a", kind: llama, interval: 1ms }]'),
    line: 2,
    path: '/collectors/0/interval',
    says: /from 1s to 1h/,
  },
  {
    name: 'a token in the place of its file',
    text: collectors('[{ url: "http://a", token: x }]'),
    line: 2,
    path: '/collectors/0/token',
    says: /did you mean "tokenFile"|one of the keys url, kind, tokenFile/,
  },
  {
    name: 'two sources',
    text: collectors('{ fromFile: { path: a }, fromDns: { name: a } }'),
    line: 2,
    path: '/collectors/fromDns',
    says: /found fromDns beside fromFile/,
  },
  {
    name: 'no source',
    text: collectors('{ port: 1 }'),
    line: 2,
    path: '/collectors',
    says: /found none of fromFile, fromHttp, fromDns/,
  },
  {
    name: 'a slip in a source',
    text: collectors('{ formFile: { path: a } }'),
    line: 2,
    path: '/collectors/formFile',
    says: /did you mean "fromFile"\?/,
  },
  {
    name: 'a wrong source',
    text: collectors('{ fromHttp: { url: x } }'),
    line: 2,
    path: '/collectors/fromHttp/url',
    says: /found "x", expected a URL/,
  },
  {
    name: 'a source without a path',
    text: collectors('{ fromFile: {} }'),
    line: 2,
    path: '/collectors/fromFile/path',
    says: /found nothing, expected a path/,
  },
  {
    name: 'an unknown scheme',
    text: collectors('{ fromFile: { path: a }, scheme: htps }'),
    line: 2,
    path: '/collectors/scheme',
    says: /did you mean "https"\?/,
  },
  {
    name: 'a wrong port',
    text: collectors('{ fromFile: { path: a }, port: 70000 }'),
    line: 2,
    path: '/collectors/port',
    says: /found 70000, expected a port/,
  },
  {
    name: 'no writers',
    text: 'collectors: ["http://a"]',
    line: 1,
    path: '/writers',
    says: /\[\] when nothing is to be written/,
  },
  {
    name: 'a map for writers',
    text: 'collectors: ["http://a"]\nwriters: { kind: file }',
    line: 2,
    path: '/writers',
    says: /found a map, expected a list of writers/,
  },
  {
    name: 'text for a writer',
    text: writers('file'),
    line: 3,
    path: '/writers/0',
    says: /found text, expected a map with kind/,
  },
  {
    name: 'no kind',
    text: writers('{ dir: d }'),
    line: 3,
    path: '/writers/0/kind',
    says: /found nothing, expected one of influx2, influx1, file/,
  },
  {
    name: 'another kind',
    text: writers('{ kind: influx }'),
    line: 3,
    path: '/writers/0/kind',
    says: /did you mean "influx/,
  },
  {
    name: 'no bucket',
    text: writers('{ kind: influx2, url: "http://a", org: o }'),
    line: 3,
    path: '/writers/0/bucket',
    says: /found nothing, expected a name/,
  },
  {
    name: 'no database',
    text: writers('{ kind: influx1, url: "http://a" }'),
    line: 3,
    path: '/writers/0/database',
    says: /found nothing, expected a name/,
  },
  {
    name: 'a number for a name',
    text: writers('{ kind: influx2, url: "http://a", org: 1, bucket: b }'),
    line: 3,
    path: '/writers/0/org',
    says: /found 1, expected a name/,
  },
  {
    name: 'a database without http',
    text: writers('{ kind: influx1, url: "db:8086", database: d }'),
    line: 3,
    path: '/writers/0/url',
    says: /write http:\/\/db:8086/,
  },
  {
    name: 'a password in a database',
    text: writers('{ kind: influx1, url: "http://u:hidden@a", database: d }'),
    line: 3,
    path: '/writers/0/url',
    says: /found "http:\/\/…@a", .*use user and passwordFile/,
  },
  {
    name: 'a password without a user',
    text: writers('{ kind: influx1, url: "http://a", database: d, passwordFile: p }'),
    line: 3,
    path: '/writers/0/passwordFile',
    says: /without user/,
  },
  {
    name: 'a key of another kind',
    text: influx2('database: d'),
    line: 3,
    path: '/writers/0/database',
    says: /one of the keys kind, url, org, bucket/,
  },
  {
    name: 'an unknown layout',
    text: influx2('layout: legacy'),
    line: 3,
    path: '/writers/0/layout',
    says: /expected llama or llama-legacy/,
  },
  {
    name: 'no batch',
    text: influx2('batchPoints: 0'),
    line: 3,
    path: '/writers/0/batchPoints',
    says: /found 0, expected an integer from 1/,
  },
  {
    name: 'a short time for a database',
    text: influx2('timeout: 1ms'),
    line: 3,
    path: '/writers/0/timeout',
    says: /from 100ms to 10m/,
  },
  {
    name: 'text for a switch',
    text: influx2('gzip: "yes"'),
    line: 3,
    path: '/writers/0/gzip',
    says: /expected true or false/,
  },
  {
    name: 'small files',
    text: file('maxSize: 1KiB'),
    line: 3,
    path: '/writers/0/maxSize',
    says: /found "1KiB", expected an amount such as 64MiB/,
  },
  { name: 'short-lived files', text: file('maxAge: 1ms'), line: 3, path: '/writers/0/maxAge', says: /from 1s to 168h/ },
  {
    name: 'half a file',
    text: file('keep: 0.5'),
    line: 3,
    path: '/writers/0/keep',
    says: /an integer from 0 to 1000000/,
  },
  {
    name: 'a writer twice',
    text: writers('{ kind: file, dir: d }\n  - { kind: file, dir: d, keep: 1 }'),
    line: 4,
    path: '/writers/1',
    says: /second writer to the same place \(file d\).*line 3/,
  },
  {
    name: 'a database twice, written otherwise',
    text: writers(
      '{ kind: influx1, url: "http://h:8086", database: d }\n  - { kind: influx1, url: "http://H:8086/", database: d }',
    ),
    line: 4,
    path: '/writers/1',
    says: /second writer to the same place \(influx1 http:\/\/h:8086 d\).*line 3/,
  },
];

describe("a wrong scraper's config", () => {
  for (const { name, text, line, column, path, says, code = 'LLAMA_CONFIG_INVALID' } of BAD)
    it(`with ${name} is refused, with place and remedy`, () => {
      let error: unknown;
      try {
        configOf(text);
      } catch (thrown) {
        error = thrown;
      }
      if (!(error instanceof LlamaError)) throw new Error(`expected an error, found ${String(error)}`);
      expect(error.code).to.equal(code);
      expect(error.problems, error.message).to.have.length(1);
      expect(error.problems[0].path).to.equal(path);
      expect(error.problems[0].message).to.match(says);
      expect(error.problems[0].line).to.equal(line);
      if (column !== undefined) expect(error.problems[0].column).to.equal(column);
      expect(error.message).not.to.include('hidden');
    });

  for (const url of [
    'http://u:hidden@a/?x',
    'http://u:hidden@a/#x',
    'http://a/?token=hidden',
    'ftp://u:hidden@a',
    'http://u:hidden@a:99999',
    'http://u:hid/hidden@a:99999/b',
    'u:hidden@a',
  ])
    it(`never shows a possible secret in ${url}`, () => {
      const written = JSON.stringify(url);
      for (const text of [
        collectors(`[${written}]`),
        collectors(`{ url: ${written} }`),
        collectors(`{ fromHttp: { url: ${written} } }`),
        writers(`{ kind: influx1, url: ${written}, database: d }`),
      ])
        try {
          parseScraperConfig(text, 'scraper.yaml', {});
        } catch (error) {
          if (!(error instanceof LlamaError)) throw error;
          expect(error.message)
            .to.match(/: found /)
            .and.not.include('hidden');
        }
    });

  it('is told all of it at once, in the order of the file', () => {
    const text = `scraper: { timeout: 1 }\ncollectors: [1, "x y"]\nwriters: [ { kind: file }, { kind: x } ]\n`;
    try {
      configOf(text);
      expect.fail('it was taken');
    } catch (error) {
      expect((error as LlamaError).problems.map(({ line }) => line)).to.deep.equal([1, 2, 2, 3, 3]);
    }
  });

  it('names the variable or the option that a wrong value came from', () => {
    expect(() => configOf(LISTS, { LLAMA_SCRAPER_TIMEOUT: '5' })).to.throw(
      /in the environment variable LLAMA_SCRAPER_TIMEOUT/,
    );
    expect(() => parseScraperConfig(LISTS, 's', {}, { listen: 'x' })).to.throw(/found "x" for --listen/);
  });

  it('names a variable that is nearly one of its own; those of a collector may be set too', () => {
    expect(() => configOf(LISTS, { LLAMA_SCRAPER_TIMOUT: '5s' })).to.throw(/did you mean LLAMA_SCRAPER_TIMEOUT\?/);
    const env = { LLAMA_SCRAPER_COLOUR: 'red', LLAMA_SOURCE_PORTS: '3' };
    const { warnings } = parseScraperConfig(LISTS, 's.yaml', env);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/LLAMA_SCRAPER_COLOUR, expected one of those that "llama help scraper" lists/);
    expect(readConfig('groups: {}', 'c.yaml', { LLAMA_SCRAPER_TIMEOUT: '5s' }).warnings).to.deep.equal([]);
  });

  it('given to llama collector is told from a wrong one of its own', () => {
    expect(() => parseConfig(LISTS, 's.yaml', {})).to.throw(
      /found a config of llama scraper.*start it with llama scraper --config/,
    );
    expect(() => parseConfig('collectors: {}\ngroups: {}', 's.yaml', {})).to.throw(/did you mean "collector"\?/);
  });
});

describe('config/scraper.yaml', () => {
  const shown: Record<string, unknown> = parse(TEXT);

  it('has every process option with its default, and no other', () => {
    const options = Object.fromEntries(
      Object.entries(SCRAPER_OPTIONS.scraper).map(([key, option]) => [key, option.default]),
    );
    expect(shown.scraper).to.deep.equal(options);
    expect(shown.stateDir).to.equal(SCRAPER_OPTIONS.stateDir.default);
    for (const { option } of OPTIONS) expect(TEXT).to.match(new RegExp(`\\b${option.env}\\b`));
  });

  it('loads as it is', () => {
    expect(configOf(TEXT).writers).to.have.length(1);
  });

  /** What follows a heading in the comments, ready to be uncommented. */
  const example = (from: string, to: string): unknown => {
    const text = TEXT.slice(TEXT.indexOf(from), to === '' ? undefined : TEXT.indexOf(to, TEXT.indexOf(from)));
    return parse(text.replaceAll(/^# ?/gm, ''));
  };

  it('shows a collector with every option', () => {
    const { collectors: list } = example('# collectors:\n#   - url', '#\n# Or') as {
      collectors: Record<string, unknown>[];
    };
    expect(Object.keys(list[0])).to.have.members(Object.keys(CollectorSchema.properties));
    expect(configOf(JSON.stringify({ collectors: list, writers: [] })).collectors.kind).to.equal('listed');
  });

  it('shows a source of collectors with every option, and writers of every kind with every option and its default', () => {
    const { collectors: source } = example('# collectors:\n#   fromFile', '\nwriters') as { collectors: object };
    const keys = Object.keys(CollectorSourceSchema.properties).filter((key) => !/^from(Http|Dns)$/.test(key));
    expect(Object.keys(source)).to.have.members(keys);
    expect(configOf(JSON.stringify({ collectors: source, writers: [] })).collectors.kind).to.equal('followed');
    const { writers: all } = example('# writers:\n', '') as { writers: Record<string, unknown>[] };
    expect(configOf(JSON.stringify({ collectors: ['http://a'], writers: all })).writers).to.have.length(3);
    for (const writer of all) {
      const { properties } = WRITER_SCHEMAS[writer.kind as 'file'];
      expect(Object.keys(writer)).to.have.members(Object.keys(properties));
      for (const [key, schema] of Object.entries(properties)) {
        const standard: unknown = Reflect.get(schema, 'default');
        if (standard !== undefined && standard !== null) expect(writer[key], key).to.equal(standard);
      }
    }
  });
});

describe('the options of a scraper', () => {
  const help = helpEnd(COMMAND_NOTES.scraper).replaceAll(/\s+/g, ' ');
  for (const { name, option } of OPTIONS)
    it(`${name}: its default is valid, its variable has its name, and --help has it`, () => {
      expect(option.parse(option.default)).not.to.equal(undefined);
      expect(option.env).to.equal(
        `LLAMA_${name
          .replace('.', '_')
          .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
          .toUpperCase()}`,
      );
      expect(option.doc).to.match(/\.$/);
      expect(help).to.include(`${name} ${option.doc} ${option.unit} (default ${option.default}, ${option.env})`);
    });
});
