import { expect } from 'chai';
import { addressBytes, readSockaddr, sockaddrAddressOffset, writeSockaddr } from '../../../src/net/address.js';
import { SendBatch } from '../../../src/net/batch.js';

describe('socket addresses', () => {
  for (const [address, port] of [
    ['0.0.0.0', 0],
    ['192.0.2.255', 65_535],
    ['127.0.0.1', 8100],
    ['::', 1],
    ['2001:db8::ff00:42:8329', 862],
    ['::ffff:192.0.2.1', 53],
  ] as const)
    it(`are read back unchanged for ${address} port ${port}`, () => {
      const family = address.includes(':') ? 6 : 4;
      const { memory } = new SendBatch(family, 1, 8);
      memory.bytes.fill(0xff);
      const length = writeSockaddr(memory, 64, family, addressBytes(address), port);
      expect(length).to.equal(family === 4 ? 16 : 28);
      expect(memory.bytes[64 + length]).to.equal(0xff);
      const read = readSockaddr(memory, 64);
      expect(read.port).to.equal(port);
      expect(addressBytes(read.address)).to.deep.equal(addressBytes(address));
      expect(memory.bytes[64 + sockaddrAddressOffset(family)]).to.equal(addressBytes(address)[0]);
    });
});
