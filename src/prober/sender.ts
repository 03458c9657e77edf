/** Sends due probes: gathers them per socket, and sends each batch in one system call. */

import { NS_PER_S } from '../base/units.js';
import {
  type Family,
  SOCKADDR_IN6_FLOW,
  SOCKADDR_IN6_SCOPE,
  SOCKADDR_PORT,
  sockaddrAddressOffset,
} from '../net/address.js';
import { SendBatch } from '../net/batch.js';
import { AF_INET, AF_INET6 } from '../net/constants.js';
import { EADDRNOTAVAIL, EAGAIN, EINVAL, EMSGSIZE, ENOBUFS, EPERM } from '../net/libc.js';
import { pathMtu, routeErrno4, sendBufferFull, setFlowLabels, setFragmentation } from '../net/socket.js';
import { Outcome } from '../ring/ring.js';
import { UNKNOWN_SOURCE } from '../threads/messages.js';
import { type ProbeBatch, type ProbeFormat, SEND_BATCH } from './formats/format.js';
import type { ProbeRun } from './run.js';
import { COUNTER, type ProberState } from './state.js';
import { F64, SlotState, U8, U32 } from './tables/slots.js';
import { type ProberSocket, TRANSPORT } from './tables/sources.js';

/** A pending ICMP error makes the kernel refuse one send, to any destination. Several errors may be pending. */
const PENDING_ERRORS = 8;

export class Sender {
  private readonly state: ProberState;
  /** Batches of each format, allocated at its first send. */
  private readonly batches = new Map<ProbeFormat, Partial<Record<Family, SendBatch>>>();
  /** Keeps the compiler from removing `fetch` as dead code. */
  fetched = 0;
  /** The gathered probes: socket, streams and slots by message; their run and their batch. */
  private readonly probes: ProbeBatch;
  private run: ProbeRun | undefined;
  private batch: SendBatch | undefined;

  constructor(state: ProberState) {
    this.state = state;
    this.probes = {
      slots: state.slots,
      streams: state.streams,
      socket: state.sources.sockets[0],
      count: 0,
      stream: new Uint32Array(SEND_BATCH),
      slot: new Uint32Array(SEND_BATCH),
    };
  }

  /** Probes that wait for `flush` and are not yet counted as sent. */
  get gathered(): number {
    return this.probes.count;
  }

  /**
   * Hot: prefetches the slots of the next `count` probes of `run`, so that the cache misses overlap. They were last
   * used a full round of slots ago. Without the prefetch the misses in `add` took a tenth of the thread's CPU time.
   * Read-only.
   */
  fetch(run: ProbeRun, count: number): void {
    const { streams, slots } = this.state;
    const { order, port } = run;
    const end = Math.min(run.index + count, run.portEnd);
    let all = 0;
    for (let i = run.index; i < end; i++) {
      const stream = order[i];
      all ^= slots.state[streams.slot(stream, port, streams.nextSequence[stream * streams.ports + port]) * U8];
    }
    this.fetched = all;
  }

  /**
   * Hot: gathers the next probe of `run` on `socket`. Returns false, without effect, when the slot's earlier probe
   * still waits or the run is full.
   */
  add(run: ProbeRun, socket: ProberSocket, stream: number): boolean {
    const { probes } = this;
    if (probes.count > 0 && (socket !== probes.socket || run !== this.run || probes.count === SEND_BATCH)) this.flush();
    const { streams, slots } = this.state;
    const path = stream * streams.ports + socket.localIndex;
    const sequence = streams.nextSequence[path];
    const slot = streams.slot(stream, socket.localIndex, sequence);
    if (slots.state[slot * U8] === SlotState.waiting || run.full) return false;
    streams.nextSequence[path] = sequence + 1;
    // Marked now, so that a batch with more probes of a path than slots does not use a slot twice.
    slots.state[slot * U8] = SlotState.waiting;
    slots.sequence[slot * U32] = sequence;
    slots.path[slot * U32] = path;
    if (probes.count === 0) {
      probes.socket = socket;
      this.run = run;
      this.batch = this.batchOf(run.format, socket.family);
    }
    const i = probes.count++;
    probes.stream[i] = stream;
    probes.slot[i] = slot;
    const batch = this.batch as SendBatch;
    const { u16, u32 } = batch.memory;
    const name = batch.nameAt(i);
    // Raw sockets require port 0 here.
    u16[(name + SOCKADDR_PORT) >> 1] = socket.transport === TRANSPORT.udp ? streams.port[stream] : 0;
    const address = (name + sockaddrAddressOffset(socket.family)) >> 2;
    u32[address] = streams.address[stream * 4];
    if (socket.family === 6) {
      for (let word = 1; word < 4; word++) u32[address + word] = streams.address[stream * 4 + word];
      u32[(name + SOCKADDR_IN6_SCOPE) >> 2] = streams.local[stream];
      u32[(name + SOCKADDR_IN6_FLOW) >> 2] = flowLabel(streams.flow[stream], socket.port);
    }
    batch.setTos(i, streams.tos[stream]);
    return true;
  }

  /**
   * Counts a send error: the stream's family has no socket, because its source address or interface does not exist yet.
   */
  refuseWithoutSocket(stream: number, localIndex: number): void {
    const { streams, clock } = this.state;
    this.countRefusal(stream, EADDRNOTAVAIL);
    const sequence = streams.nextSequence[stream * streams.ports + localIndex];
    const { sendError } = Outcome;
    this.state.record(stream, localIndex, sendError, 0, 0, 0, clock.nowNs(), 0, EADDRNOTAVAIL, sequence);
  }

  /** Hot: stamps and sends the gathered probes. */
  flush(): void {
    const { run, batch, probes } = this;
    const { count } = probes;
    if (count === 0 || run === undefined || batch === undefined) return;
    const { slots, counters, clock, steps } = this.state;
    const { t1StepNs } = run.format;
    const sentNs = clock.nowNs();
    const wallNs = sentNs + steps.offsetNs;
    const wholeS = Math.floor(wallNs / NS_PER_S);
    let t1S = clock.timeBase.epochS + wholeS;
    let t1Ns = Math.floor(wallNs - wholeS * NS_PER_S);
    for (let i = 0; i < count; i++) {
      const slot = probes.slot[i];
      slots.sentNs[slot * F64] = sentNs;
      slots.kernelNs[slot * F64] = 0;
      slots.t1S[slot * U32] = t1S;
      slots.t1Ns[slot * U32] = t1Ns;
      slots.epoch[slot * U8] = steps.epoch;
      // Each probe has a T1 of its own: where the SSID is not returned, only T1 tells two classes of a target apart.
      t1Ns += t1StepNs;
      if (t1Ns >= NS_PER_S) {
        t1Ns -= NS_PER_S;
        t1S++;
      }
    }
    run.format.write(batch, probes);
    if (probes.socket.neverFragment !== run.neverFragment) this.fragment(probes.socket, run.neverFragment);
    probes.count = 0;
    counters[COUNTER.sent] += count;
    let done = 0;
    let tries = 0;
    let labelsOff = false;
    while (done < count) {
      const taken = batch.send(probes.socket.fd, done, count - done);
      if (taken > 0) {
        const leftNs = clock.nowNs();
        for (const end = done + taken; done < end; done++) run.push(probes.slot[done], leftNs);
        tries = 0;
        labelsOff = false;
        continue;
      }
      const errno = -taken;
      // EAGAIN alone does not mean that the socket's buffer is full: the kernel also returns it for a single
      // destination (IPsec).
      const bufferFull = errno === EAGAIN && sendBufferFull(probes.socket.fd);
      // Neither is ever a pending error: a queue on this probe's way out of the host is full, or a rule of this host's
      // firewall dropped this probe. A retry would hide a rule that drops a part.
      const ownRefusal = errno === ENOBUFS || errno === EPERM;
      if (!bufferFull && !ownRefusal && tries < PENDING_ERRORS) {
        tries++;
        continue;
      }
      if (errno === EINVAL && probes.socket.family === 6 && (labelsOff || probes.socket.flowLabels)) {
        // Where another program of this host has exclusive flow labels, the kernel accepts leased labels only. A retry
        // without labels shows whether that is the cause.
        labelsOff = !labelsOff;
        this.useFlowLabels(probes.socket, !labelsOff);
        tries = 0;
        if (labelsOff) continue;
      }
      // A full send buffer also refuses the rest of the batch. Any other error is charged to this probe only.
      const refused = bufferFull ? count - done : 1;
      // In reverse order, so that all sequence numbers of a path can be returned.
      for (let i = done + refused - 1; i >= done; i--) {
        if (errno === EMSGSIZE) this.tooBig(i, sentNs);
        else this.refuse(i, sentNs, errno === EINVAL ? this.whyInvalid(i) : errno);
      }
      done += refused;
      tries = 0;
    }
  }

  /** Set for each group, because a source port serves all groups. */
  private fragment(socket: ProberSocket, never: boolean): void {
    setFragmentation(socket.fd, socket.family, never ? 'never' : 'asNeeded');
    socket.neverFragment = never;
  }

  private useFlowLabels(socket: ProberSocket, on: boolean): void {
    setFlowLabels(socket.fd, on);
    socket.flowLabels = on;
  }

  private batchOf(format: ProbeFormat, family: Family): SendBatch {
    const known = this.batches.get(format);
    const batch = known?.[family] ?? newBatch(family, format);
    if (known === undefined) this.batches.set(format, { [family]: batch });
    else known[family] = batch;
    return batch;
  }

  /** A probe larger than the interface's MTU: it counts as sent, and is decided at once. */
  private tooBig(i: number, sentNs: number): void {
    const { slots, streams, counters } = this.state;
    const { stream, socket } = this.probes;
    const slot = this.probes.slot[i];
    slots.state[slot * U8] = SlotState.tooBig;
    counters[COUNTER.tooBig]++;
    const mtu = pathMtu(socket.family, streams.address, stream[i] * 4, streams.local[stream[i]], socket.device);
    this.state.record(
      stream[i],
      socket.localIndex,
      Outcome.tooBig,
      0,
      0,
      0,
      sentNs,
      0,
      mtu,
      slots.sequence[slot * U32],
    );
  }

  /**
   * A SYN over IPv4 without a local address is refused as invalid. The cause is the missing route from which to learn
   * the address.
   */
  private whyInvalid(i: number): number {
    const { streams } = this.state;
    const { stream, socket } = this.probes;
    if (socket.transport !== TRANSPORT['tcp-syn'] || streams.local[stream[i]] !== UNKNOWN_SOURCE) return EINVAL;
    return routeErrno4(streams.address, stream[i] * 4, socket.device) || EADDRNOTAVAIL;
  }

  /** Counts a probe that the kernel refused, and stores it as the counter's example. */
  private countRefusal(stream: number, errno: number): void {
    const { streams, counters, examples } = this.state;
    counters[COUNTER.sendErrors]++;
    const bytes = this.run?.format.payloadBytes ?? 0;
    const { family, address, port } = streams;
    examples.note(COUNTER.sendErrors, family[stream], address, stream * 4, port[stream], bytes, errno, stream);
  }

  private refuse(i: number, sentNs: number, errno: number): void {
    const { slots, streams, counters } = this.state;
    const { stream, socket } = this.probes;
    const slot = this.probes.slot[i];
    const path = slots.path[slot * U32];
    const sequence = slots.sequence[slot * U32];
    slots.state[slot * U8] = SlotState.free;
    // The number is reused, unless a later probe of the path has left already.
    if (streams.nextSequence[path] === (sequence + 1) >>> 0) streams.nextSequence[path] = sequence;
    counters[COUNTER.sent]--;
    this.countRefusal(stream[i], errno);
    this.state.record(stream[i], socket.localIndex, Outcome.sendError, 0, 0, 0, sentNs, 0, errno, sequence);
  }
}

function newBatch(family: Family, format: ProbeFormat): SendBatch {
  // This process writes the checksum of a SYN over IPv4, which covers the source address.
  const withSource = family === 4 && format.transport === TRANSPORT['tcp-syn'];
  const batch = new SendBatch(family, SEND_BATCH, format.payloadBytes, withSource);
  for (let i = 0; i < SEND_BATCH; i++) {
    batch.memory.u16[batch.nameAt(i) >> 1] = family === 4 ? AF_INET : AF_INET6;
    batch.setLength(i, format.payloadBytes);
  }
  format.writeFrame(batch);
  return batch;
}

/**
 * Flow label for a target and a source port, in network byte order as in a socket address. It differs between the
 * source ports of a target, and is equal for all classes, which must take the same paths. Routers that balance by flow
 * label (RFC 6438) then see as many flows as routers that balance by ports.
 */
function flowLabel(target: number, port: number): number {
  // An odd factor gives each port a different product in 20 bits.
  const label = (target + Math.imul(port, 0x9e37b)) & 0xfffff || 1;
  return ((label & 0xff) << 24) | ((label & 0xff00) << 8) | ((label >> 8) & 0x0f00);
}
