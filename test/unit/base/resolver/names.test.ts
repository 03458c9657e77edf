import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AddressInfoCalls } from '../../../../src/base/resolver/getaddrinfo.js';
import { NameError, Names } from '../../../../src/base/resolver/names.js';
import type { HostAddress } from '../../../../src/base/resolver/resolverFiles.js';
import { NameServer } from '../../../support/fakes/nameServer.js';
import { waitFor } from '../../../support/harness/wait.js';

describe('Names', () => {
  let server: NameServer;
  let folder: string;
  let names: Names;
  let nowMs: number;
  let system: ReadonlyMap<string, readonly HostAddress[]>;
  let systemAsked: string[];
  let systemEnds: () => Promise<void>;

  beforeEach(async () => {
    server = await NameServer.start();
    folder = mkdtempSync(join(tmpdir(), 'llama-names-'));
    write('hosts', '10.9.9.1 Listed.example short\n2001:db8::9 short\n');
    write('resolv.conf', 'search one.example two.example\noptions ndots:2\n');
    nowMs = 10_000;
    system = new Map();
    systemAsked = [];
    systemEnds = async () => {};
    names = new Names({
      hostsFile: join(folder, 'hosts'),
      resolverFile: join(folder, 'resolv.conf'),
      resolver: server.resolver,
      addressInfo: new AddressInfoCalls(async (name) => {
        systemAsked.push(name);
        await systemEnds();
        return system.get(name) ?? Promise.reject(new Error('ENOTFOUND'));
      }),
      nowMs: () => nowMs,
    });
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function write(file: string, text: string): void {
    writeFileSync(join(folder, file), text);
  }
  const texts = async (name: string): Promise<string[]> => (await names.resolve(name)).map(({ address }) => address);
  const failure = async (name: string): Promise<NameError> => {
    const error = await names.resolve(name).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(NameError);
    return error as NameError;
  };
  const record = (name: string, ...addresses: string[]): void => {
    for (const [type, pattern] of [
      ['A', /\./],
      ['AAAA', /:/],
    ] as const) {
      const some = addresses.filter((address) => pattern.test(address));
      server.records.set(
        `${type} ${name}`,
        some.map((address) => ({ address, ttlS: 60 })),
      );
    }
  };

  it('answers addresses, localhost and /etc/hosts without a server', async () => {
    expect(await texts('10.0.0.1')).to.deep.equal(['10.0.0.1']);
    expect(await texts('2001:db8::1')).to.deep.equal(['2001:db8::1']);
    for (const name of ['localhost', 'LOCALHOST.', 'influx.localhost'])
      expect(await texts(name)).to.deep.equal(['127.0.0.1', '::1']);
    expect(await texts('listed.example')).to.deep.equal(['10.9.9.1']);
    expect(await texts('Short')).to.deep.equal(['10.9.9.1', '2001:db8::9']);
    write('hosts', '10.9.9.2 localhost\n');
    nowMs += 1_000;
    expect(await texts('localhost')).to.deep.equal(['10.9.9.2']);
    expect([server.asked, systemAsked]).to.deep.equal([[], []]);
  });

  it('sends one query for all callers of a name, and another after its TTL', async () => {
    record('a.b.example', '10.0.0.1', '2001:db8::1');
    const both = await Promise.all([texts('a.b.example'), texts('A.b.example')]);
    expect(both).to.deep.equal([
      ['10.0.0.1', '2001:db8::1'],
      ['10.0.0.1', '2001:db8::1'],
    ]);
    nowMs += 59_999;
    await texts('a.b.example');
    expect(server.asked.sort()).to.deep.equal(['A a.b.example', 'AAAA a.b.example']);
    record('a.b.example', '10.0.0.2');
    nowMs += 1;
    expect(await texts('a.b.example')).to.deep.equal(['10.0.0.2']);
  });

  it('follows search domains and ndots, and their changes', async () => {
    record('host.two.example', '10.0.0.1');
    expect(await texts('host')).to.deep.equal(['10.0.0.1']);
    expect(server.asked.filter((asked) => asked.startsWith('A '))).to.deep.equal([
      'A host.one.example',
      'A host.two.example',
    ]);
    server.asked.length = 0;
    record('x.y.z', '10.0.0.3');
    expect(await texts('x.y.z')).to.deep.equal(['10.0.0.3']);
    expect(server.asked.filter((asked) => asked.startsWith('A '))).to.deep.equal(['A x.y.z']);
    write('resolv.conf', 'search three.example\n');
    record('other.three.example', '10.0.0.4');
    nowMs += 1_000;
    expect(await texts('other')).to.deep.equal(['10.0.0.4']);
  });

  it('reports a name without an answer, without delaying others', async () => {
    for (const type of ['A', 'AAAA']) server.records.set(`${type} dead.b.example`, 'silent');
    record('live.b.example', '10.0.0.1');
    const dead = failure('dead.b.example');
    expect(await texts('live.b.example')).to.deep.equal(['10.0.0.1']);
    const error = await dead;
    expect(error.code).to.equal('EAI_AGAIN');
    expect(error.message).to.equal('the host name dead.b.example does not resolve: no answer in time');
    expect((await failure('none.b.example')).code).to.equal('ENOTFOUND');
  });

  it('keeps addresses while the server fails or is silent, and takes new ones afterwards', async () => {
    record('a.b.example', '10.0.0.1');
    await texts('a.b.example');
    for (const state of ['fails', 'silent'] as const) {
      for (const type of ['A', 'AAAA']) server.records.set(`${type} a.b.example`, state);
      nowMs += 60_000;
      expect(await texts('a.b.example'), state).to.deep.equal(['10.0.0.1']);
    }
    record('a.b.example', '10.0.0.2');
    nowMs += 60_000;
    expect(await texts('a.b.example')).to.deep.equal(['10.0.0.2']);
    expect(systemAsked).to.deep.equal([]);
  });

  it('forgets addresses that were unconfirmed for a day', async () => {
    record('a.b.example', '10.0.0.1');
    await texts('a.b.example');
    for (const type of ['A', 'AAAA']) server.records.set(`${type} a.b.example`, 'fails');
    nowMs += 24 * 3_600_000 - 1;
    expect(await texts('a.b.example')).to.deep.equal(['10.0.0.1']);
    nowMs += 2_000;
    expect((await failure('a.b.example')).code).to.equal('EAI_AGAIN');
  });

  it('resolves names that only getaddrinfo knows', async () => {
    system = new Map([['printer.local', [{ address: '10.7.7.7', family: 4 }]]]);
    expect(await texts('printer.local')).to.deep.equal(['10.7.7.7']);
    for (const type of ['A', 'AAAA'])
      for (const name of ['nss', 'nss.one.example']) server.records.set(`${type} ${name}`, 'silent');
    system = new Map([['nss', [{ address: '10.7.7.8', family: 4 }]]]);
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
  });

  it('keeps addresses of getaddrinfo while it asks again, and takes the new ones', async () => {
    system = new Map([['nss', [{ address: '10.7.7.8', family: 4 }]]]);
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
    nowMs += 31_000;
    let end = (): void => {};
    systemEnds = () =>
      new Promise((resolve) => {
        end = resolve;
      });
    expect(await Promise.all([texts('nss'), texts('nss')])).to.deep.equal([['10.7.7.8'], ['10.7.7.8']]);
    // The call of getaddrinfo is still under way.
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
    nowMs += 2_001;
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
    expect(systemAsked).to.deep.equal(['nss', 'nss']);
    system = new Map([['nss', [{ address: '10.7.7.9', family: 4 }]]]);
    end();
    await waitFor('the new address', async () => (await texts('nss'))[0] === '10.7.7.9');
  });

  it('forgets names that getaddrinfo no longer knows, unless the name servers fail', async () => {
    system = new Map([['nss', [{ address: '10.7.7.8', family: 4 }]]]);
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
    systemEnds = () => Promise.reject(Object.assign(new Error('later'), { code: 'EAI_AGAIN' }));
    nowMs += 31_000;
    expect(await texts('nss')).to.deep.equal(['10.7.7.8']);
    systemEnds = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    nowMs += 31_000;
    expect((await failure('nss')).code).to.equal('ENOTFOUND');
  });

  it('occupies two calls of getaddrinfo for dead servers, and none when they answer meanwhile', async () => {
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    systemEnds = () => finished;
    const all = Array.from({ length: 10 }, (_, i) => `d${i}.b.example`);
    for (const name of all) for (const type of ['A', 'AAAA']) server.records.set(`${type} ${name}`, 'silent');
    const errors = await Promise.all(all.map(failure));
    expect(errors.map(({ code }) => code)).to.deep.equal(all.map(() => 'EAI_AGAIN'));
    expect(systemAsked).to.have.length(2);
    for (const name of all) record(name, '10.0.0.1');
    nowMs += 2_000;
    for (const name of all) expect(await texts(name), name).to.deep.equal(['10.0.0.1']);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(systemAsked).to.have.length(2);
  });

  it('reports a truncated answer where TCP is blocked', async () => {
    for (const type of ['A', 'AAAA']) server.records.set(`${type} big.b.example`, 'truncated');
    expect((await failure('big.b.example')).message).to.match(
      /too long for UDP \(truncated\).*let TCP port 53 through/,
    );
  });

  it('looks up names for sockets, of one family or both', async () => {
    const listener = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    const { port } = listener.address() as { port: number };
    record('me.b.example', '127.0.0.1');
    try {
      for (const family of [0, 4]) {
        const socket = connect({ host: 'me.b.example', port, family, lookup: names.lookup });
        await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
        socket.destroy();
      }
      const six = connect({ host: 'me.b.example', port, family: 6, lookup: names.lookup });
      const error = await new Promise<Error>((resolve) => six.once('error', resolve));
      expect(error.message).to.equal('me.b.example has no IPv6 address');
    } finally {
      listener.close();
    }
  });
});
