import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { check } from '../../src/cli/check.js';

describe('llama check', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-check-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function run(text: string) {
    const file = join(folder, 'c.yaml');
    writeFileSync(file, text);
    let out = '';
    let err = '';
    const code = await check(file, {
      out: (more) => {
        out += more;
      },
      err: (more) => {
        err += more;
      },
    });
    return { code, out, err, file };
  }

  it('prints what the config means', async () => {
    const { code, out, err, file } = await run(`
collector: { name: host-a, workers: 2 }
source: { ports: 4, basePort: 40000 }
groups:
  west: { period: 500ms, classes: [cs0, ef], targets: [ { address: 10.0.0.1, tags: { rack: r1 } }, "2001:db8::1" ] }
`);
    expect([code, err]).to.deep.equal([0, '']);
    expect(out).to.equal(`${file} is valid

collector         host-a
interval          10s, the last 60 kept in memory
worker threads    2
timestamps        full
source addresses  0.0.0.0 and ::
source ports      4, 40000 to 40003
API               http://127.0.0.1:5000
token file        none: changes are accepted from the loopback address only
state directory   none: groups set by REST are forgotten at the end

group west
  protocol     stamp
  period       500ms
  timeout      1s
  payload      44 bytes
  classes      cs0 (DSCP 0), ef (DSCP 46)
  paths        16
  probes       32/s
  on the wire  2,624 bytes/s each way, with UDP and IP headers, without those of the link
  targets      2
    10.0.0.1:8100       rack=r1
    [2001:db8::1]:8100

groups             1
targets            2
paths              16
probes             32/s
on the wire        2,624 bytes/s each way, with UDP and IP headers, without those of the link
memory for probes  4KiB of 256MiB
`);
  });

  it('prints one problem a line to stderr, nothing to stdout, and ends with 1', async () => {
    const { code, out, err, file } = await run('groups:\n  west: { period: 1 sec, targets: [host.example] }\n');
    expect([code, out]).to.deep.equal([1, '']);
    const lines = err.split('\n');
    expect(lines).to.have.length(3);
    expect(lines[0]).to.equal(
      `${file}:2:19: /groups/west/period: found "1 sec", expected a duration such as 500us, 10ms, 1s, 5m, from 1ms to 1h`,
    );
    expect(lines[1]).to.match(/host names are not resolved/);
  });

  it('ends with 1 for a plan that is too large, and for a file that is not there', async () => {
    const large = await run(
      'groups: { west: { period: 1ms, timeout: 60s, targets: [10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7] } }',
    );
    expect(large.code).to.equal(1);
    expect(large.err).to.match(/:1:11: \/groups\/west: found a need of 336MiB/);
    let err = '';
    const code = await check(join(folder, 'missing.yaml'), {
      out: () => undefined,
      err: (text) => {
        err += text;
      },
    });
    expect(code).to.equal(1);
    expect(err).to.match(/missing\.yaml: there is no such file; check the path\n$/);
  });
});
