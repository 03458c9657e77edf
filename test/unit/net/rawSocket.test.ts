/** Raw TCP and ICMP against this machine's own TCP and ICMP, on loopback. */

import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { addressBytes, writeSockaddr } from '../../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../../src/net/batch.js';
import { SO_EE_ORIGIN_TIMESTAMPING } from '../../../src/net/constants.js';
import { EAGAIN } from '../../../src/net/libc.js';
import { RawSocket, TcpPort } from '../../../src/net/rawSocket.js';
import {
  checksumEcho,
  Echo,
  EchoType,
  ICMP_ECHO_BYTES,
  readEchoReply,
  writeEchoRequest,
} from '../../../src/wire/icmpEcho.js';
import {
  checksumTcp4,
  readTcpAnswer,
  synSequence,
  TCP_BYTES,
  TcpAnswer,
  writeTcpSyn,
} from '../../../src/wire/tcpSyn.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
const MASK = 0x1234_5678;

describe('raw sockets', () => {
  const open: { close(): void }[] = [];
  before(function () {
    needs(this, 'root');
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });
  function keep<T extends { close(): void }>(one: T): T {
    open.push(one);
    return one;
  }
  async function listen(family: 4 | 6): Promise<number> {
    const server: Server = createServer((socket) => socket.destroy());
    server.listen(0, LOOPBACK[family]);
    await once(server, 'listening');
    keep(server);
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
  async function received(batch: ReceiveBatch, socket: RawSocket): Promise<number> {
    return waitFor('something comes', () => {
      const count = batch.receive(socket.fd);
      return count !== -EAGAIN && count;
    });
  }
  const headerBytes = (batch: ReceiveBatch, socket: RawSocket): number =>
    socket.family === 4 && socket.kind === 'raw' ? (batch.memory.bytes[batch.payloadAt(0)] & 0xf) * 4 : 0;

  for (const family of [4, 6] as const) {
    const options = { family, address: LOOPBACK[family], tosAndTtl: true, icmpErrors: true, stamps: 'full' as const };

    function sendSyn(socket: RawSocket, from: number, to: number, sequence: number): void {
      const batch = new SendBatch(family, 1, TCP_BYTES, true);
      writeSockaddr(batch.memory, batch.nameAt(0), family, addressBytes(LOOPBACK[family]), 0);
      const at = batch.payloadAt(0);
      const { view, bytes } = batch.memory;
      writeTcpSyn(view, at, from, to, sequence);
      if (family === 4) {
        const addresses = new Uint8Array([...addressBytes(LOOPBACK[4]), ...addressBytes(LOOPBACK[4])]);
        checksumTcp4(view, at, TCP_BYTES, new DataView(addresses.buffer), 0, 4);
      }
      bytes.set(addressBytes(LOOPBACK[family]), batch.nameAt(0) + (family === 4 ? 4 : 8));
      batch.setSource(0, batch.memory, batch.nameAt(0) + (family === 4 ? 4 : 8));
      batch.setTos(0, 0xb8);
      batch.setLength(0, TCP_BYTES);
      expect(batch.send(socket.fd, 0, 1)).to.equal(1);
    }

    for (const state of ['open', 'closed'] as const) {
      it(`IPv${family}: receive the answer to a SYN to a port that is ${state}, with kernel stamps of both`, async () => {
        const reserved = keep(new TcpPort(family, LOOPBACK[family], 0));
        const socket = keep(RawSocket.openTcp(options, [reserved.port]));
        const port = state === 'open' ? await listen(family) : keep(new TcpPort(family, LOOPBACK[family], 0)).port;
        sendSyn(socket, reserved.port, port, synSequence(7, 70_000, MASK));
        const batch = new ReceiveBatch(8, 128);
        expect(await received(batch, socket)).to.equal(1);
        const answer = new TcpAnswer();
        const skip = headerBytes(batch, socket);
        expect(
          readTcpAnswer(batch.memory.view, batch.payloadAt(0) + skip, batch.lengths[0] - skip, MASK, answer),
        ).to.equal(true);
        expect(answer).to.deep.equal(
          Object.assign(new TcpAnswer(), {
            sourcePort: port,
            destinationPort: reserved.port,
            ssid: 7,
            sequence: 70_000 & 0xffff,
            open: state === 'open',
          }),
        );
        expect(batch.stampS[0]).to.be.above(0);
        expect(batch.ttl[0]).to.equal(64);
        const errors = new ReceiveBatch(8, 256, 'errors');
        await waitFor('the send stamp', () => errors.receive(socket.fd) > 0);
        expect(errors.errorOrigin[0]).to.equal(SO_EE_ORIGIN_TIMESTAMPING);
        expect(errors.stampS[0]).to.equal(batch.stampS[0]);
      });
    }

    it(`IPv${family}: receive nothing from the host's own connections`, async () => {
      const reserved = keep(new TcpPort(family, LOOPBACK[family], 0));
      const socket = keep(RawSocket.openTcp(options, [reserved.port]));
      const port = await listen(family);
      for (let i = 0; i < 50; i++) {
        const client = connect(port, LOOPBACK[family]);
        await once(client, 'close');
      }
      expect(new ReceiveBatch(8, 128).receive(socket.fd)).to.equal(-EAGAIN);
    });

    it(`IPv${family}: reserve a TCP port exclusively`, () => {
      const reserved = keep(new TcpPort(family, LOOPBACK[family], 0));
      expect(() => new TcpPort(family, LOOPBACK[family], reserved.port)).to.throw('EADDRINUSE');
    });

    it(`IPv${family}: receive the answer to an echo request, with kernel stamps of both`, async () => {
      const socket = keep(RawSocket.openIcmp(options, 0xbeef));
      const batch = new SendBatch(family, 1, ICMP_ECHO_BYTES);
      const at = batch.payloadAt(0);
      writeSockaddr(batch.memory, batch.nameAt(0), family, addressBytes(LOOPBACK[family]), 0);
      writeEchoRequest(batch.memory.view, at, family, socket.identifier, 70_001, 1_700_000_000, 5, 9);
      if (family === 4) checksumEcho(batch.memory.view, at, ICMP_ECHO_BYTES);
      batch.setLength(0, ICMP_ECHO_BYTES);
      expect(batch.send(socket.fd, 0, 1)).to.equal(1);
      const replies = new ReceiveBatch(8, 128);
      expect(await received(replies, socket)).to.equal(1);
      const echo = new Echo();
      const skip = headerBytes(replies, socket);
      const start = replies.payloadAt(0) + skip;
      expect(readEchoReply(replies.memory.view, start, replies.lengths[0] - skip, family, echo)).to.equal(true);
      expect(echo).to.deep.equal(
        Object.assign(new Echo(), {
          identifier: socket.identifier,
          sequence: 70_001,
          t1S: 1_700_000_000,
          t1Ns: 5,
          ssid: 9,
        }),
      );
      expect(replies.stampS[0]).to.be.above(0);
      expect(replies.memory.view.getUint8(start)).to.equal(family === 4 ? EchoType.reply4 : EchoType.reply6);
    });
  }

  it('accept the filter of 1,500 scattered ports', () => {
    const ports = Array.from({ length: 1_500 }, (_, i) => 20_000 + 2 * i);
    keep(RawSocket.openTcp({ family: 4, address: '127.0.0.1' }, ports));
  });
});
