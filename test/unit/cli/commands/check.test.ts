import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CheckOptions, check } from '../../../../src/cli/commands/check.js';
import type { PortSettings } from '../../../../src/net/portRange.js';

describe('llama check', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-check-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => {
    for (const name of ['PORTS', 'PORT']) delete process.env[`LLAMA_SOURCE_${name}`];
    delete process.env.LLAMA_CLOUD_KEY;
  });

  /** Of a host that keeps no ports for itself. */
  const noRange: PortSettings = { range: '1 0\n', reserved: '\n' };

  async function run(text: string, options: CheckOptions = {}, settings = noRange) {
    const file = join(folder, 'c.yaml');
    writeFileSync(file, text);
    let out = '';
    let err = '';
    const output = {
      out: (more: string) => {
        out += more;
      },
      err: (more: string) => {
        err += more;
      },
    };
    const code = await check(file, options, output, () => settings);
    return { code, out, err, file };
  }

  it('prints the meaning of the config and the origin of each value', async () => {
    process.env.LLAMA_SOURCE_PORTS = '4';
    const { code, out, err, file } = await run(
      `
collector: { name: host-a, workers: 2 }
source: { ports: 3, basePort: 40000 }
groups:
  west: { period: 500ms, classes: [cs0, ef], targets: [ { address: 10.0.0.1, tags: { rack: r1 } }, "2001:db8::1" ] }
`,
      { listen: '127.0.0.1:6000' },
    );
    expect([code, err]).to.deep.equal([0, '']);
    expect(out).to.equal(`${file} is valid

option                        value           from
collector.name                host-a          ${file}:2
collector.interval            10s             default
collector.workers             2               ${file}:2
collector.retention           60              default
collector.timestamps          full            default
collector.probeMemory         256MiB          default
collector.maxProbesPerSecond  200000          default
collector.historyMemory       32MiB           default
source.address                0.0.0.0         default
source.address6               ::              default
source.interface              null            default
source.ports                  4               environment variable LLAMA_SOURCE_PORTS
source.basePort               40000           ${file}:3
api.listen                    127.0.0.1:6000  command line --listen
api.tokenFile                 null            default
api.readTokenFile             null            default
api.writes                    loopback        default
api.allowRemoteWrites         null            default
api.tlsCertFile               null            default
api.tlsKeyFile                null            default
api.allowedDirectories        null            default
api.allowedUrls               null            default
api.rateLimit                 1000            default
api.bodyLimit                 16MiB           default
api.maxStreams                256             default
api.metricsMaxTargets         2000            default
stateDir                      null            default

group west (${file}:5)
  protocol     stamp
  period       500ms
  timeout      1s
  payload      44 bytes
  classes      cs0 (DSCP 0), ef (DSCP 46)
  paths        16
  probes       32/s
  on the wire  2,624 bytes/s each way, with the headers of UDP, TCP or ICMP and of IP, without those of the link
  targets      2
    10.0.0.1:8100       rack=r1
    [2001:db8::1]:8100

groups             1
targets            2
paths              16
probes             32/s
on the wire        2,624 bytes/s each way, with the headers of UDP, TCP or ICMP and of IP, without those of the link
memory for probes  5.3KiB of 256MiB

Note: every user and program of this host may change groups without a token, and so may clients of a proxy on it; api.tokenFile or api.writes: token ends that.
`);
  });

  it('warns of source ports that the kernel may give to any program, also for groups with their own interface', async () => {
    const ephemeral: PortSettings = { range: '32768\t60999\n', reserved: '40004-40007\n' };
    const source = (basePort: number, group = '{}'): string =>
      `source: { ports: 4, basePort: ${basePort} }\ngroups: { west: { targets: [10.0.0.1], ${group.slice(1)} }`;
    const own = '{ sourceInterface: eth1 }';
    expect((await run(source(40_000), {}, ephemeral)).out).to.match(
      /\nWarning: found the source ports 40000 to 40003 .*, as it does with 40000 to 40003 .*; reserve them with net\.ipv4\.ip_local_reserved_ports=40000-40003, or choose others\.\n/,
    );
    expect((await run(source(20_000), {}, ephemeral)).out).not.to.include('Warning');
    expect((await run(source(40_004), {}, ephemeral)).out).not.to.include('Warning');
    expect((await run(source(0), {}, ephemeral)).out).not.to.include('Warning');
    expect((await run(source(40_004, own), {}, ephemeral)).out).to.match(/ports 40004 to 40011 .* 40008 to 40011 /);
  });

  it('says that changes need no token only where that is so', async () => {
    const note = /\nNote: every user and program of this host may change groups without a token/;
    expect((await run('groups: {}')).out).to.match(note);
    expect((await run('api: { writes: token }')).out).not.to.match(note);
    expect((await run('api: { tokenFile: /etc/llama/token }')).out).not.to.match(note);
  });

  it('names unknown variables of the environment, and refuses typos of known ones', async () => {
    process.env.LLAMA_CLOUD_KEY = 'x';
    const { code, out } = await run('groups: {}');
    expect(code).to.equal(0);
    expect(out).to.include('\nWarning: found the environment variable LLAMA_CLOUD_KEY, expected one of');
    process.env.LLAMA_SOURCE_PORT = '4';
    const wrong = await run('groups: {}');
    expect(wrong.code).to.equal(1);
    expect(wrong.err).to.match(
      /^found the environment variable LLAMA_SOURCE_PORT, .*did you mean LLAMA_SOURCE_PORTS\?\n$/,
    );
  });

  it('says where the targets of a group come from, and that own addresses are left out', async () => {
    const { code, out } = await run(`
groups:
  mesh: { skipSelf: true, fromDns: { name: mesh.example } }
  hosts: { fromFile: { path: /etc/hosts.yaml } }
  inventory: { fromHttp: { url: "https://inventory.example/t", refresh: 2m } }
`);
    expect(code).to.equal(0);
    expect(out).to.match(/own addresses +left out/);
    expect(out).to.match(/targets +from the A and AAAA records of mesh\.example, asked when their TTL is over/);
    expect(out).to.match(/targets +from the file \/etc\/hosts\.yaml, watched, and read every 30s/);
    expect(out).to.match(/targets +from https:\/\/inventory\.example\/t, asked every 2m/);
  });

  it('prints one problem a line to stderr, nothing to stdout, and ends with 1', async () => {
    const { code, out, err, file } = await run('groups:\n  west: { period: 1 sec, targets: [host.example] }\n');
    expect([code, out]).to.deep.equal([1, '']);
    const lines = err.split('\n');
    expect(lines).to.have.length(3);
    expect(lines[0]).to.equal(
      `${file}:2:19: /groups/west/period: found "1 sec", expected a duration such as 10ms, 1s, 5m, from 1ms to 1h`,
    );
    expect(lines[1]).to.match(/host names are not resolved/);
  });

  it("reports that a config is one of Dropbox's LLAMA, and the parts that are not carried over", async () => {
    const { code, out } = await run('10.0.0.1: { dst_rack: r1 }\n');
    expect(code).to.equal(0);
    expect(out).to.match(/c\.yaml is valid, in the simple form of Dropbox's LLAMA\n/);
    expect(out).to.match(/^source\.ports +4 +default of Dropbox's LLAMA$/m);
    expect(out).to.match(/\n- probes are LLAMA's own/);
  });

  it('--print writes our own form, with the notes as comments, and nothing else', async () => {
    const { code, out, err } = await run('10.0.0.1: { dst_rack: r1 }\n', { print: true });
    expect([code, err]).to.deep.equal([0, '']);
    const again = await run(out);
    expect(again.out).to.match(/c\.yaml is valid\n/);
    expect(again.out).to.match(/^ {4}10\.0\.0\.1:8100 {2}dst_rack=r1$/m);
    expect(out).to.match(/^# Written by "llama check --print" from .*\n# the simple form/);
  });

  it('ends with 1 for a plan that is too large, and for a file that is not there', async () => {
    const large = await run(
      'groups: { west: { period: 1ms, timeout: 60s, targets: [10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7] } }',
    );
    expect(large.code).to.equal(1);
    expect(large.err).to.match(/:1:11: \/groups\/west: found a need of 448MiB/);
    let err = '';
    const code = await check(
      join(folder, 'missing.yaml'),
      {},
      {
        out: () => undefined,
        err: (text) => {
          err += text;
        },
      },
    );
    expect(code).to.equal(1);
    expect(err).to.match(/missing\.yaml: there is no such file; check the path\n$/);
  });
});
