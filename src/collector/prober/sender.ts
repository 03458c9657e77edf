/** Sending: probes that are due are gathered per socket and leave in one system call. */

import { type Family, SOCKADDR_PORT, sockaddrAddressOffset } from '../../net/address.js';
import { SendBatch } from '../../net/batch.js';
import { AF_INET, AF_INET6 } from '../../net/constants.js';
import { EAGAIN, ENOBUFS } from '../../net/libc.js';
import { Outcome } from '../../ring/ring.js';
import { NS_PER_S } from '../../stats/units.js';
import type { ProbeBatch, ProbeFormat } from './formats/format.js';
import type { ProbeRun } from './run.js';
import { SlotState } from './slots.js';
import { COUNTER, type ProberSocket, type ProberState } from './state.js';

/** Most probes a system call. All of a call get the same T1, and the last leaves some 2 us a probe after the first: kernel send stamps cure that. */
export const SEND_BATCH = 32;
/** A pending ICMP error makes the kernel refuse one send to anybody; several may be pending, one behind the other. */
const PENDING_ERRORS = 8;

export class Sender {
  private readonly state: ProberState;
  /** Batches of each format, made when it is first sent. */
  private readonly batches = new Map<ProbeFormat, Partial<Record<Family, SendBatch>>>();
  /** What is gathered: for which run and in which batch; socket, streams and slots by message. */
  private readonly probes: ProbeBatch;
  private run: ProbeRun | undefined;
  private batch: SendBatch | undefined;

  constructor(state: ProberState) {
    this.state = state;
    this.probes = {
      slots: state.slots,
      streams: state.streams,
      socket: state.sockets[0],
      count: 0,
      stream: new Uint32Array(SEND_BATCH),
      slot: new Uint32Array(SEND_BATCH),
    };
  }

  /** Hot: gathers the next probe of `run` on `socket`. False when the probe that used the slot still waits: nothing is gathered. */
  add(run: ProbeRun, socket: ProberSocket, stream: number): boolean {
    const { probes } = this;
    if (probes.count > 0 && (socket !== probes.socket || run !== this.run || probes.count === SEND_BATCH)) this.flush();
    const { streams, slots } = this.state;
    const path = stream * streams.ports + socket.localIndex;
    const sequence = streams.nextSequence[path];
    const slot = streams.slot(stream, socket.localIndex, sequence);
    if (slots.state[slot] === SlotState.waiting || run.full) return false;
    streams.nextSequence[path] = sequence + 1;
    // From here on, so that a batch that goes round all slots of a path does not take one twice.
    slots.state[slot] = SlotState.waiting;
    slots.sequence[slot] = sequence;
    slots.path[slot] = path;
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
    u16[(name + SOCKADDR_PORT) >> 1] = streams.port[stream];
    const address = (name + sockaddrAddressOffset(socket.family)) >> 2;
    u32[address] = streams.address[stream * 4];
    if (socket.family === 6)
      for (let word = 1; word < 4; word++) u32[address + word] = streams.address[stream * 4 + word];
    batch.setTos(i, streams.tos[stream]);
    return true;
  }

  /** Hot: stamps and sends what is gathered. */
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
      slots.sentNs[slot] = sentNs;
      slots.kernelNs[slot] = 0;
      slots.t1S[slot] = t1S;
      slots.t1Ns[slot] = t1Ns;
      slots.epoch[slot] = steps.epoch;
      // No two probes have the same T1: where the SSID does not come back, it alone tells two classes of a target apart.
      t1Ns += t1StepNs;
      if (t1Ns >= NS_PER_S) {
        t1Ns -= NS_PER_S;
        t1S++;
      }
    }
    run.format.write(batch, probes);
    probes.count = 0;
    counters[COUNTER.sent] += count;
    let done = 0;
    let tries = 0;
    while (done < count) {
      const taken = batch.send(probes.socket.fd, done, count - done);
      if (taken > 0) {
        const leftNs = clock.nowNs();
        for (const end = done + taken; done < end; done++) run.push(probes.slot[done], leftNs);
        tries = 0;
      } else if (-taken !== EAGAIN && -taken !== ENOBUFS && tries < PENDING_ERRORS) {
        tries++;
      } else {
        // Full send buffers stay full for the rest of the batch; any other refusal is about this one destination.
        const refused = tries < PENDING_ERRORS ? count - done : 1;
        // The last first, so that all numbers of a path are given back.
        for (let i = done + refused - 1; i >= done; i--) this.refuse(i, sentNs);
        done += refused;
        tries = 0;
      }
    }
  }

  private batchOf(format: ProbeFormat, family: Family): SendBatch {
    const known = this.batches.get(format);
    const batch = known?.[family] ?? newBatch(family, format);
    if (known === undefined) this.batches.set(format, { [family]: batch });
    else known[family] = batch;
    return batch;
  }

  private refuse(i: number, sentNs: number): void {
    const { slots, streams, counters } = this.state;
    const { stream, socket } = this.probes;
    const slot = this.probes.slot[i];
    const path = slots.path[slot];
    const sequence = slots.sequence[slot];
    slots.state[slot] = SlotState.free;
    // The number was not used, unless a later probe of the path left already.
    if (streams.nextSequence[path] === (sequence + 1) >>> 0) streams.nextSequence[path] = sequence;
    counters[COUNTER.sent]--;
    counters[COUNTER.sendErrors]++;
    this.state.record(stream[i], socket.localIndex, Outcome.sendError, 0, 0, 0, sentNs, 0, 0, sequence);
  }
}

function newBatch(family: Family, format: ProbeFormat): SendBatch {
  const batch = new SendBatch(family, SEND_BATCH, format.payloadBytes);
  for (let i = 0; i < SEND_BATCH; i++) {
    batch.memory.u16[batch.nameAt(i) >> 1] = family === 4 ? AF_INET : AF_INET6;
    batch.setLength(i, format.payloadBytes);
  }
  format.writeFrame(batch);
  return batch;
}
