import { expect } from 'chai';
import { isOwn, ownAddresses } from '../../src/discovery/self.js';

describe('own addresses', () => {
  it('are those of all interfaces and those that probes are sent from, in canonical form', () => {
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
});
