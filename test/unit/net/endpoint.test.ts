import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { formatEndpoint, parseListen } from '../../../src/net/endpoint.js';

describe('listen addresses', () => {
  it('are parsed for IPv4 and IPv6, and formatted in canonical form', () => {
    expect(parseListen('0.0.0.0:8100')).to.deep.equal({ address: '0.0.0.0', family: 4, port: 8100 });
    expect(parseListen('[2001:DB8:0:0::1]:0')).to.deep.equal({ address: '2001:db8::1', family: 6, port: 0 });
    expect(parseListen('[::]:65535')).to.deep.equal({ address: '::', family: 6, port: 65_535 });
    expect(parseListen('[FE80::1%eth0]:8100')).to.deep.equal({
      address: 'fe80::1',
      family: 6,
      port: 8100,
      zone: 'eth0',
    });
    for (const text of ['192.0.2.1:1', '[2001:db8::1]:862', '[fe80::1%eth0]:8100'])
      expect(formatEndpoint(parseListen(text))).to.equal(text);
  });

  for (const [text, says] of [
    ['8100', 'ADDRESS:PORT'],
    ['', 'ADDRESS:PORT'],
    ['10.0.0.1', 'ADDRESS:PORT'],
    ['10.0.0.1:', 'ADDRESS:PORT'],
    ['10.0.0.1:65536', 'above 65535'],
    ['10.0.0.1:-1', 'ADDRESS:PORT'],
    ['10.0.1:80', 'no IPv4 address'],
    ['localhost:80', 'no IPv4 address'],
    ['::1', 'brackets'],
    ['::1:8100', 'brackets'],
    ['[::g]:1', 'no IPv6 address'],
    ['[10.0.0.1]:1', 'no IPv6 address'],
    ['[fe80::1%]:1', 'no IPv6 address'],
    ['[fe80::1%a%b]:1', 'no IPv6 address'],
    ['[fe80::1]:1', '[fe80::1%eth0]:1'],
    ['[2001:db8::1%eth0]:1', 'only link-local'],
  ] as const)
    it(`are refused with found and expected for '${text}'`, () => {
      expect(() => parseListen(text, '--status'))
        .to.throw(LlamaError, `--status '${text}': `)
        .with.property('message')
        .that.includes(says)
        .and.includes('0.0.0.0:8100');
    });
});
