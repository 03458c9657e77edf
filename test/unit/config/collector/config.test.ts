import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { loadConfig, parseConfig } from '../../../../src/config/collector/config.js';
import type { ConfigOverrides, Environment } from '../../../../src/config/options/options.js';
import { usableCores } from '../../../../src/net/cpuQuota.js';

function failureOf(action: () => unknown): LlamaError {
  try {
    action();
  } catch (error) {
    if (error instanceof LlamaError) return error;
    throw error;
  }
  throw new Error('expected a LlamaError, got none');
}

function problemsOf(text: string, env: Environment = {}, overrides: ConfigOverrides = {}): string[] {
  return failureOf(() => parseConfig(text, 'c.yaml', env, overrides)).message.split('\n');
}

/** The options of access, as they are when nothing is said. */
const OPEN_API = {
  tokenFile: null,
  readTokenFile: null,
  writes: 'loopback',
  allowRemoteWrites: null,
  tls: null,
  allowed: { directories: [], urls: [] },
  rateLimit: 1000,
  bodyLimitBytes: 16 * 2 ** 20,
  maxStreams: 256,
  metricsMaxTargets: 2000,
};

describe('parseConfig', () => {
  it('fills in every default', () => {
    expect(parseConfig('groups: {}', 'c.yaml', {})).to.deep.equal({
      collector: {
        name: hostname(),
        intervalMs: 10_000,
        workers: Math.max(1, Math.min(16, usableCores() - 1)),
        retention: 60,
        timestamps: 'full',
        probeMemoryBytes: 256 * 2 ** 20,
        maxProbesPerSecond: 200_000,
        historyMemoryBytes: 32 * 2 ** 20,
      },
      source: { address: '0.0.0.0', address6: '::', interface: null, ports: 16, basePort: 0 },
      api: { host: '127.0.0.1', port: 5000, ...OPEN_API },
      stateDir: null,
      groups: [],
    });
  });

  it('accepts sections that are left empty, and a file without groups', () => {
    expect(parseConfig('collector:\nsource:\napi:\ngroups:\n', 'c.yaml', {}).groups).to.deep.equal([]);
    expect(parseConfig('collector: { name: a }', 'c.yaml', {}).groups).to.deep.equal([]);
  });

  it('reads every option in its unit', () => {
    const text = `
collector: { name: host-a, interval: 1m, workers: 3, retention: 5, timestamps: receive, probeMemory: 1048576 }
source: { address: 127.0.0.1, address6: "0:0::1", ports: 4, basePort: 65532 }
api:
  listen: "[::1]:0"
  tokenFile: token.txt
  readTokenFile: read.txt
  writes: token
  allowRemoteWrites: false
  tlsCertFile: cert.pem
  tlsKeyFile: key.pem
  allowedDirectories: [/etc/llama/targets, keys]
  allowedUrls: ["HTTPS://Inventory.example:443/a/../targets"]
  rateLimit: 0
  bodyLimit: 1MiB
  maxStreams: 0
stateDir: /var/lib/llama
`;
    expect(parseConfig(text, 'c.yaml', {})).to.deep.equal({
      collector: {
        name: 'host-a',
        intervalMs: 60_000,
        workers: 3,
        retention: 5,
        timestamps: 'receive',
        probeMemoryBytes: 1_048_576,
        maxProbesPerSecond: 200_000,
        historyMemoryBytes: 32 * 2 ** 20,
      },
      source: { address: '127.0.0.1', address6: '::1', interface: null, ports: 4, basePort: 65_532 },
      api: {
        host: '::1',
        port: 0,
        tokenFile: 'token.txt',
        readTokenFile: 'read.txt',
        writes: 'token',
        allowRemoteWrites: false,
        tls: { certFile: 'cert.pem', keyFile: 'key.pem' },
        allowed: { directories: ['/etc/llama/targets', 'keys'], urls: ['https://inventory.example/targets'] },
        rateLimit: 0,
        bodyLimitBytes: 1_048_576,
        maxStreams: 0,
        metricsMaxTargets: 2000,
      },
      stateDir: '/var/lib/llama',
      groups: [],
    });
  });

  it('weighs the file less than the environment, and the environment less than the command line', () => {
    const text = 'api: { listen: "127.0.0.1:1" }\nsource: { ports: 3 }\nstateDir: file';
    const env = { LLAMA_API_LISTEN: '127.0.0.1:2', LLAMA_SOURCE_PORTS: '5', LLAMA_STATE_DIR: 'env' };
    expect(parseConfig(text, 'c.yaml', {}).api.port).to.equal(1);
    const config = parseConfig(text, 'c.yaml', env);
    expect([config.api.port, config.source.ports, config.stateDir]).to.deep.equal([2, 5, 'env']);
    const overridden = parseConfig(text, 'c.yaml', env, { listen: '127.0.0.1:3', stateDir: 'arg' });
    expect([overridden.api.port, overridden.source.ports, overridden.stateDir]).to.deep.equal([3, 5, 'arg']);
  });

  it('takes an environment variable that is set but empty as not set', () => {
    expect(parseConfig('source: { ports: 3 }', 'c.yaml', { LLAMA_SOURCE_PORTS: '' }).source.ports).to.equal(3);
  });

  it('names the variable or the flag that a wrong value came from, and no line of the file', () => {
    expect(problemsOf('source: { ports: 3 }', { LLAMA_SOURCE_PORTS: '12abc' }, { listen: 'here' })).to.have.members([
      '/source/ports: found "12abc" in the environment variable LLAMA_SOURCE_PORTS, expected an integer from 1 to 4096',
      '/api/listen: found "here" for --listen, expected an IP address and a port from 0 to 65535, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000',
    ]);
  });

  it('shares settings among groups by an anchor', () => {
    const text = `
groups:
  a: &shared { period: 2s, targets: [10.0.0.1] }
  b: { <<: *shared, targets: [10.0.0.2] }
`;
    const [, b] = parseConfig(text, 'c.yaml', {}).groups;
    expect(b?.periodNs).to.equal(2_000_000_000);
    expect(b?.targets[0]?.address).to.equal('10.0.0.2');
  });

  it('reports every problem of a file, in the order of its lines', () => {
    const text = `collector:
  intervall: 10s
  interval: 10
  timestamps: fulll
source: { ports: 5000, address: "::1", address6: host.example }
api:
  listen: 5000
groups:
  we st: { targets: [10.0.0.1] }
  west:
    prot: 8100
    period: 1 sec
    port: 70000
    classes: [eff, ef, 46, 64]
    targets:
      - 10.0.0.1
      - { address: 10.0.0.2, prot: 3 }
      - { address: 10.0.0.2 }
      - host.example
      - { port: 1 }
  none:
collectr: 1
`;
    const port = 'a port, an integer from 1 to 65535, with tcp-syn from 0';
    expect(problemsOf(text)).to.deep.equal([
      'c.yaml:2:3: /collector/intervall: found "intervall", expected one of the keys name, interval, workers, retention, timestamps, probeMemory, maxProbesPerSecond, historyMemory; did you mean "interval"?',
      'c.yaml:3:13: /collector/interval: found 10, expected a duration in whole milliseconds, such as 500ms, 10s, 1m, from 100ms to 1h',
      'c.yaml:4:15: /collector/timestamps: found "fulll", expected full or receive',
      'c.yaml:5:18: /source/ports: found 5000, expected an integer from 1 to 4096',
      'c.yaml:5:33: /source/address: found "::1", expected an IPv4 address of this host, or 0.0.0.0',
      'c.yaml:5:50: /source/address6: found "host.example", expected an IPv6 address of this host, or "::"',
      'c.yaml:7:11: /api/listen: found 5000, expected an IP address and a port from 0 to 65535, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000',
      'c.yaml:9:3: /groups/we st: found the group name "we st", expected 1 to 64 letters, digits, dots, dashes and underscores, not dots and dashes alone',
      'c.yaml:11:5: /groups/west/prot: found "prot", expected one of the keys protocol, port, period, timeout, classes, payloadBytes, dontFragment, keyFile, tlvs, ecn, anySource, sourcePorts, sourceInterface, skipSelf, targets, fromFile, fromHttp, fromDns; did you mean "port"?',
      'c.yaml:12:13: /groups/west/period: found "1 sec", expected a duration such as 10ms, 1s, 5m, from 1ms to 1h',
      `c.yaml:13:11: /groups/west/port: found 70000, expected ${port}`,
      'c.yaml:14:15: /groups/west/classes/0: found "eff", expected a class such as cs0, af41, ef, or a DSCP from 0 to 63; did you mean "ef"?',
      'c.yaml:14:24: /groups/west/classes/2: found 46, whose DSCP 46 is already probed as "ef", expected every class once; remove one of the two',
      'c.yaml:14:28: /groups/west/classes/3: found 64, expected a class such as cs0, af41, ef, or a DSCP from 0 to 63',
      'c.yaml:17:30: /groups/west/targets/1/prot: found "prot", expected one of the keys address, port, tags; did you mean "port"?',
      'c.yaml:18:20: /groups/west/targets/2/address: found "10.0.0.2" with port 70000 a second time, expected every address and port once in a group; it is first at line 17: remove one of the two',
      'c.yaml:19:9: /groups/west/targets/3: found "host.example", expected an IPv4 or IPv6 address; host names are not resolved, because their address may change: look it up and write the address',
      'c.yaml:20:9: /groups/west/targets/4/address: found nothing, expected an IPv4 or IPv6 address',
      'c.yaml:21:8: /groups/none: found nothing, expected a map with targets, or a source of targets',
      'c.yaml:22:1: /collectr: found "collectr", expected one of the keys collector, source, api, stateDir, groups; did you mean "collector"?',
    ]);
  });

  it('carries line, column and pointer of a problem as data', () => {
    const { problems, code } = failureOf(() => parseConfig('groups:\n  a/b~: 3\n', 'c.yaml', {}));
    expect(code).to.equal('LLAMA_CONFIG_INVALID');
    expect(problems.map(({ path, line, column }) => ({ path, line, column }))).to.deep.equal([
      { path: '/groups/a~1b~0', line: 2, column: 3 },
      { path: '/groups/a~1b~0', line: 2, column: 9 },
    ]);
  });

  it('reports a key that occurs twice and the line of the first', () => {
    expect(problemsOf('groups: {}\nstateDir: a\nstateDir: b\n')).to.deep.equal([
      'c.yaml:3:1: /stateDir: found the key "stateDir" a second time, expected it once; it is first on line 2: remove one of the two',
    ]);
  });

  it('reports text that is not YAML, with its place', () => {
    const error = failureOf(() => parseConfig('groups:\n  a: [1, 2\nstateDir: x', 'c.yaml', {}));
    expect(error.code).to.equal('LLAMA_CONFIG_SYNTAX');
    expect(error.message).to.match(/^c\.yaml:3:1: found text that is not valid YAML, expected YAML 1\.2: /);
  });

  it('reports an alias without an anchor, aliases that would explode, and nesting without end as syntax', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) => `k${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}, `.repeat(10)}]`,
    ).join('\n');
    for (const text of ['groups: *none', bomb, '['.repeat(50_000)])
      expect(failureOf(() => parseConfig(text, 'c.yaml', {})).code).to.equal('LLAMA_CONFIG_SYNTAX');
  });

  it('refuses an empty file and says how to write one without groups', () => {
    for (const text of ['', '\n\n', '# only a comment\n', '---\n...\n', 'null'])
      expect(problemsOf(text)[0]).to.match(/^c\.yaml:\d+:\d+: found nothing, expected a map .* write "groups: \{\}"$/);
  });

  it('refuses anything but a map, at the top, for a section, for an option and for the groups', () => {
    expect(problemsOf('[1]')[0]).to.match(/found a list, expected a map with any of the keys/);
    expect(problemsOf('just text')[0]).to.match(/found text, expected a map/);
    expect(problemsOf('api: [1]')).to.deep.equal([
      'c.yaml:1:6: /api: found a list, expected a map with any of the keys listen, tokenFile, readTokenFile, writes, allowRemoteWrites, tlsCertFile, tlsKeyFile, allowedDirectories, allowedUrls, rateLimit, bodyLimit, maxStreams, metricsMaxTargets',
    ]);
    expect(problemsOf('collector: { interval: { a: 1 } }')[0]).to.match(
      /\/collector\/interval: found a map, expected a duration/,
    );
    expect(problemsOf('stateDir: { a: 1 }')[0]).to.match(/\/stateDir: found a map, expected the path of a directory/);
    expect(problemsOf('groups: [a]')[0]).to.match(/\/groups: found a list, expected a map from group names to groups/);
  });

  for (const [option, values] of Object.entries({
    'collector.name': ['""', '"a b"', '[]', '5'],
    'collector.interval': ['99ms', '61m', '1500us', '0.5ms', 'fast', 'true'],
    'collector.workers': ['0', '257', '1.5', 'many'],
    'collector.retention': ['0', '10001', '-1', '.nan', '.inf'],
    'collector.timestamps': ['none', 'true'],
    'collector.probeMemory': ['1KiB', '5GiB', '256MB', '1.1', '-5'],
    'source.address': ['224.0.0.1', '10.1', '255.255.255.255', '5'],
    'source.address6': ['"ff02::1"', '"2001:db8::1%eth0"', '"fe80::1"'],
    'source.interface': ['""', '"a/b"', '".."', 'sixteen-letters-', '5'],
    'source.basePort': ['65536', '-1', '80.5'],
    'api.listen': [
      '":5000"',
      '"127.0.0.1"',
      '"127.0.0.1:65536"',
      '"::1:5000"',
      '"[127.0.0.1]:5000"',
      '"localhost:5000"',
    ],
    'api.tokenFile': ['""', '5'],
    'api.readTokenFile': ['""', '5'],
    'api.writes': ['"local"', 'true', 'null', '""'],
    'api.allowRemoteWrites': ['"yes"', '1', '""'],
    'api.tlsCertFile': ['""', '5'],
    'api.tlsKeyFile': ['""', '5'],
    'api.rateLimit': ['-1', '1.5', '1000001', 'many'],
    'api.bodyLimit': ['1023', '2GiB', '16MB', 'null'],
    'api.maxStreams': ['-1', '10001', '1.5', 'all', 'null'],
    'api.allowedDirectories': ['1', 'true', '[""]', '[1]', '{}'],
    'api.allowedUrls': ['[/targets]', '["ftp://a/"]', '["http://u:p@a/"]', '["http://a/?b"]', '["http://a/b%2fc"]'],
    'api.metricsMaxTargets': ['-1', '65536', '1.5', 'all', 'null'],
  }))
    it(`refuses impossible values of ${option}`, () => {
      const [section = '', key = ''] = option.split('.');
      for (const value of values) {
        const problems = problemsOf(`${section}: { ${key}: ${value} }`);
        expect(problems, value).to.have.length(1);
        expect(problems[0]).to.match(new RegExp(`^c\\.yaml:1:\\d+: /${section}/${key}: found .*, expected `));
      }
    });

  it('refuses source ports beyond the last port, and more threads than source ports', () => {
    expect(problemsOf('source: { basePort: 65530, ports: 7 }')[0]).to.match(
      /^c\.yaml:1:21: \/source\/basePort: .* end at 65536/,
    );
    expect(parseConfig('source: { basePort: 65530, ports: 6 }', 'c.yaml', {}).source.basePort).to.equal(65_530);
    expect(problemsOf('collector: { workers: 5 }\nsource: { ports: 4 }')[0]).to.match(
      /at most one thread for each of the 4 source ports/,
    );
  });

  it('refuses options of access that leave a door open, and says how to shut it', () => {
    for (const [text, says] of [
      [
        'api: { allowRemoteWrites: true }',
        /^c\.yaml:1:27: \/api\/allowRemoteWrites: found true without api\.tokenFile, .*; set api\.tokenFile to a file/,
      ],
      ['api: { readTokenFile: r }', /\/api\/readTokenFile: found a token for reading but none for changes, .*; set it/],
      ['api: { tlsCertFile: c }', /\/api\/tlsCertFile: found it without api\.tlsKeyFile, .* set api\.tlsKeyFile too/],
      ['api: { tlsKeyFile: k }', /\/api\/tlsKeyFile: found it without api\.tlsCertFile, .* set api\.tlsCertFile too/],
    ] as const) {
      const problems = problemsOf(text);
      expect(problems).to.have.length(1);
      expect(problems[0]).to.match(says);
    }
  });

  it('names the line of the group with which the plan becomes too large', () => {
    const group = '{ period: 1ms, timeout: 60s, targets: [10.0.0.1, 10.0.0.2, 10.0.0.3] }';
    const error = failureOf(() => parseConfig(`groups:\n  a: ${group}\n  b: ${group}\n  c: ${group}\n`, 'c.yaml', {}));
    expect(error.code).to.equal('LLAMA_PLAN_TOO_LARGE');
    expect(error.message).to.match(
      /^c\.yaml:3:3: \/groups\/b: found a need of 384MiB .* expected at most 256MiB; shorten/,
    );
    expect(error.problems).to.have.length(1);
  });
});

describe('loadConfig', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('says why a file cannot be read', () => {
    const binary = join(folder, 'binary.yaml');
    writeFileSync(binary, Buffer.from([0x67, 0xff, 0xfe]));
    for (const [file, why] of [
      [join(folder, 'missing.yaml'), /there is no such file/],
      [folder, /it is a directory/],
      [binary, /it is not UTF-8 text/],
    ] as const) {
      const error = failureOf(() => loadConfig(file));
      expect(error.code).to.equal('LLAMA_CONFIG_UNREADABLE');
      expect(error.message).to.match(why);
      expect(error.message.startsWith(`${file}: `)).to.equal(true);
      expect(error.cause).not.to.equal(undefined);
    }
  });

  it('reads a file, with a byte order mark or Windows line ends too', () => {
    const file = join(folder, 'windows.yaml');
    writeFileSync(file, '\uFEFFcollector:\r\n  name: host-w\r\n');
    expect(loadConfig(file, { listen: '127.0.0.1:7' })).to.deep.include({
      api: { host: '127.0.0.1', port: 7, ...OPEN_API },
    });
    expect(loadConfig(file).collector.name).to.equal('host-w');
  });
});
