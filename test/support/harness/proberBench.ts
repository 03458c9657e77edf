/**
 * A prober without its thread: real sockets on loopback, turns taken one at a time, and a responder whose answers a test writes. Nothing
 * happens on its own, so what was in the queues when a turn began is known.
 */

import { msToNs, NS_PER_MS } from '../../../src/base/units.js';
import { addressBytes, readSockaddr, SOCKADDR_STRIDE } from '../../../src/net/address.js';
import { ReceiveBatch, SendBatch } from '../../../src/net/batch.js';
import { closeDescriptor, openWake, PollSet } from '../../../src/net/poll.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { Prober, type ProberTools } from '../../../src/prober/prober.js';
import type { ProberState } from '../../../src/prober/state.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../../../src/ring/control.js';
import { createRing, LAST_FINAL_OUTCOME, Outcome, RingConsumer } from '../../../src/ring/ring.js';
import type { FormatSpec, RunMessage, StreamTable, ToProber } from '../../../src/threads/messages.js';
import { reflectStamp, stampT3 } from '../../../src/wire/stamp.js';
import { SteppedClock } from '../fakes/clocks.js';
import { PLAIN_STAMP } from '../fakes/formats.js';

export interface Record {
  readonly path: number;
  readonly outcome: number;
  readonly flags: number;
  readonly tos: number;
  readonly ttl: number;
  readonly sentNs: number;
  readonly receivedNs: number;
  readonly residenceNs: number;
  readonly sequence: number;
}

/** A request as the responder got it. */
export interface Request {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly sequence: number;
  readonly ssid: number;
  readonly tos: number;
  readonly from: Uint8Array;
}

/** A STAMP responder that answers only when asked to. */
export class Script {
  readonly socket: UdpSocket;
  private readonly received = new ReceiveBatch(64, 2048);
  private readonly sending: SendBatch;

  constructor(address = '127.0.0.1', port = 0) {
    const family = address.includes(':') ? 6 : 4;
    this.socket = UdpSocket.open({ family, address, port, tosAndTtl: true });
    this.sending = new SendBatch(family, 1, 2048);
  }

  /** All requests that wait. */
  requests(): Request[] {
    const requests: Request[] = [];
    for (let n = this.received.receive(this.socket.fd); n > 0; n = this.received.receive(this.socket.fd)) {
      const { memory } = this.received;
      for (let i = 0; i < n; i++) {
        const at = this.received.payloadAt(i);
        const bytes = memory.bytes.slice(at, at + this.received.lengths[i]);
        const view = new DataView(bytes.buffer);
        const name = this.received.nameAt(i);
        const from = memory.bytes.slice(name, name + SOCKADDR_STRIDE);
        requests.push({
          bytes,
          view,
          sequence: view.getUint32(0),
          ssid: view.getUint16(14),
          tos: this.received.tos[i],
          from,
        });
      }
    }
    return requests;
  }

  /** The reply that RFC 8762 asks for, with a residence of `residenceNs`. */
  reply({ bytes, sequence }: Request, residenceNs = 0): Uint8Array {
    const reply = bytes.slice();
    const view = new DataView(reply.buffer);
    reflectStamp(view, 0, reply.length, sequence, 1_700_000_000, 5, 64);
    stampT3(view, 0, 1_700_000_000, 5 + residenceNs);
    return reply;
  }

  send(reply: Uint8Array, { from }: Request): void {
    this.sending.memory.bytes.set(reply, this.sending.payloadAt(0));
    this.sending.memory.bytes.set(from, this.sending.nameAt(0));
    this.sending.setLength(0, reply.length);
    const sent = this.sending.send(this.socket.fd, 0, 1);
    if (sent !== 1) throw new Error(`the responder could not send to ${JSON.stringify(this.address(from))}: ${sent}`);
  }

  answer(request: Request, change: (reply: DataView) => void = () => undefined): void {
    const reply = this.reply(request);
    change(new DataView(reply.buffer));
    this.send(reply, request);
  }

  private address(from: Uint8Array): object {
    this.sending.memory.bytes.set(from, this.sending.nameAt(0));
    return readSockaddr(this.sending.memory, this.sending.nameAt(0));
  }
}

export interface BenchOptions extends Partial<ProberTools> {
  readonly ports?: number;
  readonly family?: 4 | 6;
  readonly timestamps?: 'full' | 'receive';
  readonly window?: number;
  readonly ringRecords?: number;
  readonly receiveBufferBytes?: number;
}

export interface RunSpec {
  readonly run?: number;
  readonly periodMs?: number;
  readonly timeoutMs?: number;
  readonly payloadBytes?: number;
  readonly sourcePorts?: number;
  readonly format?: FormatSpec;
  readonly count?: number;
}

export interface StreamSpec {
  readonly id: number;
  readonly port: number;
  readonly address?: string;
  readonly dscp?: number;
}

export function table(streams: readonly StreamSpec[]): StreamTable {
  const addresses = new Uint8Array(streams.length * 16);
  for (const [i, { address = '127.0.0.1' }] of streams.entries()) addresses.set(addressBytes(address), i * 16);
  return {
    ids: Uint32Array.from(streams, ({ id }) => id),
    addresses,
    families: Uint8Array.from(streams, ({ address = '' }) => (address.includes(':') ? 6 : 4)),
    ports: Uint16Array.from(streams, ({ port }) => port),
    tos: Uint8Array.from(streams, ({ dscp = 0 }) => dscp * 4),
    locals: new Uint32Array(streams.length),
  };
}

export class ProberBench {
  readonly clock = new SteppedClock();
  readonly sockets: readonly UdpSocket[];
  readonly control = new ControlBlock<ProberCounter>(PROBER_COUNTERS);
  readonly records: Record[] = [];
  watermarkNs = Number.NEGATIVE_INFINITY;
  prober: Prober;
  private readonly ring: SharedArrayBuffer;
  private readonly consumer: RingConsumer;
  private readonly inbox: ToProber[] = [];
  private readonly wakeFd = openWake();
  private readonly options: BenchOptions;
  private revision = 0;
  /** Streams of each run, as last told. */
  private readonly orders = new Map<number, readonly number[]>();

  constructor(options: BenchOptions = {}) {
    const { ports = 1, family = 4, timestamps = 'full', receiveBufferBytes, ringRecords = 2 ** 14 } = options;
    this.options = options;
    this.sockets = Array.from({ length: ports }, () =>
      UdpSocket.open({
        family,
        address: family === 4 ? '0.0.0.0' : '::',
        port: 0,
        tosAndTtl: true,
        icmpErrors: true,
        stamps: timestamps,
        ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
      }),
    );
    this.ring = createRing(ringRecords);
    this.consumer = new RingConsumer(this.ring);
    this.prober = this.life();
  }

  /** The next life of the thread, on the same sockets, ring and counters. */
  live(): void {
    this.prober = this.life();
    this.control.ring();
  }

  private life(): Prober {
    const { timestamps = 'full', window = 0, family = 4, clock = this.clock, ...tools } = this.options;
    const sockets = this.sockets.map(({ fd, port }, sourceIndex) => ({
      fd,
      set: 0,
      device: undefined,
      family,
      sourceIndex,
      port,
      transport: 'udp' as const,
      skipsIpHeader: false,
    }));
    const start = {
      thread: 0,
      timeBase: this.clock.timeBase,
      stamps: timestamps,
      withoutTos: [],
      sourcePorts: sockets.length,
      sourceIndexes: sockets.map(({ sourceIndex }) => sourceIndex),
      sockets,
      wakeFd: this.wakeFd,
      control: this.control.memory,
      ring: this.ring,
      window,
    };
    const prober = new Prober(start, () => this.inbox.shift(), { ...tools, clock });
    prober.begin();
    return prober;
  }

  run(streams: readonly StreamSpec[], spec: RunSpec = {}, added = streams): RunMessage {
    const { run = 1, periodMs = 20, timeoutMs = 400, payloadBytes = 44, sourcePorts = 4096, count = 0 } = spec;
    const { format = PLAIN_STAMP } = spec;
    const order = streams.map(({ id }) => id);
    const removed = (this.orders.get(run) ?? []).filter((id) => !order.includes(id));
    this.orders.set(run, order);
    const message: RunMessage = {
      type: 'run',
      revision: ++this.revision,
      run,
      periodNs: msToNs(periodMs),
      timeoutNs: msToNs(timeoutMs),
      payloadBytes,
      neverFragment: false,
      parts: 1,
      format,
      set: 0,
      order: Uint32Array.from(order),
      added: table(added),
      removed: Uint32Array.from(removed),
      sourcePorts,
      count,
    };
    this.tell(message);
    return message;
  }

  stop(graceMs: number): void {
    this.tell({ type: 'stop', revision: ++this.revision, graceNs: msToNs(graceMs) });
  }

  private tell(message: ToProber): void {
    this.inbox.push(message);
    this.control.ring();
  }

  turn(): boolean {
    const goesOn = this.prober.turn();
    this.drain();
    return goesOn;
  }

  /** Takes turns until `met`; rejects after `timeoutMs`. */
  until(what: string, met: () => boolean, timeoutMs = 15_000): void {
    const deadline = performance.now() + timeoutMs;
    while (!met()) {
      if (performance.now() > deadline) throw new Error(`took turns for ${timeoutMs} ms in vain: ${what}`);
      this.turn();
    }
  }

  /** Waits until replies wait on the first socket: under load, loopback delivers later than the send returns. */
  untilReadable(): void {
    const poll = new PollSet(this.wakeFd, [this.sockets[0].fd]);
    const deadline = performance.now() + 15_000;
    do poll.wait(NS_PER_MS);
    while (!poll.readable(0) && performance.now() < deadline);
    if (!poll.readable(0)) throw new Error('waited for a reply in vain');
  }

  /** How many streams the prober has slots for. */
  get known(): number {
    const { streams } = Reflect.get(this.prober, 'state') as ProberState;
    return streams.family.reduce((sum, family) => sum + (family === 0 ? 0 : 1), 0);
  }

  count(name: ProberCounter): number {
    return this.control.read(name);
  }

  /** The counters that are not 0, of those named. */
  counts(...names: ProberCounter[]): Partial<{ [K in ProberCounter]: number }> {
    return Object.fromEntries(names.filter((name) => this.count(name) !== 0).map((name) => [name, this.count(name)]));
  }

  of(outcome: number): Record[] {
    return this.records.filter((record) => record.outcome === outcome);
  }

  get waiting(): number {
    return (
      this.count('sent') -
      this.count('received') -
      this.count('lost') -
      this.count('unreachable') -
      this.count('localDrops') -
      this.count('tooBig')
    );
  }

  private drain(): void {
    const { consumer } = this;
    const count = consumer.begin();
    let finals = 0;
    for (let i = 0; i < count; i++) {
      consumer.select(i);
      const { path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence } = consumer;
      if (outcome === Outcome.watermark) {
        if (sentNs < this.watermarkNs) throw new Error('the watermark went back');
        this.watermarkNs = sentNs;
        continue;
      }
      if (outcome <= LAST_FINAL_OUTCOME) {
        finals++;
        if (sentNs < this.watermarkNs)
          throw new Error(`the watermark passed a probe by ${this.watermarkNs - sentNs} ns`);
      }
      this.records.push({ path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence });
    }
    consumer.release(count, finals);
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
    closeDescriptor(this.wakeFd);
  }
}
