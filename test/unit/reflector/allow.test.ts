import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { addressBytes } from '../../../src/net/address.js';
import { AllowList } from '../../../src/reflector/allow.js';

function allows(list: AllowList, address: string): boolean {
  const bytes = addressBytes(address);
  const padded = new DataView(Uint8Array.from([...bytes, ...new Array<number>(16 - bytes.length).fill(0)]).buffer);
  const family = bytes.length === 4 ? 4 : 6;
  return (
    list.networkOf(family, padded.getUint32(0), padded.getUint32(4), padded.getUint32(8), padded.getUint32(12)) >= 0
  );
}

describe('AllowList', () => {
  const cases: readonly [network: string, inside: readonly string[], outside: readonly string[]][] = [
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0', '::a00:1']],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127', '192.0.3.128']],
    ['192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
    ['255.255.255.255/32', ['255.255.255.255'], ['255.255.255.254']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::', '2001:db8::1']],
    ['10.1.2.3/8', ['10.9.9.9'], ['11.1.2.3']],
    ['2001:db8::/32', ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'], ['2001:db9::', '32.1.13.184']],
    ['2001:db8::8000:0:0:0/65', ['2001:db8::8000:0:0:1'], ['2001:db8::7fff:0:0:1']],
    ['::1', ['::1'], ['::2', '::', '0.0.0.1']],
    ['::/0', ['::', 'ffff::'], ['0.0.0.0']],
  ];
  for (const [network, inside, outside] of cases)
    it(`accepts exactly the addresses of ${network}`, () => {
      const list = new AllowList([network]);
      for (const address of inside) expect(allows(list, address), address).to.equal(true);
      for (const address of outside) expect(allows(list, address), address).to.equal(false);
    });

  it('accepts an address of any of several networks', () => {
    const list = new AllowList(['10.0.0.0/8', '192.0.2.0/24', 'fe80::/10']);
    expect(['10.1.1.1', '192.0.2.1', 'fe80::1', '198.51.100.1', 'fec0::1'].map((a) => allows(list, a))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  for (const wrong of [
    '10.0.0.0/33',
    '2001:db8::/129',
    '10.0.0/8',
    'example.org',
    '',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'fe80::1%eth0',
    '::ffff:10.0.0.0/104',
  ])
    it(`names '${wrong}' as the invalid network`, () => {
      expect(() => new AllowList(['10.0.0.0/8', wrong]))
        .to.throw(LlamaError, `--allow '${wrong}'`)
        .with.property('code', 'LLAMA_ARGUMENT_INVALID');
    });
});
