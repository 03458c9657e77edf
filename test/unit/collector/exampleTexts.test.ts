import { expect } from 'chai';
import { exampleText } from '../../../src/collector/exampleTexts.js';
import { addressBytes } from '../../../src/net/address.js';
import { ENOBUFS } from '../../../src/net/libc.js';
import type { Example } from '../../../src/ring/examples.js';
import { FakeCollector } from '../../support/fakes/fakeCollector.js';

const EXAMPLE: Example = {
  version: 4,
  address: addressBytes('10.9.0.3'),
  port: 8100,
  bytes: 44,
  code: 0,
  stream: undefined,
  atNs: 0,
};
const [info] = new FakeCollector().streams();

describe('the example of a counter in words', () => {
  it('names type, code and origin of an ICMP error', () => {
    const error = { ...EXAMPLE, port: 0, code: 3 * 256 + 13 };
    expect(exampleText('icmpUnmatched', error, undefined)).to.equal(
      'administratively prohibited (type 3, code 13) from 10.9.0.3',
    );
  });

  it('names the errno and the target of a refused probe', () => {
    expect(exampleText('sendErrors', { ...EXAMPLE, code: ENOBUFS }, info)).to.equal(
      'a full queue of the interface towards 10.9.0.3 (ENOBUFS)',
    );
  });

  it('names length and source of a packet, and whom the probe was for when that is another', () => {
    expect(exampleText('invalidFormat', EXAMPLE, undefined)).to.equal('44 bytes from 10.9.0.3:8100');
    expect(exampleText('invalidSource', EXAMPLE, info)).to.equal(
      '44 bytes from 10.9.0.3:8100 for a probe of 10.2.0.2:8100',
    );
    const own = { ...EXAMPLE, address: addressBytes('10.2.0.2') };
    expect(exampleText('invalidHmac', own, info)).to.equal('44 bytes from 10.2.0.2:8100');
  });
});
