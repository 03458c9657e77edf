/**
 * The lower bound of `pipeline`: the bare sendmmsg/recvmmsg loop, with the same socket options and control messages,
 * and no work per packet. The same system calls as the product's (by `SendBatch.send` and `ReceiveBatch.fill`), in
 * batches of 64; nothing is read, written or decided.
 */

import { addressBytes, writeSockaddr } from '../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../src/net/batch.js';
import { NativeMemory } from '../../src/net/memory.js';
import { closeDescriptor, openWake, PollSet } from '../../src/net/poll.js';
import { goBeforeOthers } from '../../src/net/priority.js';
import { setFragmentation, UdpSocket } from '../../src/net/socket.js';

const BATCH = 64;
const PAYLOAD = 44;
const BUFFER_BYTES = 8 * 2 ** 20;

export interface FloorTask {
  readonly role: 'echo' | 'send';
  readonly port: number;
  readonly sockets: number;
  readonly targets: number;
  readonly window: number;
  /** The sent packet: its bytes, and the offset of a u32 that differs in every packet, or -1. Default: zeros. */
  readonly packet?: { readonly bytes: Uint8Array; readonly numberAt: number };
  readonly shared: SharedArrayBuffer;
}

/**
 * Memory shared by the main thread and the two sides:
 *
 * | offset | type | field | written by |
 * | ---: | --- | --- | --- |
 * | 0 | i32 | 1 when the echo side is ready | echo |
 * | 4 | i32 | 1: send; 0: hold | main |
 * | 8 | i32 | 1: end | main |
 * | 16 | f64 | echoes so far | send |
 */
export const FLOOR_SHARED_BYTES = 24;
export const FloorFlag = { ready: 0, run: 1, end: 2 } as const;
export const FLOOR_ECHOES = 2;

/** Probes without an echo (role `send`), or 0. */
export default function floor(task: FloorTask): number {
  // As the product's threads do.
  goBeforeOthers();
  if (task.role === 'send') return send(task);
  echo(task);
  return 0;
}

function echo(task: FloorTask): void {
  const flags = new Int32Array(task.shared);
  const socket = UdpSocket.open({
    family: 4,
    address: '0.0.0.0',
    port: task.port,
    receiveBufferBytes: BUFFER_BYTES,
    sendBufferBytes: BUFFER_BYTES,
    tosAndTtl: true,
    packetInfo: true,
    stamps: 'receive',
  });
  setFragmentation(socket.fd, 4, 'never');
  const received = new ReceiveBatch(BATCH, PAYLOAD);
  const replies = new SendBatch(4, BATCH, PAYLOAD, true);
  // One of the addresses that are asked, so that the kernel checks a given source as it does for the reflector; per
  // packet it would be work.
  const source = new NativeMemory(8);
  source.bytes.set(addressBytes('127.1.0.1'));
  for (let i = 0; i < BATCH; i++) {
    replies.setSource(i, source, 0);
    replies.answer(i, received, i, PAYLOAD);
    replies.setTos(i, 184);
  }
  const wakeFd = openWake();
  const poll = new PollSet(wakeFd, [socket.fd]);
  Atomics.store(flags, FloorFlag.ready, 1);
  Atomics.notify(flags, FloorFlag.ready);
  while (Atomics.load(flags, FloorFlag.end) === 0) {
    poll.wait(10_000_000);
    for (;;) {
      const count = received.fill(socket.fd);
      if (count <= 0) break;
      for (let done = 0; done < count; ) done += Math.max(0, replies.send(socket.fd, done, count - done));
      if (count < BATCH) break;
    }
  }
  socket.close();
  closeDescriptor(wakeFd);
}

function send(task: FloorTask): number {
  const flags = new Int32Array(task.shared);
  const counts = new Float64Array(task.shared);
  // Woken by the echo side when its socket is open; blocks this thread only.
  Atomics.wait(flags, FloorFlag.ready, 0, 5_000);
  const sockets = Array.from({ length: task.sockets }, () =>
    UdpSocket.open({
      family: 4,
      address: '0.0.0.0',
      port: 0,
      receiveBufferBytes: BUFFER_BYTES,
      sendBufferBytes: BUFFER_BYTES,
      tosAndTtl: true,
      icmpErrors: true,
      stamps: 'receive',
    }),
  );
  for (const { fd } of sockets) setFragmentation(fd, 4, 'never');
  const wakeFd = openWake();
  const poll = new PollSet(
    wakeFd,
    sockets.map(({ fd }) => fd),
  );
  const { bytes: payload, numberAt } = task.packet ?? { bytes: new Uint8Array(PAYLOAD), numberAt: -1 };
  const received = new ReceiveBatch(BATCH, payload.length);
  // Enough prepared batches that all targets are among them.
  const batches = Array.from({ length: Math.ceil(task.targets / BATCH) }, (_, b) => {
    const batch = new SendBatch(4, BATCH, payload.length);
    for (let i = 0; i < BATCH; i++) {
      const target = (b * BATCH + i) % task.targets;
      writeSockaddr(batch.memory, batch.nameAt(i), 4, addressBytes(`127.1.${target >> 8}.${target & 255}`), task.port);
      batch.setTos(i, 184);
      batch.setLength(i, payload.length);
      batch.memory.bytes.set(payload, batch.payloadAt(i));
    }
    return batch;
  });
  let sent = 0;
  let echoes = 0;
  let next = 0;
  let number = 0;
  /** Receives the outstanding echoes. */
  const drain = (): void => {
    const end = performance.now() + 300;
    while (echoes < sent && performance.now() < end) {
      poll.wait(1_000_000);
      for (const { fd } of sockets) echoes += Math.max(0, received.fill(fd));
    }
  };
  const turn = (): void => {
    for (let s = 0; s < sockets.length && sent - echoes + BATCH <= task.window; s++) {
      const batch = batches[next];
      if (numberAt >= 0)
        for (let i = 0; i < BATCH; i++) batch.memory.view.setUint32(batch.payloadAt(i) + numberAt, number++);
      sent += Math.max(0, batch.send(sockets[s].fd, 0, BATCH));
      next = (next + 1) % batches.length;
    }
    if (poll.wait(sent - echoes + BATCH <= task.window ? 0 : 1_000_000) === 0) return;
    for (let s = 0; s < sockets.length; s++) {
      if (!poll.readable(s)) continue;
      for (let count = BATCH; count === BATCH; ) {
        count = received.fill(sockets[s].fd);
        echoes += Math.max(0, count);
      }
    }
  };
  while (Atomics.load(flags, FloorFlag.end) === 0) {
    if (Atomics.load(flags, FloorFlag.run) === 1) {
      turn();
      counts[FLOOR_ECHOES] = echoes;
      continue;
    }
    drain();
    // Woken by the main thread, which raises the flag first; blocks this thread only, for a tenth of a second: the end
    // is not announced.
    Atomics.wait(flags, FloorFlag.run, 0, 100);
  }
  drain();
  for (const socket of sockets) socket.close();
  closeDescriptor(wakeFd);
  return sent - echoes;
}
