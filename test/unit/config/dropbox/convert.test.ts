import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type LoadedConfig, loadConfigFile, printConfig, readConfig } from '../../../../src/config/collector/config.js';
import { groupFigures } from '../../../../src/config/group/limits.js';

const EXAMPLES = new URL('../../../../../config/examples/', import.meta.url);

const FULL = `summarization: { interval: 30, handlers: 2 }
api: { bind: 0.0.0.0:5000 }
ports:
  plain: { ip: 10.0.0.9, port: 0, tos: 0, timeout: 1000 }
  voice: { ip: 10.0.0.9, port: 0, tos: 185, timeout: 1000 }
  slow: { ip: 10.0.0.9, port: 0, tos: 0x20, timeout: 5000 }
port_groups:
  both: [ { port: plain, count: 4 }, { port: voice, count: 2 } ]
  slow: [ { port: slow, count: 3 }, { port: slow, count: 1 }, { port: plain, count: 4 } ]
rate_limits: { r: { cps: 4.0 }, s: { cps: 0.5 } }
tests:
  - { targets: west, port_group: both, rate_limit: r }
  - { targets: west, port_group: slow, rate_limit: s }
targets:
  west:
    - { ip: 10.1.0.2, port: 8100, tags: { rack: 007, up: yes, v: 1.50, none: ~, text: "null" } }
    - { ip: 10.1.0.3, port: 8200 }
`;

const read = (text: string): LoadedConfig => readConfig(text, 'l.yaml', {});

function expectRoundTrip(loaded: LoadedConfig): void {
  const again = readConfig(printConfig(loaded, 'heading'), 'printed.yaml', {});
  expect(again.form).to.equal('own');
  expect(again.config).to.deep.equal(loaded.config);
}

describe("a configuration of Dropbox's LLAMA", () => {
  it('full form: ports, counts, TOS, timeouts and rates become groups, classes and source ports', () => {
    const { config, form } = read(FULL);
    expect(form).to.equal('full');
    expect(config.collector.intervalMs).to.equal(30_000);
    expect(config.source).to.deep.equal({
      address: '10.0.0.9',
      address6: '::',
      interface: null,
      ports: 4,
      basePort: 0,
    });
    expect(config.api).to.include({ host: '0.0.0.0', port: 5000 });
    expect(
      config.groups.map(({ name, periodNs, timeoutNs, classes, sourcePorts }) => ({
        name,
        periodMs: periodNs / 1e6,
        timeoutMs: timeoutNs / 1e6,
        classes: classes.map((one) => one.name),
        sourcePorts,
      })),
    ).to.deep.equal([
      { name: 'west-4ports', periodMs: 250, timeoutMs: 1000, classes: ['cs0'], sourcePorts: undefined },
      { name: 'west-2ports', periodMs: 250, timeoutMs: 1000, classes: ['ef'], sourcePorts: 2 },
      { name: 'west-5000ms', periodMs: 2000, timeoutMs: 5000, classes: ['cs1'], sourcePorts: undefined },
      { name: 'west-1000ms', periodMs: 2000, timeoutMs: 1000, classes: ['cs0'], sourcePorts: undefined },
    ]);
    // LLAMA's collector does not look at where a reply comes from.
    for (const group of config.groups)
      expect(group).to.include({ protocol: 'llama', payloadBytes: 1028, anySource: true });
  });

  it('tag values are the text that was written, null is empty', () => {
    const [target, other] = read(FULL).config.groups[0].targets;
    expect(target).to.deep.include({ address: '10.1.0.2', port: 8100 });
    expect(target.tags).to.deep.equal({ rack: '007', up: 'yes', v: '1.50', none: '', text: 'null' });
    expect(other).to.deep.include({ address: '10.1.0.3', port: 8200, tags: {} });
  });

  it('notes each part that is not carried over once, with its line', () => {
    const { notes } = read(FULL);
    const wanted = [
      /^probes are LLAMA's own .* its reflectors answer them as they are/,
      /^l\.yaml:1:32: \/summarization\/handlers: /,
      /^l\.yaml:5:40: \/ports\/voice\/tos: TOS 185 is DSCP 46 and ECN bits 01: the ECN bits are not carried over/,
    ];
    expect(notes).to.have.length(wanted.length);
    for (const [index, pattern] of wanted.entries()) expect(notes[index]).to.match(pattern);
  });

  for (const [what, from, to, note] of [
    ['a key that Go does not know', 'tos: 0,', 'tos: 0, dscp: 3,', /does not know the key "dscp"/],
    ['a misspelt key, with what was meant', 'api: { bind', 'api: { bnd: 1, bind', /did you mean "bind"\?/],
    [
      'a key that stands twice',
      'api: {',
      'api: {}\napi: {',
      /l\.yaml:3: found the key "api" a second time.*the last one counts$/,
    ],
    [
      'local addresses that differ',
      'slow: { ip: 10.0.0.9',
      'slow: { ip: 10.0.0.8',
      /\(10\.0\.0\.9, 10\.0\.0\.8\): the system chooses/,
    ],
    [
      'a fixed source port among others',
      'plain, count: 4 }, { port: v',
      'one, count: 1 }, { port: v',
      /source port 4000 is not carried over/,
    ],
    [
      'a target that stands twice',
      '10.1.0.3, port: 8200',
      '10.1.0.2, port: 8100',
      /10\.1\.0\.2 with port 8100 is in the list twice/,
    ],
    ['a target without a port', ', port: 8200', '', /no port: probed on 8100/],
    ['a port without a timeout', 'tos: 0x20, timeout: 5000', 'tos: 0x20', /\/ports\/slow: no timeout: 1000ms/],
    ['a count of 0 beside others', 'voice, count: 2', 'voice, count: 0', /count 0: there are no such source ports/],
    ['a count with a fraction', 'voice, count: 2', 'voice, count: 2.7', /found 2\.7, read as 2/],
    ['what no test uses', 'r: { cps: 4.0 },', 'r: { cps: 4.0 }, t: { cps: 1 },', /\/rate_limits\/t: no test uses this/],
    ['a name that no group can have', /west/g, 'west coast', /the group of this test is named "west-coast-4ports"/],
    ['an API without an address', 'bind: 0.0.0.0:5000', 'bnd: 1', /no api\.bind: the API is on 0\.0\.0\.0:5000/],
  ] as const)
    it(`full form: names ${what}`, () => {
      const text = FULL.replace('ports:\n', `ports:\n  one: { ip: 10.0.0.9, port: 4000, timeout: 1000 }\n`).replace(
        from,
        to,
      );
      const loaded = read(text);
      expect(loaded.notes.filter((line) => note.test(line))).to.have.length.at.least(1);
      expectRoundTrip(loaded);
    });

  it('full form: a test whose ports have different counts is probed from as many in each class, and says where that stands', () => {
    const { config } = read(FULL);
    const perSecond = config.groups.map((group) => [
      group.name,
      groupFigures(group, config.source.ports).probesPerSecond / group.targets.length,
    ]);
    expect(Object.fromEntries(perSecond)).to.deep.equal({
      'west-4ports': 16,
      'west-2ports': 8,
      'west-5000ms': 2,
      'west-1000ms': 2,
    });
    // An environment with fewer source ports: the line of the count is named.
    expect(() => readConfig(FULL, 'l.yaml', { LLAMA_SOURCE_PORTS: '1' })).to.throw(
      'l.yaml:8:60: /port_groups/both/1/count: found 2, expected at most the 1 source port of the collector',
    );
  });

  it('full form: fixed source ports are kept only where each test uses the first of them', () => {
    const ports = (b: string) =>
      FULL.replace(
        /^ports:[\s\S]*^rate_limits/m,
        `ports: { a: { port: 4000, timeout: 1000 }, b: { port: 4001, timeout: 1000 } }
port_groups: { both: [ { port: a, count: 1 }, { port: b, count: 1 } ], slow: [ { port: ${b}, count: 1 } ] }
rate_limits`,
      );
    const kept = read(ports('a'));
    expect(kept.config.source).to.include({ basePort: 4000, ports: 2 });
    expect(kept.config.groups.map(({ sourcePorts }) => sourcePorts)).to.deep.equal([undefined, 1]);
    const other = read(ports('b'));
    expect(other.config.source).to.include({ basePort: 0, ports: 2 });
    expect(other.notes.join('\n')).to.match(/source port 4001 is not carried over, because .* uses the first/);
  });

  it('addresses as Go writes them: brackets around IPv6, and localhost', () => {
    const text = FULL.replace('10.1.0.2', '"[2001:DB8::2]"').replace('10.1.0.3', 'localhost');
    const { config } = read(text.replaceAll('ip: 10.0.0.9', 'ip: "[::1]"'));
    expect(config.groups[0].targets.map(({ address }) => address)).to.deep.equal(['2001:db8::2', '127.0.0.1']);
    expect(config.source).to.include({ address: '0.0.0.0', address6: '::1' });
    const simple = read('"[2001:db8::1]": { a: b }\n');
    expect(simple.form).to.equal('simple');
    expect(simple.config.groups[0].targets[0]).to.include({ address: '2001:db8::1' });
  });

  it('full form: reports a problem of thousands of targets for the first three, with the number of the others', () => {
    const targets = Array.from({ length: 10_000 }, (_, i) => `    - { ip: 10.9.${i >> 8}.${i & 255} }\n`).join('');
    const text = FULL.replace(/ {4}- \{ ip: 10\.1[\s\S]*/, targets);
    const budget = { LLAMA_COLLECTOR_MAX_PROBES_PER_SECOND: '10000000' };
    const { config, notes } = readConfig(text, 'l.yaml', budget);
    expect(config.groups[0].targets).to.have.length(10_000);
    const said = notes.filter((note) => note.includes('no port: probed on 8100'));
    expect(said).to.have.length(4);
    expect(said[3]).to.match(/^9997 times more: no port/);
  });

  it('full form: fixed source ports that follow each other become the range', () => {
    const text = FULL.replace(
      /^ports:[\s\S]*^rate_limits/m,
      `ports: { a: { port: 4001 }, b: { port: 4000 } }
port_groups: { both: [ { port: a, count: 1 }, { port: b, count: 1 } ], slow: [ { port: a, count: 1 }, { port: b, count: 1 } ] }
rate_limits`,
    );
    expect(read(text).config.source).to.include({ basePort: 4000, ports: 2 });
  });

  it('full form: a name of localhost or none to listen on', () => {
    expect(read(FULL.replace('0.0.0.0:5000', 'localhost:80')).config.api).to.include({ host: '127.0.0.1', port: 80 });
    expect(read(FULL.replace('0.0.0.0:5000', '":81"')).config.api).to.include({ host: '::', port: 81 });
  });

  it("simple form: LLAMA's defaults, and addresses of both families", () => {
    const { config, form, notes, options } = read('10.0.0.1:\n  rack: 07\n  rack: 08\n2001:DB8::1:\n');
    expect(form).to.equal('simple');
    expect(config.collector.intervalMs).to.equal(30_000);
    expect(config.source.ports).to.equal(4);
    expect(config.api).to.include({ host: '0.0.0.0', port: 5000 });
    const [group] = config.groups;
    expect(group).to.include({ name: 'default', periodNs: 250_000_000, timeoutNs: 1_000_000_000, port: 8100 });
    expect(group.targets.map(({ address, tags }) => [address, tags])).to.deep.equal([
      ['10.0.0.1', { rack: '08' }],
      ['2001:db8::1', {}],
    ]);
    expect(notes.join('\n'))
      .to.match(/Python version's reflectors listen on 60000/)
      .and.match(/the last one counts/);
    expect(options.find(({ name }) => name === 'source.ports')?.from).to.equal("default of Dropbox's LLAMA");
  });

  it('environment and command line weigh more than it', () => {
    const { config, options } = readConfig(FULL, 'l.yaml', { LLAMA_SOURCE_PORTS: '9' }, { listen: '[::1]:1' });
    expect([config.source.ports, config.api.host]).to.deep.equal([9, '::1']);
    const from = Object.fromEntries(options.map((option) => [option.name, option.from]));
    expect(from).to.include({
      'source.ports': 'environment variable LLAMA_SOURCE_PORTS',
      'source.address': 'l.yaml:4',
      'collector.interval': 'l.yaml:1',
      'api.listen': 'command line --listen',
      stateDir: 'default',
    });
  });

  it('is told by its keys from our own form', () => {
    expect(read('api: { bind: 127.0.0.1:1 }').form).to.equal('full');
    expect(read('api: { listen: 127.0.0.1:1 }').form).to.equal('own');
    expect(read('tests: []').form).to.equal('full');
    expect(read('::1: {}').form).to.equal('simple');
    expect(() => read('colector: { name: a }')).to.throw('did you mean "collector"?');
    expect(() => read('groups: {}\ntests: []\n')).to.throw('/tests: found "tests", expected one of the keys');
  });
});

describe('printConfig', () => {
  for (const file of readdirSync(EXAMPLES).filter((name) => !name.startsWith('scraper-')))
    it(`writes ${file} in our own form, which loads to an equal config`, () => {
      expectRoundTrip(loadConfigFile(fileURLToPath(new URL(file, EXAMPLES))));
    });

  it('writes the values of environment and command line, and tags that look like other types', () => {
    const text =
      'groups: { g: { targets: [ { address: 10.0.0.1, tags: { a: "yes", b: "1", c: "~", d: "x: y # z" } } ] } }';
    const loaded = readConfig(text, 'c.yaml', { LLAMA_SOURCE_PORTS: '7' }, { stateDir: '/var/lib/llama' });
    expect(loaded.config.source.ports).to.equal(7);
    expectRoundTrip(loaded);
  });
});
