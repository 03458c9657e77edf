import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { addressBytes, addressText, readSockaddr, writeSockaddr } from '../../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../../src/net/batch.js';
import { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, SO_EE_ORIGIN_TIMESTAMPING } from '../../../src/net/constants.js';
import { interfaceIndex } from '../../../src/net/device.js';
import type { SocketFeature } from '../../../src/net/features.js';
import { EAGAIN, errnoName } from '../../../src/net/libc.js';
import { closeDescriptor, openWake, PollSet } from '../../../src/net/poll.js';
import {
  pathMtu,
  receiveQueueDrops,
  routeErrno4,
  SourceAddressFinder,
  UdpSocket,
  type UdpSocketOptions,
} from '../../../src/net/socket.js';
import { openDescriptors } from '../../support/harness/live.js';
import { needs } from '../../support/harness/needs.js';

const PAYLOAD = Uint8Array.from({ length: 44 }, (_, i) => i + 1);
const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

describe('UDP sockets', () => {
  const open: UdpSocket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
  });
  function socket(family: 4 | 6, options: Partial<UdpSocketOptions> = {}): UdpSocket {
    const made = UdpSocket.open({ family, address: LOOPBACK[family], port: 0, ...options });
    open.push(made);
    return made;
  }
  function send(from: UdpSocket, to: { address: string; port: number }, tos = 0, count = 1): number {
    const batch = new SendBatch(from.family, count, PAYLOAD.length);
    for (let i = 0; i < count; i++) {
      batch.memory.bytes.set(PAYLOAD, batch.payloadAt(i));
      writeSockaddr(batch.memory, batch.nameAt(i), from.family, addressBytes(to.address), to.port);
      batch.setTos(i, tos);
      batch.setLength(i, PAYLOAD.length);
    }
    return batch.send(from.fd, 0, count);
  }
  /** Waits for the kernel to have something for `batch`. */
  async function receive(batch: ReceiveBatch, from: UdpSocket): Promise<number> {
    for (let i = 0; i < 1000; i++) {
      const count = batch.receive(from.fd);
      if (count !== -EAGAIN) return count;
      await sleep(2);
    }
    throw new Error('nothing came');
  }

  for (const family of [4, 6] as const) {
    it(`IPv${family}: deliver a datagram with its sender, TOS, TTL, kernel stamp and local address`, async () => {
      const to = socket(family, { tosAndTtl: true, packetInfo: true, stamps: 'receive' });
      const from = socket(family);
      const beforeMs = Date.now() - 1;
      const batch = new ReceiveBatch(4, 64);
      // The kernel turns stamping on a moment after the first socket that asks for it: the first datagrams may come without.
      for (let i = 0; i < 100 && batch.stampS[0] === 0; i++) {
        expect(send(from, to, 184)).to.equal(1);
        expect(await receive(batch, to)).to.equal(1);
      }
      expect(readSockaddr(batch.memory, batch.nameAt(0))).to.deep.equal({ address: LOOPBACK[family], port: from.port });
      expect([batch.lengths[0], batch.tos[0], batch.ttl[0], batch.truncated[0]]).to.deep.equal([44, 184, 64, 0]);
      expect(batch.stampS[0] * 1000 + batch.stampNs[0] / 1e6).to.be.within(beforeMs, Date.now() + 1);
      const local = batch.memory.bytes.subarray(
        batch.localAddressAt[0],
        batch.localAddressAt[0] + (family === 4 ? 4 : 16),
      );
      expect(addressText(local)).to.equal(LOOPBACK[family]);
      expect(batch.memory.bytes.subarray(batch.payloadAt(0), batch.payloadAt(0) + 44)).to.deep.equal(PAYLOAD);
      expect(batch.receive(to.fd)).to.equal(-EAGAIN);
    });

    for (const [refused, unitNs] of [
      [['sendStamps', 'timestamping'], 1],
      [['sendStamps', 'timestamping', 'timestampNs'], 1_000],
    ] as const)
      it(`IPv${family}: deliver the kernel's stamp without ${refused.join(' and ')}`, async () => {
        const to = socket(family, { stamps: 'full', without: new Set<SocketFeature>(refused) });
        const from = socket(family);
        const beforeMs = Date.now() - 1;
        const batch = new ReceiveBatch(4, 64);
        const parts: number[] = [];
        for (let i = 0; i < 20; i++) {
          send(from, to);
          const sentMs = Date.now();
          // The stamp is of the arrival, not of the reading.
          if (i === 0) await sleep(50);
          expect(await receive(batch, to)).to.equal(1);
          const stampMs = batch.stampS[0] * 1000 + batch.stampNs[0] / 1e6;
          expect(stampMs).to.be.within(beforeMs, sentMs + 10);
          parts.push(batch.stampNs[0] % 1_000);
        }
        expect(parts.every((ns) => ns === 0)).to.equal(unitNs === 1_000);
      });

    it(`IPv${family}: return the packet with a send stamp, the payload at its end`, async () => {
      const to = socket(family);
      const from = socket(family, { stamps: 'full', icmpErrors: true });
      send(from, to, 8);
      const batch = new ReceiveBatch(4, 44 + 128, 'errors');
      expect(await receive(batch, from)).to.equal(1);
      expect(batch.errorOrigin[0]).to.equal(SO_EE_ORIGIN_TIMESTAMPING);
      expect(batch.stampS[0]).to.be.within(Math.floor(Date.now() / 1000) - 5, Math.ceil(Date.now() / 1000));
      const end = batch.payloadAt(0) + batch.lengths[0];
      expect(batch.memory.bytes.subarray(end - 44, end)).to.deep.equal(PAYLOAD);
    });

    it(`IPv${family}: deliver an ICMP error with the quoted payload, pending on the next call`, async () => {
      const closed = UdpSocket.open({ family, address: LOOPBACK[family], port: 0 });
      closed.close();
      const from = socket(family, { icmpErrors: true });
      send(from, closed);
      const errors = new ReceiveBatch(4, 172, 'errors');
      const data = new ReceiveBatch(4, 64);
      // The pending error is returned once by reading data; the queue keeps it.
      for (let i = 0; i < 500 && errnoName(-data.receive(from.fd)) !== 'ECONNREFUSED'; i++) await sleep(2);
      expect(data.receive(from.fd)).to.equal(-EAGAIN);
      expect(await receive(errors, from)).to.equal(1);
      expect(errors.errorOrigin[0]).to.equal(family === 4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6);
      // Port unreachable: RFC 792, RFC 4443.
      expect([errors.errorType[0], errors.errorCode[0]]).to.deep.equal(family === 4 ? [3, 3] : [1, 4]);
      expect(errnoName(errors.errorErrno[0])).to.equal('ECONNREFUSED');
      expect(errors.lengths[0]).to.equal(44);
      expect(errors.memory.bytes.subarray(errors.payloadAt(0), errors.payloadAt(0) + 44)).to.deep.equal(PAYLOAD);
    });
  }

  it('return a short batch for a pending ICMP error, although more datagrams wait', async () => {
    const to = socket(4, { icmpErrors: true });
    const from = socket(4);
    const closed = UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0 });
    closed.close();
    send(from, to, 0, 5);
    send(to, closed);
    const data = new ReceiveBatch(64, 64);
    const seen: number[] = [];
    for (let i = 0; i < 500 && seen.filter((count) => count > 0).reduce((a, b) => a + b, 0) < 5; i++) {
      const count = data.receive(to.fd);
      if (count !== -EAGAIN) seen.push(count);
      else await sleep(2);
    }
    // Here it is returned first; what matters is that something but EAGAIN came before the queue was empty.
    expect(seen.some((count) => count < 0)).to.equal(true);
  });

  it('truncate a payload longer than its buffer, and report that', async () => {
    const to = socket(4);
    send(socket(4), to);
    const batch = new ReceiveBatch(2, 16);
    expect(await receive(batch, to)).to.equal(1);
    expect([batch.lengths[0], batch.truncated[0]]).to.deep.equal([16, 1]);
  });

  it('count drops of a small receive queue, by SO_MEMINFO and with the next datagram', async () => {
    const to = socket(4, { receiveBufferBytes: 2048, dropCounter: true });
    const from = socket(4);
    expect(receiveQueueDrops(to.fd)).to.equal(0);
    for (let i = 0; i < 20; i++) send(from, to, 0, 10);
    const batch = new ReceiveBatch(64, 64);
    const held = await receive(batch, to);
    expect(held).to.be.within(1, 63);
    const drops = receiveQueueDrops(to.fd);
    expect(drops).to.equal(200 - held);
    send(from, to);
    expect(await receive(batch, to)).to.equal(1);
    expect(batch.drops[0]).to.equal(drops);
  });

  it('share a port only with sockets that agree, and name the port to others', () => {
    const first = socket(4, { reusePort: true });
    expect(socket(4, { reusePort: true, port: first.port }).port).to.equal(first.port);
    const before = openDescriptors();
    let error: unknown;
    try {
      socket(4, { port: first.port });
    } catch (reason) {
      error = reason;
    }
    expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_ADDRESS_IN_USE');
    const { message } = error as LlamaError;
    for (const part of ['bind', 'EADDRINUSE', `127.0.0.1:${first.port}`, 'ss -lunp']) expect(message).to.include(part);
    expect(openDescriptors()).to.equal(before);
  });

  it('refuse an address of another host with the call, the errno and the remedy', () => {
    const wrong = () => socket(6, { address: '2001:db8::1' });
    expect(wrong).to.throw(LlamaError, /bind: EADDRNOTAVAIL .*\[2001:db8::1\]:0: .*ip address/);
  });

  it('find the source address towards a target without sending', () => {
    const finder = new SourceAddressFinder();
    for (let i = 0; i < 3; i++) {
      expect(finder.find(4, '127.0.0.9')).to.equal('127.0.0.1');
      expect(finder.find(6, '::1')).to.equal('::1');
    }
    finder.close();
  });

  it('find the source address again after a target without a route, also without the right to bind a bound socket', async function () {
    needs(this, 'root');
    const module = new URL('../../../src/net/socket.js', import.meta.url).href;
    const script = `
      const { SourceAddressFinder } = await import(${JSON.stringify(module)});
      const finder = new SourceAddressFinder();
      const targets = ['::1', '2001:db8::1', '::1', '::1'];
      console.log(targets.map((target) => String(finder.find(6, target, 'lo'))).join());`;
    const nobody = '--reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all'.split(' ');
    const node = [process.execPath, '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)('setpriv', [...nobody, ...node]);
    expect(stdout.trim()).to.equal('::1,undefined,::1,::1');
  });

  it('reject an interface name that is too long, instead of using the previous one', () => {
    expect(socket(4, { device: 'lo' }).port).to.be.above(0);
    // Ten characters, twenty bytes.
    for (const device of ['ü'.repeat(10), 'lo'.repeat(10)]) {
      expect(() => socket(4, { device })).to.throw(LlamaError, /SO_BINDTODEVICE.*ENODEV/);
      expect(interfaceIndex(device)).to.equal(0);
    }
    expect(interfaceIndex('lo')).to.equal(1);
  });

  it('distinguish data from errors in a poll, and ignore both in sleep', () => {
    const quiet = socket(4);
    const to = socket(4);
    const from = socket(4, { stamps: 'full', icmpErrors: true });
    const wakeFd = openWake();
    const set = new PollSet(wakeFd, [quiet.fd, to.fd, from.fd]);
    send(from, to);
    expect(set.wait(2e9)).to.be.at.least(1);
    while (!set.readable(1) || !set.hasErrors(2)) set.wait(1e6);
    expect([set.readable(0), set.hasErrors(0), set.hasErrors(1), set.readable(2)]).to.deep.equal(Array(4).fill(false));
    expect(set.sleep(1e6)).to.equal(0);
    closeDescriptor(wakeFd);
  });
});

describe('route queries of a prober', () => {
  const words = new Uint32Array(12);
  words.set(new Uint32Array(addressBytes('127.0.0.1').slice().buffer), 4);
  words.set(new Uint32Array(addressBytes('::1').slice().buffer), 8);
  const asked: Readonly<Record<string, () => number>> = {
    'why there is no way to an IPv4 target': () => routeErrno4(words, 4),
    'the MTU to an IPv4 target': () => pathMtu(4, words, 4, 0),
    'the MTU to an IPv6 target': () => pathMtu(6, words, 8, 0),
  };

  it('are answered for the address at its offset', () => {
    expect(Object.values(asked).map((ask) => ask() > 1_000)).to.deep.equal([false, true, true]);
    expect(routeErrno4(words, 4), 'loopback').to.equal(0);
  });

  it('allocate nothing', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const CALLS = 5_000;
    const ROUNDS = 8;
    // An object takes at least 16 bytes; a view of a buffer some 100.
    const MOST_BYTES = 8;
    for (const [title, ask] of Object.entries(asked)) {
      // V8 itself allocates while it compiles: the least of some rounds counts.
      const rounds = Array.from({ length: ROUNDS }, () => {
        collect();
        const before = process.memoryUsage().heapUsed;
        for (let i = 0; i < CALLS; i++) ask();
        return (process.memoryUsage().heapUsed - before) / CALLS;
      });
      expect(Math.min(...rounds), title).to.be.below(MOST_BYTES);
    }
  });
});
