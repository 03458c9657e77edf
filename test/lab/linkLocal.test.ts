/** A reflector on a link-local address, which is on an interface and nowhere else. */

import { expect } from 'chai';
import type { ReflectorStatus } from '../../src/reflector/reflector.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { type Running, startLlama } from '../support/processes/process.js';
import { Namespaces, run } from './namespaces.js';

const PORT = 8_100;
const START_MS = 20_000;

/**
 * Sends one STAMP packet from a link-local address and prints sequence number, length and source of the reply, and its
 * hop limit.
 */
const ASK = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(5)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
s.sendto(struct.pack('>IIIH', 7, 1, 1, 0x4001) + bytes(30), (sys.argv[1], ${PORT}, 0, socket.if_nametoindex('eth0')))
data, ancillary, flags, source = s.recvmsg(100, 64)
print(struct.unpack_from('>I', data, 24)[0], len(data), source[0].split('%')[0], struct.unpack('i', ancillary[0][2])[0])
`;

/** Sends a request of 14 bytes from a port of 127.0.0.1 to another one. */
const SHORT = `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', int(sys.argv[1])))
s.sendto(struct.pack('>IIIH', 7, 1, 1, 0x4001), ('127.0.0.1', int(sys.argv[2])))
`;

describe('lab: link-local addresses', function () {
  this.timeout(60_000);
  const spaces = new Namespaces();

  /** Joins the two hosts by interfaces eth0. */
  async function link(): Promise<void> {
    const peer = ['peer', 'name', 'eth0', 'netns', spaces.name('b')];
    await spaces.exec('a', 'ip', ['link', 'add', 'eth0', 'type', 'veth', ...peer]);
    for (const [host, address] of [
      ['a', 'fe80::a/64'],
      ['b', 'fe80::b/64'],
    ]) {
      await spaces.exec(host, 'ip', ['address', 'add', address, 'dev', 'eth0', 'nodad']);
      await spaces.exec(host, 'ip', ['link', 'set', 'eth0', 'up']);
    }
  }

  before(async function () {
    needs(this, 'root', 'ip', 'python3', 'curl');
    await spaces.add(['a', 'b']);
    for (const host of ['a', 'b']) await spaces.exec(host, 'ip', ['link', 'set', 'lo', 'up']);
    await link();
  });
  after(() => spaces.destroy());

  for (const listen of [`[fe80::b%eth0]:${PORT}`, `[::]:${PORT}`])
    it(`a reflector on ${listen} answers from the link-local address that was asked, with hop limit 255`, async () => {
      const reflector = startLlama(['reflector', '--listen', listen], (command, args, options) =>
        spaces.spawn('b', command, args, options),
      );
      try {
        await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
        expect(reflector.stderr).to.include(listen);
        expect((await spaces.exec('a', 'python3', ['-c', ASK, 'fe80::b'])).trim()).to.equal('7 44 fe80::b 255');
      } finally {
        await reflector.stop();
      }
    });

  describe('on an interface that is deleted and made again', () => {
    const LISTEN = `[fe80::b%eth0]:${PORT}`;
    const STATUS = 'http://127.0.0.1:8101';
    const GONE = 'this host has no interface eth0';
    let reflector: Running;

    before(async () => {
      await spaces.exec('b', 'ip', ['address', 'add', '10.9.9.9/32', 'dev', 'lo']);
      reflector = startLlama(
        [
          'reflector',
          '--listen',
          LISTEN,
          '--listen',
          `10.9.9.9:${PORT}`,
          '--threads',
          '2',
          '--status',
          '127.0.0.1:8101',
        ],
        (command, args, options) => spaces.spawn('b', command, args, options),
      );
      await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
    });
    after(() => reflector?.stop());

    const get = async (path: string): Promise<{ code: string; body: string }> => {
      const out = await spaces.exec('b', 'curl', ['-s', '-w', '\n%{http_code}', STATUS + path]);
      const at = out.lastIndexOf('\n');
      return { body: out.slice(0, at), code: out.slice(at + 1) };
    };
    const asked = (): Promise<string> => spaces.exec('a', 'python3', ['-c', ASK, 'fe80::b']);

    it('says so in readyz, status, metrics and log while it is gone; healthz stays 200, for a restart cures nothing', async () => {
      expect((await asked()).trim()).to.equal('7 44 fe80::b 255');
      expect(await get('/readyz')).to.deep.equal({ code: '200', body: 'ready' });
      await spaces.exec('a', 'ip', ['link', 'delete', 'eth0']);
      await waitFor('readyz is 503', async () => (await get('/readyz')).code === '503', 5_000);
      expect((await get('/readyz')).body).to.match(/^not listening on \[fe80::b%eth0\]:8100 since 2.*Z: /);
      const { body } = await get('/v1/status');
      const { listeners, warnings } = JSON.parse(body) as ReflectorStatus;
      expect(listeners[0]).to.include({ listen: LISTEN, listening: false, reason: GONE });
      expect(listeners[1]).to.deep.equal({ listen: '10.9.9.9:8100', listening: true, reason: null, since: null });
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.include(`not listening on ${LISTEN}`).and.to.include(GONE);
      expect((await get('/metrics')).body)
        .to.include(`llama_reflector_listening{listen="${LISTEN}"} 0`)
        .and.to.include('llama_reflector_listening{listen="10.9.9.9:8100"} 1');
      expect(await get('/healthz')).to.deep.equal({ code: '200', body: 'ok' });
      expect(reflector.stderr).to.include('not listening on this address');
    });

    it('answers again within seconds of its return, on all threads, and says so', async () => {
      await link();
      const backMs = performance.now();
      await waitFor('readyz is 200', async () => (await get('/readyz')).code === '200', 5_000);
      expect(performance.now() - backMs).to.be.below(5_000);
      for (let i = 0; i < 8; i++) expect((await asked()).trim()).to.equal('7 44 fe80::b 255');
      const { listeners, warnings, totals, workers } = JSON.parse((await get('/v1/status')).body) as ReflectorStatus;
      expect(listeners.map(({ listening }) => listening)).to.deep.equal([true, true]);
      expect(warnings).to.deep.equal([]);
      expect(totals).to.include({ received: 9, reflected: 9, sendErrors: 0 });
      expect(workers.map(({ restarts }) => restarts)).to.deep.equal([0, 0]);
      expect(reflector.stderr).to.include('listening again');
    });

    it('answers on the new interface also when nothing saw the old one go', async () => {
      const inside = (host: string) => `ip -n ${spaces.name(host)}`;
      const up = (host: string) =>
        `${inside(host)} address add fe80::${host}/64 dev eth0 nodad && ${inside(host)} link set eth0 up`;
      const made = `link add eth0 type veth peer name eth0 netns ${spaces.name('b')}`;
      await run('sh', ['-ec', `${inside('a')} link delete eth0; ${inside('a')} ${made}; ${up('a')}; ${up('b')}`]);
      await waitFor('an answer', async () => (await asked().catch(() => '')).startsWith('7 44 fe80::b 255'), 15_000);
    });

    it('names an address that is taken away, and is well again when it is back', async () => {
      await spaces.exec('b', 'ip', ['address', 'delete', '10.9.9.9/32', 'dev', 'lo']);
      await waitFor('readyz is 503', async () => (await get('/readyz')).code === '503', 5_000);
      expect((await get('/readyz')).body).to.include('this host does not have the address 10.9.9.9');
      await spaces.exec('b', 'ip', ['address', 'add', '10.9.9.9/32', 'dev', 'lo']);
      await waitFor('readyz is 200', async () => (await get('/readyz')).code === '200', 5_000);
    });
  });

  it('short requests from a port that is bound after the start are not answered: no loop begins', async () => {
    const allow = ['--allow', '127.0.0.0/8', '--short-requests', '--status', '127.0.0.1:8102'];
    const listen = ['--listen', '127.0.0.1:0', '--listen', '[fe80::78%eth0]:0', '--threads', '1'];
    const reflector = startLlama(['reflector', ...listen, ...allow], (command, args, options) =>
      spaces.spawn('b', command, args, options),
    );
    const status = async (): Promise<ReflectorStatus> =>
      JSON.parse(await spaces.exec('b', 'curl', ['-s', 'http://127.0.0.1:8102/v1/status']));
    try {
      await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
      await spaces.exec('b', 'ip', ['address', 'add', 'fe80::78/64', 'dev', 'eth0', 'nodad']);
      await reflector.until('it listens', () => reflector.stderr.includes('listening again'), 5_000);
      const [to, from] = (await status()).listen.map((text) => text.slice(text.lastIndexOf(':') + 1));
      await spaces.exec('b', 'python3', ['-c', SHORT, from, to]);
      await waitFor('the request', async () => (await status()).totals.received === 1, 5_000);
      expect((await status()).totals).to.include({ shortFromOwnPort: 1, reflected: 0 });
    } finally {
      await reflector.stop();
    }
  });

  it('an address that comes after the start is listened on then', async () => {
    const reflector = startLlama(
      ['reflector', '--listen', '127.0.0.1:0', '--listen', `[fe80::77%eth0]:${PORT}`, '--threads', '1'],
      (command, args, options) => spaces.spawn('b', command, args, options),
    );
    try {
      await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
      expect(reflector.stderr).to.include('this host does not have the address fe80::77 on the interface eth0');
      await spaces.exec('b', 'ip', ['address', 'add', 'fe80::77/64', 'dev', 'eth0', 'nodad']);
      await reflector.until('it listens', () => reflector.stderr.includes('listening again'), 5_000);
      expect((await spaces.exec('a', 'python3', ['-c', ASK, 'fe80::77'])).trim()).to.equal('7 44 fe80::77 255');
    } finally {
      await reflector.stop();
    }
  });

  it('the status page on a link-local address is served again when its interface was made again', async () => {
    const reflector = startLlama(
      ['reflector', '--listen', '127.0.0.1:0', '--threads', '1', '--status', '[fe80::b%eth0]:8102'],
      (command, args, options) => spaces.spawn('b', command, args, options),
    );
    const healthz = (): Promise<string> =>
      spaces.exec('a', 'curl', ['-s', '-m', '2', 'http://[fe80::b%25eth0]:8102/healthz']).catch(() => 'no answer');
    try {
      await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
      await waitFor('healthz', async () => (await healthz()) === 'ok');
      await spaces.exec('a', 'ip', ['link', 'delete', 'eth0']);
      await link();
      await waitFor('healthz again', async () => (await healthz()) === 'ok');
    } finally {
      await reflector.stop();
    }
  });

  it('link-local targets are probed again, by every protocol, when their interface was made again on both hosts', async () => {
    const reflector = startLlama(['reflector', '--listen', `[::]:${PORT}`], (command, args, options) =>
      spaces.spawn('b', command, args, options),
    );
    const common = { period: '100ms', timeout: '90ms', targets: [{ address: 'fe80::b%eth0' }] };
    const protocols = { stamp: { port: PORT }, icmp: {}, 'tcp-syn': { port: 81 } };
    const groups = Object.fromEntries(
      Object.entries(protocols).map(([protocol, port]) => [protocol, { ...common, protocol, ...port }]),
    );
    let collector: TestCollector | undefined;
    try {
      await reflector.until('it answers', () => reflector.stderr.includes('answering probes'), START_MS);
      collector = await TestCollector.start({ source: { ports: 2 }, groups }, (command, args, options) =>
        spaces.spawn('a', command, args, options),
      );
      const { intervals } = collector.recorder;
      const lastRows = () => intervals.at(-1)?.results ?? [];
      const answered = (): boolean =>
        lastRows().filter(({ received }) => received > 5).length === Object.keys(groups).length;
      await waitFor('every target answers', answered, 20_000);
      await spaces.exec('a', 'ip', ['link', 'delete', 'eth0']);
      await waitFor('no target answers', () => lastRows().every(({ received }) => received === 0), 20_000);
      await link();
      await waitFor('every target answers again', answered, 20_000);
    } finally {
      await collector?.stop();
      await reflector.stop();
    }
  });

  it('names a missing interface with a remedy', async () => {
    const reflector = startLlama(['reflector', '--listen', `[fe80::b%eth9]:${PORT}`]);
    expect(await reflector.exited).to.include({ code: 2 });
    expect(reflector.stderr).to.include('[fe80::b%eth9]:8100').and.to.include('ip link');
  });
});
