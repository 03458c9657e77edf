import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isOwn, ownAddresses, unknownAddresses } from '../../../src/targets/ownAddresses.js';

describe('own addresses', () => {
  it('are the addresses of all interfaces and the source addresses of probes, in canonical form', () => {
    const interfaces = (): NodeJS.Dict<[]> =>
      ({
        lo: [{ address: '127.0.0.1' }],
        eth0: [{ address: '10.0.0.1' }, { address: '2001:db8:0:0::1' }, { address: 'fe80::1' }],
        gone: undefined,
      }) as unknown as NodeJS.Dict<[]>;
    const own = ownAddresses({ address: '10.9.9.9', address6: '2001:DB8::9' }, interfaces);
    expect([...own]).to.have.members(['127.0.0.1', '10.0.0.1', '2001:db8::1', 'fe80::1', '10.9.9.9', '2001:db8::9']);
  });

  it('are all loopback addresses as well, whatever interfaces say of them', () => {
    const own = ownAddresses({ address: '0.0.0.0', address6: '::' }, () => ({}));
    for (const address of ['127.0.0.1', '127.0.0.2', '127.255.255.254', '::1'])
      expect(isOwn(own, address), address).to.equal(true);
    for (const address of ['12.7.0.1', '128.0.0.1', '10.127.0.1', '::2', '2001:db8::1'])
      expect(isOwn(own, address), address).to.equal(false);
  });

  it('are read from the tables in /proc where Node may not ask for them, with a warning when these are missing', () => {
    const refused = (): never => {
      throw new Error('uv_interface_addresses returned Unknown system error 97');
    };
    const source = { address: '0.0.0.0', address6: '::' };
    const folder = mkdtempSync(join(tmpdir(), 'llama-self-'));
    try {
      expect([...ownAddresses(source, refused, folder)]).to.have.members(['0.0.0.0', '::']);
      expect(unknownAddresses(refused, folder)).to.match(/skipSelf leaves out loopback.*AF_NETLINK/);
      expect(unknownAddresses(() => ({}), folder)).to.equal(undefined);
      writeFileSync(
        join(folder, 'fib_trie'),
        'Main:\n  |-- 10.9.0.0\n     /24 link UNICAST\n  |-- 10.9.0.7\n     /32 host LOCAL\n  |-- 10.9.0.255\n     /32 link BROADCAST\n',
      );
      writeFileSync(join(folder, 'if_inet6'), '20010db8000000000000000000000009 04 40 00 82     eth0\n');
      expect([...ownAddresses(source, refused, folder)]).to.have.members(['0.0.0.0', '::', '10.9.0.7', '2001:db8::9']);
      expect(unknownAddresses(refused, folder)).to.equal(undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
