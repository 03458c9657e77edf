import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { candidates, parseHosts, parseSearch, WatchedFile } from '../../../../src/base/resolver/resolverFiles.js';

describe('/etc/hosts', () => {
  it('gives all addresses of a name, in any case, without comments', () => {
    const hosts = parseHosts(
      '127.0.0.1\tlocalhost # loopback\n::1 localhost ip6-localhost\n#10.0.0.1 a\n10.0.0.2 A b.c\nx y\n',
    );
    expect(hosts.get('localhost')).to.deep.equal([
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
    expect([...hosts.keys()]).to.deep.equal(['localhost', 'ip6-localhost', 'a', 'b.c']);
  });

  it('is read again after a change, at most once a second, and is empty while missing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-hosts-'));
    try {
      const path = join(folder, 'hosts');
      const file = new WatchedFile(path, parseHosts);
      expect(file.read(0).size).to.equal(0);
      writeFileSync(path, '10.0.0.1 a');
      expect(file.read(999).size).to.equal(0);
      expect([...file.read(1_000).keys()]).to.deep.equal(['a']);
      writeFileSync(path, '10.0.0.1 a bc');
      expect([...file.read(2_000).keys()]).to.deep.equal(['a', 'bc']);
      rmSync(path);
      expect(file.read(3_000).size).to.equal(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('/etc/resolv.conf', () => {
  it('has ndots, and the search domains of the last line', () => {
    expect(parseSearch('nameserver 10.0.0.1\n')).to.deep.equal({ domains: [], ndots: 1 });
    expect(parseSearch('domain a.b\n; search x\nsearch c.d. e # f\noptions rotate ndots:5\n')).to.deep.equal({
      domains: ['c.d', 'e'],
      ndots: 5,
    });
    expect(parseSearch('options ndots:99').ndots).to.equal(15);
  });

  it('gives the candidate names in the order of glibc', () => {
    const kubernetes = { domains: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 };
    expect(candidates('influx.db', kubernetes)).to.deep.equal([
      'influx.db.ns.svc.cluster.local',
      'influx.db.svc.cluster.local',
      'influx.db.cluster.local',
      'influx.db',
    ]);
    expect(candidates('influx.db.', kubernetes)).to.deep.equal(['influx.db']);
    expect(candidates('host', { domains: ['a'], ndots: 1 })).to.deep.equal(['host.a', 'host']);
    expect(candidates('host.b', { domains: ['a'], ndots: 1 })).to.deep.equal(['host.b', 'host.b.a']);
    expect(candidates('host', { domains: ['a'], ndots: 0 })).to.deep.equal(['host', 'host.a']);
  });
});
