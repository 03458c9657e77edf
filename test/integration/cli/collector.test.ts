import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { UdpPeer } from '../../support/fakes/udpPeer.js';
import type { ResultInterval } from '../../support/harness/contract.js';
import { SseClient } from '../../support/harness/sse.js';
import { waitFor } from '../../support/harness/wait.js';
import {
  Command,
  endCommands,
  holdTcpPort,
  llama,
  llamaEnds,
  MAIN,
  startReflector,
} from '../../support/processes/command.js';

/** A collector with a free API port, one worker and groups as YAML flow maps. */
function config(groups: string, options: { readonly source?: string; readonly interval?: string } = {}): string {
  return `
collector: { name: test, interval: ${options.interval ?? '200ms'}, workers: 1 }
source: ${options.source ?? '{ ports: 2 }'}
api: { listen: "127.0.0.1:0" }
groups: ${groups}
`;
}

/** What these tests read of the answers. */
interface Answer {
  readonly totals: { readonly sent: number; readonly received: number };
  readonly intervals: readonly ResultInterval[];
  readonly groups: readonly { readonly name: string; readonly classes: readonly string[] }[];
}

describe('llama collector', () => {
  let folder: string;
  let file: string;
  let port: number;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-collector-'));
    file = join(folder, 'c.yaml');
  });
  beforeEach(async () => {
    ({ port } = await startReflector());
  });
  afterEach(endCommands);
  after(() => rmSync(folder, { recursive: true }));

  const group = (settings = '') => `{ period: 20ms, timeout: 100ms, port: ${port}, targets: [127.0.0.1]${settings} }`;

  async function start(text: string) {
    writeFileSync(file, text);
    const command = llama(['collector', '--config', file]);
    const { api } = await command.logged('measuring');
    const get = async (path: string): Promise<Answer> => (await (await fetch(`${api}${path}`)).json()) as Answer;
    return { command, api: String(api), get };
  }

  it('names file and line of each problem in a config, and ends with 1', async () => {
    writeFileSync(file, 'groups:\n  west: { period: 1 sec, targets: [10.0.0.1] }\n');
    const { code, out, err } = await llamaEnds(['collector', '--config', file]);
    expect([code, out]).to.deep.equal([1, '']);
    expect(err).to.match(/c\.yaml:2:19: \/groups\/west\/period: found "1 sec", expected a duration/);
  });

  it('says that a config is not there, and ends with 1', async () => {
    const { code, err } = await llamaEnds(['collector', '--config', join(folder, 'none.yaml')]);
    expect(code).to.equal(1);
    expect(err).to.include('none.yaml: there is no such file; check the path');
  });

  for (const [how, args, env, setting] of [
    ['the option', ['--listen', '192.0.2.1:5000'], {}, '--listen'],
    ['the variable', [], { LLAMA_API_LISTEN: '192.0.2.1:5000' }, 'the environment variable LLAMA_API_LISTEN'],
  ] as const)
    it(`names ${how} that set an address which this host does not have`, async () => {
      writeFileSync(file, config('{ west: { targets: [127.0.0.1] } }'));
      const { code, err } = await llamaEnds(['collector', '--config', file, ...args], { env });
      expect(code).to.equal(2);
      expect(err).to.match(
        new RegExp(`EADDRNOTAVAIL.*; this host does not have the address; choose another by ${setting}\n$`),
      );
    });

  it('logs the bound address with the URL, also when it is every address', async () => {
    writeFileSync(file, config('{ west: { targets: [127.0.0.1] } }'));
    const command = llama(['collector', '--config', file, '--listen', '0.0.0.0:0']);
    const { api, listen } = await command.logged('measuring');
    const { port } = new URL(String(api));
    expect([api, listen]).to.deep.equal([`http://127.0.0.1:${port}`, `0.0.0.0:${port}`]);
    command.signal('SIGTERM');
    expect(await command.exit()).to.equal(0);
  });

  it('ends with 2 and sends nothing when the port of its API is taken', async () => {
    const target = await UdpPeer.open();
    const held = await holdTcpPort();
    writeFileSync(file, config(`{ west: { period: 1ms, port: ${target.port}, targets: [127.0.0.1] } }`));
    const { code, err } = await llamaEnds(['collector', '--config', file, '--listen', `127.0.0.1:${held.port}`]);
    expect(code).to.equal(2);
    expect(err).to.match(new RegExp(`the API cannot listen on 127.0.0.1:${held.port}: EADDRINUSE.*--listen\n$`));
    expect(target.received).to.have.length(0);
    await Promise.all([held.release(), target.close()]);
  });

  it('ends with 2 and names the port when a source port is taken', async () => {
    const holder = await UdpPeer.open();
    writeFileSync(file, config('{}', { source: `{ address: 127.0.0.1, ports: 1, basePort: ${holder.port} }` }));
    const { code, err } = await llamaEnds(['collector', '--config', file]);
    expect(code).to.equal(2);
    expect(err).to.include(`127.0.0.1:${holder.port}`).and.include('EADDRINUSE').and.not.include('    at ');
    await holder.close();
  });

  it('ends with 2 and says how many files it needs when the limit is too low for its source ports', async () => {
    writeFileSync(file, config('{}', { source: '{ ports: 4096 }' }));
    const script = 'ulimit -n 1024; exec "$@"';
    const command = new Command('bash', [
      ...['-c', script, 'bash', process.execPath, MAIN, 'collector', '--config', file],
    ]);
    expect(await command.exit()).to.equal(2);
    expect(command.err).to.match(
      /^found a limit of 1024 open files, expected at least \d+ .*use fewer source ports\n$/,
    );
  });

  it('at SIGTERM serves the last interval, closed early, also to readers of the stream, and ends with 0 within 2 s', async () => {
    const { command, api, get } = await start(config(`{ west: ${group()} }`, { interval: '1h' }));
    await waitFor('replies', async () => (await get('/v1/status')).totals.received > 20);
    expect((await get('/v1/results')).intervals).to.deep.equal([]);
    const stream = await SseClient.open(`${api}/v1/stream`);
    const stalled = await SseClient.open(`${api}/v1/stream`, { paused: true });
    const signalledMs = performance.now();
    command.signal('SIGTERM');
    let intervals: readonly ResultInterval[] = [];
    await waitFor('the last interval', async () => {
      ({ intervals } = await get('/v1/results'));
      return intervals.length > 0;
    });
    const [row] = intervals[0].results;
    expect(row.sent).to.be.greaterThan(20);
    expect(row.received + row.lost).to.equal(row.sent);
    expect(await command.exit()).to.equal(0);
    expect(performance.now() - signalledMs).to.be.lessThan(2000);
    expect(command.out).to.equal('');
    expect(stream.events.map(({ data }) => JSON.parse(data).interval)).to.deep.equal(intervals);
    expect([stream.ended, stream.cutOff], 'the stream ended whole').to.deep.equal([true, false]);
    stalled.close();
    const { totals } = await command.logged('ended');
    expect(totals).to.deep.include({ sent: row.sent, received: row.received });
  });

  it('a second signal ends it without waiting for readers', async () => {
    const { command } = await start(config('{}'));
    command.signal('SIGTERM');
    await command.logged('ending: no more probes; the last interval is served until the end');
    const againMs = performance.now();
    command.signal('SIGINT');
    expect(await command.exit()).to.equal(0);
    expect(performance.now() - againMs).to.be.lessThan(1500);
  });

  it('at SIGHUP applies the groups of the changed file and keeps those of REST', async () => {
    const { command, api, get } = await start(config(`{ west: ${group()}, old: ${group()} }`));
    const put = await fetch(`${api}/v1/groups/live`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ port, targets: ['127.0.0.1'] }),
    });
    expect(put.status).to.equal(201);
    writeFileSync(file, config(`{ west: ${group(', classes: [ef]')}, east: ${group()} }`, { interval: '5s' }));
    command.signal('SIGHUP');
    expect(await command.logged('config reloaded')).to.deep.include({
      added: ['east'],
      changed: ['west'],
      removed: ['old'],
      kept: [],
    });
    const { options } = await command.logged('changed options that take effect at the next start');
    expect(options).to.deep.equal(['collector.interval']);
    const { groups } = await get('/v1/groups');
    expect(groups.map(({ name }) => name)).to.have.members(['west', 'east', 'live']);
    const west = groups.find(({ name }) => name === 'west');
    expect(west?.classes).to.deep.equal(['ef']);
    const { endMs = 0 } = (await get('/v1/results')).intervals.at(-1) ?? {};
    await waitFor('results of the new plan', async () => {
      const { intervals } = await get(`/v1/results?after=${endMs}&group=east`);
      return intervals.some(({ results }) => results.length > 0);
    });
  });

  it("measures by a config of Dropbox's LLAMA, and logs the parts that it does not carry over", async () => {
    const { command, get } = await start(`
summarization: { interval: 1, handlers: 2 }
api: { bind: "127.0.0.1:0" }
ports: { p: { ip: 127.0.0.1, port: 0, tos: 184, timeout: 100 } }
port_groups: { g: [ { port: p, count: 2 } ] }
rate_limits: { r: { cps: 50 } }
tests: [ { targets: t, port_group: g, rate_limit: r } ]
targets: { t: [ { ip: 127.0.0.1, port: ${port}, tags: { rack: 007 } } ] }
`);
    // The first interval may have ended before the group began.
    const row = await waitFor('a row', async () => {
      const { intervals } = await get('/v1/results');
      return intervals.flatMap(({ results }) => results)[0];
    });
    expect(row).to.deep.include({ group: 't', class: 'ef', source: '127.0.0.1', tags: { rack: '007' }, lost: 0 });
    const notes = command.log().filter(({ level }) => level === 'warn');
    expect(notes.map(({ msg }) => msg).join('\n')).to.match(/handlers has no counterpart/);
  });

  it('at SIGHUP with a wrong file changes nothing, says why, and goes on', async () => {
    const { command, get } = await start(config(`{ west: ${group()} }`));
    const before = await get('/v1/groups');
    for (const [nth, [wrong, says]] of (
      [
        ['groups: { west: { targets: [nowhere] } }', /c\.yaml:1:/],
        [
          config(
            '{ west: { period: 1ms, timeout: 60s, targets: [127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4], classes: [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15] } }',
          ),
          /found a need of/,
        ],
      ] as const
    ).entries()) {
      writeFileSync(file, wrong);
      command.signal('SIGHUP');
      const line = await command.logged('reload failed; nothing changed', nth + 1);
      expect(line.error).to.match(says);
      expect(await get('/v1/groups')).to.deep.equal(before);
    }
    const { sent } = (await get('/v1/status')).totals;
    await waitFor('further probes', async () => (await get('/v1/status')).totals.sent > sent);
  });
});
