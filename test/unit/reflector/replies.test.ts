import { expect } from 'chai';
import { addressBytes } from '../../../src/net/address.js';
import { ReceiveBatch } from '../../../src/net/batch.js';
import { SystemClock } from '../../../src/net/clock.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { Format } from '../../../src/reflector/messages.js';
import { ReplySender, SHORT_CHUNK } from '../../../src/reflector/replies.js';
import { stampRequest } from '../../support/fakes/udpPeer.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();

describe('ReplySender', () => {
  let socket: UdpSocket;
  beforeEach(() => {
    socket = UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0, packetInfo: true });
  });
  afterEach(async () => {
    socket.close();
    await fixture.closeAll();
  });

  /** Receives `count` requests of a new peer into one batch. */
  async function requests(count: number) {
    const peer = await fixture.peer();
    for (let i = 0; i < count; i++) await peer.send(stampRequest(i), socket.port);
    const batch = new ReceiveBatch(count, 64);
    expect(batch.receive(socket.fd)).to.equal(count);
    const sender = new ReplySender(batch, new SystemClock(), () => expect.fail('nothing to wait for'));
    return { peer, batch, sender };
  }

  it('counts a refused reply, without losing others', async () => {
    const { peer, batch, sender } = await requests(6);
    const refused = [0, 3, 5];
    // An address that is not ours can't be sent from.
    const foreign = addressBytes('203.0.113.1');
    for (const j of refused) batch.memory.bytes.set(foreign, batch.localAddressAt[j]);
    for (let j = 0; j < 6; j++) sender.add(4, j, 0, Format.stamp, 0);
    sender.flush(4, socket.fd);
    await waitFor('three replies', () => peer.received.length === 3);
    expect(peer.received.map(({ bytes }) => bytes.readUInt32BE(0))).to.deep.equal([1, 2, 4]);
    expect([sender.sent, sender.errors]).to.deep.equal([3, 3]);
  });

  it('is full after a chunk, and empty again after sending it', async () => {
    const { peer, sender } = await requests(SHORT_CHUNK);
    for (let j = 0; j < SHORT_CHUNK; j++) {
      expect(sender.full).to.equal(false);
      sender.add(4, j, 0, Format.stamp, 0);
    }
    expect(sender.full).to.equal(true);
    sender.flush(4, socket.fd);
    sender.flush(4, socket.fd);
    await waitFor('all replies', () => peer.received.length === SHORT_CHUNK);
    expect([sender.full, sender.sent, sender.errors]).to.deep.equal([false, SHORT_CHUNK, 0]);
  });
});
