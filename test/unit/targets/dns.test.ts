import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { type DnsSettings, DnsSource } from '../../../src/targets/dns.js';
import { NameServer } from '../../support/fakes/nameServer.js';
import { NEVER, rejection } from '../../support/fakes/timing.js';

describe('targets from the DNS', () => {
  let server: NameServer;
  beforeEach(async () => {
    server = await NameServer.start();
  });
  afterEach(() => server.close());

  const source = (more: Partial<DnsSettings> = {}): DnsSource =>
    new DnsSource(
      { kind: 'dns', name: 'mesh.example', type: 'A+AAAA', refreshMs: null, allowEmpty: false, ...more },
      server.resolver,
    );
  const a = (...addresses: string[]) => addresses.map((address) => ({ address, ttlS: 60 }));

  it('are its A and AAAA records, in an order of their own, with the shortest TTL', async () => {
    server.records.set('A mesh.example', [
      { address: '10.0.0.2', ttlS: 60 },
      { address: '10.0.0.1', ttlS: 20 },
    ]);
    server.records.set('AAAA mesh.example', [{ address: '2001:db8::1', ttlS: 30 }]);
    const answer = await source().ask(NEVER);
    expect(answer.entries).to.deep.equal([
      { address: '10.0.0.1', family: 4, port: null, tags: {} },
      { address: '10.0.0.2', family: 4, port: null, tags: {} },
      { address: '2001:db8::1', family: 6, port: null, tags: {} },
    ]);
    expect(answer).to.deep.include({ ttlMs: 20_000, warnings: [] });
  });

  it('are of one family only where one is asked for', async () => {
    server.records.set('A mesh.example', a('10.0.0.1'));
    server.records.set('AAAA mesh.example', a('2001:db8::1'));
    expect((await source({ type: 'A' }).ask(NEVER)).entries.map(({ address }) => address)).to.deep.equal(['10.0.0.1']);
    expect((await source({ type: 'AAAA' }).ask(NEVER)).entries.map(({ address }) => address)).to.deep.equal([
      '2001:db8::1',
    ]);
    expect(server.asked).to.deep.equal(['A mesh.example', 'AAAA mesh.example']);
  });

  it('name the server that truncates its answer and gives none by TCP', async () => {
    for (const type of ['A', 'AAAA', 'SRV']) server.records.set(`${type} mesh.example`, 'truncated');
    for (const type of ['A+AAAA', 'SRV'] as const)
      expect((await rejection(source({ type }).ask(NEVER))).message).to.match(
        /^mesh\.example (A|SRV): the answer of 127\.0\.0\.1:\d+ is too long for UDP \(truncated\), and it gives none by TCP; let TCP port 53 through$/,
      );
  });

  it('say the same where TCP is not refused but blocked', async () => {
    // Takes connections, and never says anything, as a firewall that drops.
    const blocked = createServer().listen(server.port, '127.0.0.1');
    await once(blocked, 'listening');
    try {
      server.records.set('A mesh.example', 'truncated');
      expect((await rejection(source({ type: 'A' }).ask(NEVER))).message).to.match(/too long for UDP \(truncated\)/);
    } finally {
      blocked.close();
    }
  });

  for (const [ttlS, expectedMs] of [
    [0, 5_000],
    [90, 90_000],
    [86_400, 3_600_000],
  ])
    it(`a TTL of ${ttlS} s means asking again after ${expectedMs} ms`, async () => {
      server.records.set('A mesh.example', [{ address: '10.0.0.1', ttlS }]);
      expect((await source().ask(NEVER)).ttlMs).to.equal(expectedMs);
    });

  it('are the addresses behind SRV records, with the ports from there', async () => {
    server.records.set('SRV _stamp._udp.example', [
      { name: 'a.example', port: 8101 },
      { name: 'b.example', port: 8102 },
    ]);
    server.records.set('A a.example', a('10.0.0.1'));
    server.records.set('A b.example', a('10.0.0.2'));
    server.records.set('AAAA b.example', a('2001:db8::2'));
    const answer = await source({ name: '_stamp._udp.example', type: 'SRV' }).ask(NEVER);
    expect(answer.entries.map(({ address, port }) => [address, port])).to.deep.equal([
      ['10.0.0.1', 8101],
      ['10.0.0.2', 8102],
      ['2001:db8::2', 8102],
    ]);
    expect(answer.ttlMs).to.equal(60_000);
  });

  it('a name that does not exist has no targets, and says so; a name server that does not answer is an error', async () => {
    expect(await source().ask(NEVER)).to.deep.include({
      entries: [],
      empty: 'mesh.example A: there is no such name (NXDOMAIN)',
    });
    for (const [how, why] of [
      ['silent', /mesh\.example A+: no answer in time/],
      ['fails', /mesh\.example A+: the name server failed/],
    ] as const) {
      for (const type of ['A', 'AAAA']) server.records.set(`${type} mesh.example`, how);
      expect((await rejection(source().ask(NEVER))).message).to.match(why);
    }
    server.records.set('SRV mesh.example', 'silent');
    expect((await rejection(source({ type: 'SRV' }).ask(NEVER))).message).to.match(
      /mesh\.example SRV: no answer in time/,
    );
  });

  it('where one lookup of several fails, its last records stay, and the others are up to date', async () => {
    const mesh = source();
    server.records.set('A mesh.example', a('10.0.0.1'));
    server.records.set('AAAA mesh.example', a('2001:db8::1'));
    await mesh.ask(NEVER);
    server.records.set('A mesh.example', a('10.0.0.1', '10.0.0.2'));
    server.records.set('AAAA mesh.example', 'fails');
    const answer = await mesh.ask(NEVER);
    expect(answer.entries.map(({ address }) => address)).to.deep.equal(['10.0.0.1', '10.0.0.2', '2001:db8::1']);
    expect(answer.warnings).to.have.length(1);
    expect(answer.warnings[0]).to.match(/AAAA: the name server failed \(SERVFAIL\); its last records stay/);
    expect(answer.ttlMs).to.equal(30_000);
    server.records.delete('AAAA mesh.example');
    expect((await mesh.ask(NEVER)).entries).to.have.length(2);
  });

  it('an answer without any target is no reason to believe that there are none, when a lookup failed', async () => {
    server.records.set('A mesh.example', 'silent');
    expect((await rejection(source().ask(NEVER))).message).to.match(/no answer in time/);
  });

  it('addresses that no probe can be sent to are left out, each with the reason', async () => {
    server.records.set('A mesh.example', a('224.0.0.1', '10.0.0.1'));
    const answer = await source().ask(NEVER);
    expect(answer.entries).to.have.length(1);
    expect(answer.warnings[0]).to.match(/found 224\.0\.0\.1, a multicast address/);
  });

  it('a lookup under way ends when it is aborted', async () => {
    for (const type of ['A', 'AAAA']) server.records.set(`${type} mesh.example`, 'silent');
    const abort = new AbortController();
    const asked = rejection(source().ask(abort.signal));
    abort.abort();
    expect((await asked).message).to.match(/given up/);
  });
});
