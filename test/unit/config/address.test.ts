import { expect } from 'chai';
import { isLoopback } from '../../../src/config/address.js';

describe('listen addresses', () => {
  it('are loopback in every notation', () => {
    for (const text of ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1']) expect(isLoopback(text)).to.equal(true);
    for (const text of ['10.0.0.1', '::', '::ffff:10.0.0.1', 'localhost', '']) expect(isLoopback(text)).to.equal(false);
  });
});
