import { expect } from 'chai';
import { GRACE_NS } from '../../../src/config/group/limits.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { Expiry } from '../../../src/prober/expiry.js';
import { ProbeRun } from '../../../src/prober/run.js';
import { Sender } from '../../../src/prober/sender.js';
import { ProberState } from '../../../src/prober/state.js';
import { F64, SlotState, U8 } from '../../../src/prober/tables/slots.js';
import { ProberSources } from '../../../src/prober/tables/sources.js';
import { ControlBlock, PROBER_COUNTERS } from '../../../src/ring/control.js';
import { createRing, Outcome, RingConsumer, RingProducer } from '../../../src/ring/ring.js';
import { ManualClock } from '../../support/fakes/clocks.js';
import { PLAIN_STAMP } from '../../support/fakes/formats.js';
import { Script, table } from '../../support/harness/proberBench.js';
import { seededRandom } from '../../support/harness/random.js';

/** Sends and expires by a clock that the test moves; the probes are really sent, without an answer. */
class ExpiryBench {
  readonly clock = new ManualClock();
  readonly control = new ControlBlock(PROBER_COUNTERS);
  readonly script = new Script();
  readonly udp = UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0, sendBufferBytes: 1 << 22 });
  drops = 0;
  readonly sources = new ProberSources(
    [0],
    [
      {
        set: 0,
        device: undefined,
        fd: this.udp.fd,
        family: 4,
        sourceIndex: 0,
        port: this.udp.port,
        transport: 'udp',
        skipsIpHeader: false,
      },
    ],
    () => 0,
  );
  readonly socket = this.sources.sockets[0];
  private readonly ring = createRing(2 ** 16);
  readonly producer = new RingProducer(this.ring);
  readonly consumer = new RingConsumer(this.ring);
  readonly state = new ProberState(this.clock, this.producer, this.control, 1, this.sources);
  readonly sender = new Sender(this.state);
  readonly expiry = new Expiry(this.state, () => this.drops);

  run(streams: number[], periodMs: number, timeoutMs: number, id = 1): ProbeRun {
    const { formats, streams: known } = this.state;
    const format = formats.numberOf(PLAIN_STAMP, 44);
    const run = new ProbeRun(id, periodMs * 1e6, timeoutMs * 1e6, formats.list[format], 0);
    run.sockets = this.sources.set(0);
    const port = this.script.socket.port;
    known.add(table(streams.map((stream) => ({ id: stream, port }))), run.slotsPerPath, format, run.timeoutNs);
    run.reorder(Uint32Array.from(streams), 1, this.clock.nowNs(), () => 0);
    return run;
  }

  /** Sends probes of these streams in one call; how many were taken. */
  send(run: ProbeRun, ...streams: number[]): number {
    let taken = 0;
    for (const stream of streams) if (this.sender.add(run, this.socket, stream)) taken++;
    this.sender.flush();
    return taken;
  }

  outcomes(): [outcome: number, sequence: number][] {
    this.producer.publish();
    const count = this.consumer.begin();
    const found: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      this.consumer.select(i);
      found.push([this.consumer.outcome, this.consumer.sequence]);
    }
    this.consumer.release(count, 0);
    return found;
  }

  close(): void {
    this.udp.close();
    this.script.socket.close();
  }
}

describe('Expiry', () => {
  let b: ExpiryBench;
  beforeEach(() => {
    b = new ExpiryBench();
  });
  afterEach(() => b.close());

  it('expires a probe when the sockets were read empty 20 ms after its timeout, never before', () => {
    const run = b.run([0], 1000, 100);
    b.send(run, 0);
    const sentNs = b.clock.nowNs();
    const dueNs = sentNs + 100e6 + GRACE_NS;
    b.clock.advance(60e9);
    expect(b.expiry.expire(run, dueNs - 1, b.clock.nowNs())).to.equal(sentNs);
    expect(b.outcomes()).to.deep.equal([]);
    expect(b.expiry.expire(run, dueNs, b.clock.nowNs())).to.equal(b.clock.nowNs());
    expect(b.outcomes()).to.deep.equal([[Outcome.lost, 1]]);
    expect(run.waiting).to.equal(0);
  });

  it('starts the timeout after a delayed system call', () => {
    const run = b.run([0], 1000, 100);
    const real = b.clock.nowNs.bind(b.clock);
    const sentNs = real();
    let readings = 0;
    b.clock.nowNs = () => (readings++ === 0 ? sentNs : sentNs + 5e9);
    b.send(run, 0);
    b.clock.nowNs = real;
    expect(b.expiry.expire(run, sentNs + 5e9 + 100e6, sentNs + 6e9)).to.equal(sentNs);
    expect(b.expiry.expire(run, sentNs + 5e9 + 100e6 + GRACE_NS, sentNs + 6e9)).to.equal(sentNs + 6e9);
  });

  it('counts a local drop for a probe that waited during an overflow, and a loss for a later one', () => {
    const run = b.run([0, 1], 1000, 100);
    b.send(run, 0);
    b.clock.advance(50e6);
    b.drops = 3;
    b.clock.advance(60e6);
    b.expiry.watchDrops(b.clock.nowNs());
    b.clock.advance(1);
    b.send(run, 1);
    b.clock.advance(500e6);
    b.expiry.expire(run, b.clock.nowNs(), b.clock.nowNs());
    expect(b.outcomes().map(([outcome]) => outcome)).to.deep.equal([Outcome.localDrop, Outcome.lost]);
    expect(b.control.read('receiveQueueDrops')).to.equal(3);
  });

  it('follows the drop counter past 2^32', () => {
    b.socket.queue.drops = 0xffff_ffff;
    b.drops = 1;
    b.expiry.watchDrops(b.clock.nowNs());
    expect(b.control.read('receiveQueueDrops')).to.equal(2);
  });

  it('never uses a slot twice in a batch that wraps around a path', () => {
    const run = b.run([0], 1000, 1);
    expect(run.slotsPerPath).to.equal(2);
    expect(b.send(run, 0, 0, 0, 0)).to.equal(2);
    expect(b.script.requests().map(({ sequence }) => sequence)).to.deep.equal([1, 2]);
    expect([b.control.read('sent'), run.waiting]).to.deep.equal([2, 2]);
  });

  it('continues sequence numbers past 2^32', () => {
    const run = b.run([0], 10, 1000);
    b.state.streams.nextSequence[0] = 0xffff_fffe;
    b.send(run, 0, 0, 0, 0);
    const sent = b.script.requests().map(({ sequence }) => sequence);
    expect(sent).to.deep.equal([0xffff_fffe, 0xffff_ffff, 0, 1]);
    b.clock.advance(10e9);
    b.expiry.expire(run, b.clock.nowNs(), b.clock.nowNs());
    expect(b.outcomes().map(([, sequence]) => sequence)).to.deep.equal(sent);
  });

  it('gives each probe its own T1, with nanoseconds below a second', () => {
    const run = b.run([0, 1, 2], 10, 1000);
    b.clock.advance(999_999_998);
    b.send(run, 0, 1, 2);
    const times = b.script.requests().map(({ view }) => [view.getUint32(4), view.getUint32(8)]);
    const second = b.clock.timeBase.epochS + 1;
    expect(times).to.deep.equal([
      [second, 999_999_998],
      [second, 999_999_999],
      [second + 1, 0],
    ]);
  });

  it('counts a lasting refusal as a send error of each probe, and leaves no probe waiting', () => {
    const run = b.run([0], 1, 1000);
    const small = UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0 });
    small.close();
    // A closed descriptor stands for any lasting refusal: EBADF.
    const gone = { ...b.socket, fd: small.fd };
    for (let i = 0; i < 3; i++) b.sender.add(run, gone, 0);
    b.sender.flush();
    expect([b.control.read('sent'), b.control.read('sendErrors'), run.waiting]).to.deep.equal([0, 3, 0]);
    expect(b.outcomes().map(([outcome]) => outcome)).to.deep.equal(Array(3).fill(Outcome.sendError));
    b.send(run, 0);
    expect(b.script.requests().length).to.equal(1);
  });

  it('keeps the watermark monotonic and behind undecided probes, in random scripts', () => {
    const random = seededRandom(31);
    const script = b.script;
    for (let round = 0; round < 60; round++) {
      const base = round * 12;
      const timing = (): [number, number] => [1 + random.below(20), 1 + random.below(60)];
      const runs = [
        b.run(
          [0, 1, 2, 3].map((i) => base + i),
          ...timing(),
        ),
        b.run(
          [4, 5].map((i) => base + i),
          ...timing(),
        ),
      ];
      /** Sent and not decided: by slot, when. */
      const open = new Map<number, number>();
      const { slots, streams } = b.state;
      let [emptyNs, before] = [b.clock.nowNs(), 0];
      const sentBefore = b.control.read('sent');
      let decided = 0;
      for (let step = 0; step < 400; step++) {
        b.clock.advance(random.below(4e6));
        const which = random.below(2);
        const own = which === 0 ? [0, 1, 2, 3] : [4, 5];
        const count = random.below(12);
        const batch = Array.from({ length: count }, () => base + own[random.below(own.length)]);
        b.send(runs[which], ...batch);
        for (const stream of new Set(batch)) {
          for (let k = 0; k <= streams.slotMask[stream]; k++) {
            const slot = streams.slot(stream, 0, k);
            if (slots.state[slot * U8] === SlotState.waiting) open.set(slot, slots.sentNs[slot * F64]);
          }
        }
        for (const slot of open.keys()) {
          if (random.below(10) !== 0) continue;
          slots.state[slot * U8] = SlotState.received;
          open.delete(slot);
          decided++;
        }
        // The sockets may not be read empty for a long time.
        if (random.below(step % 100 < 50 ? 20 : 3) === 0) emptyNs = b.clock.nowNs();
        const nowNs = b.clock.nowNs();
        const watermarkNs = Math.min(...runs.map((run) => b.expiry.expire(run, emptyNs, nowNs)));
        for (const slot of open.keys()) {
          if (slots.state[slot * U8] === SlotState.waiting) continue;
          open.delete(slot);
          decided++;
        }
        expect(watermarkNs).to.be.within(before, Math.min(...open.values()));
        before = watermarkNs;
      }
      b.clock.advance(1e9);
      for (const run of runs) {
        b.expiry.expire(run, b.clock.nowNs(), b.clock.nowNs());
        expect(run.waiting).to.equal(0);
      }
      expect(decided + open.size).to.equal(b.control.read('sent') - sentBefore);
      b.outcomes();
      script.requests();
    }
  });
});
