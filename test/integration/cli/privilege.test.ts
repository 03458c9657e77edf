/** A real user without privileges: what needs raw sockets says so, and the rest goes on. */

import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';
import { freePort, HttpClient } from '../../support/processes/http.js';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
const START_MS = 15_000;

/** Exit code and output of `llama` as nobody. */
function asNobody(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile('setpriv', [...NOBODY, process.execPath, MAIN, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

describe('without privileges', function () {
  this.timeout(30_000);
  let directory: string;
  let file: string;
  let api: string;

  before(async function () {
    needs(this, 'root');
    directory = await mkdtemp(join(tmpdir(), 'llama-nobody-'));
    file = join(directory, 'llama.yaml');
    api = `127.0.0.1:${await freePort()}`;
    const groups = { plain: { targets: ['127.0.0.1'] }, syn: { protocol: 'tcp-syn', targets: ['127.0.0.1'] } };
    await writeFile(file, JSON.stringify({ collector: { interval: '1s' }, api: { listen: api }, groups }));
    await Promise.all([chmod(directory, 0o755), chmod(file, 0o644)]);
  });
  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it('llama probe by SYN ends with exit code 2, the missing privilege, and how to give it', async () => {
    const { code, err } = await asNobody(['probe', '127.0.0.1', '--protocol', 'tcp-syn']);
    expect(code).to.equal(2);
    expect(err).to.match(
      /^tcp-syn needs raw sockets.*CAP_NET_RAW.*AmbientCapabilities=CAP_NET_RAW.*setcap cap_net_raw\+ep/,
    );
  });

  it('llama check warns of it', async () => {
    const { code, out } = await asNobody(['check', file]);
    expect(code).to.equal(0);
    expect(out).to.match(/Warning: group syn: tcp-syn needs raw sockets, and this process lacks CAP_NET_RAW/);
  });

  it('a collector measures the other groups, shows this one as not in force, and refuses such a group over REST', async () => {
    const child = spawn('setpriv', [...NOBODY, process.execPath, MAIN, 'collector', '--config', file], {
      stdio: 'ignore',
    });
    const http = new HttpClient(spawn);
    try {
      const base = `http://${api}/v1/groups`;
      const list = await waitFor(
        'the groups are listed',
        async () => {
          const { groups, notInForce } = await http.json<{
            groups: { name: string }[];
            notInForce: { name: string; notInForce: string }[];
          }>('GET', base);
          return groups.length > 0 && { groups, notInForce };
        },
        START_MS,
      );
      expect(list.groups.map(({ name }) => name)).to.deep.equal(['plain']);
      expect(list.notInForce.map(({ name }) => name)).to.deep.equal(['syn']);
      expect(list.notInForce[0].notInForce).to.include('AmbientCapabilities=CAP_NET_RAW');
      const put = await http.request('PUT', `${base}/other`, { protocol: 'tcp-syn', targets: ['127.0.0.2'] });
      expect(put.status).to.equal(422);
      expect(JSON.stringify(put)).to.include('LLAMA_PRIVILEGE');
    } finally {
      await http.close();
      child.kill('SIGTERM');
    }
  });
});
