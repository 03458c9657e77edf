import { expect } from 'chai';
import { msToNs } from '../../../src/base/units.js';
import { EADDRNOTAVAIL } from '../../../src/net/libc.js';
import { UdpSocket } from '../../../src/net/socket.js';
import { PROBER_COUNTERS } from '../../../src/ring/control.js';
import { Outcome, RecordFlag } from '../../../src/ring/ring.js';
import { type BenchOptions, ProberBench, type RunSpec, Script } from '../../support/harness/proberBench.js';

/** A long period, so that each path is probed once in a test. */
const ONCE: RunSpec = { periodMs: 100_000 };

function closedPort(address: string): number {
  const socket = UdpSocket.open({ family: address.includes(':') ? 6 : 4, address, port: 0 });
  socket.close();
  return socket.port;
}

describe('Prober, one iteration at a time', () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });
  function bench(options: BenchOptions = {}): ProberBench {
    const made = new ProberBench({ random: () => 0, ...options });
    open.push(made);
    return made;
  }
  function script(address?: string): Script {
    const made = new Script(address);
    open.push(made.socket);
    return made;
  }
  /** Starts a run of one stream and sends its first probe. */
  function probe(b: ProberBench, s: Script, spec: RunSpec = ONCE) {
    b.run([{ id: 0, port: s.socket.port, address: s.socket.address }], spec);
    b.until('a probe', () => b.count('sent') > 0);
    return s.requests()[0];
  }

  for (const address of ['127.0.0.1', '::1'])
    for (const timestamps of ['full', 'receive'] as const)
      it(`takes RTT without residence, TOS and TTL from a reply (${address}, stamps: ${timestamps})`, () => {
        const b = bench({ family: address === '::1' ? 6 : 4, timestamps });
        const s = script(address);
        b.run([{ id: 7, port: s.socket.port, address, dscp: 46 }], ONCE);
        b.until('a probe', () => b.count('sent') > 0);
        const [request] = s.requests();
        expect(request).to.include({ sequence: 1, ssid: 8, tos: 184 });
        expect(request.bytes.length).to.equal(44);
        s.send(s.reply(request, 300), request);
        b.until('the reply', () => b.count('received') === 1);
        const [record] = b.of(Outcome.received);
        expect(record).to.include({ path: 7, tos: 0, ttl: 64, residenceNs: 300, sequence: 1 });
        const measured = timestamps === 'full' ? RecordFlag.kernelSent : 0;
        // The script's replies come without the class's marking.
        expect(record.flags).to.equal(measured | RecordFlag.timed | RecordFlag.remarked);
        expect(record.receivedNs - record.sentNs).to.be.within(300, 400e6);
        expect(b.count('sendStampsMissing')).to.equal(0);
      });

  it('counts a second reply as duplicate, and a reply after the timeout as one loss and late', () => {
    const b = bench();
    const s = script();
    const request = probe(b, s, { periodMs: 100_000, timeoutMs: 30 });
    b.until('the loss', () => b.count('lost') === 1);
    s.answer(request);
    b.until('the late reply', () => b.count('late') === 1);
    s.answer(request);
    b.until('the duplicate', () => b.count('duplicates') === 1);
    expect(b.records.map(({ outcome }) => outcome)).to.deep.equal([Outcome.lost, Outcome.late, Outcome.duplicate]);
    expect(b.counts('received', 'unreachable', 'localDrops')).to.deep.equal({});
  });

  it('counts a reply that arrived in time as received, also when it is read late', () => {
    const b = bench();
    const s = script();
    const request = probe(b, s, { periodMs: 100_000, timeoutMs: 200 });
    s.answer(request);
    const untilNs = b.clock.nowNs() + 400e6;
    // The thread is held up: nothing is read.
    while (b.clock.nowNs() < untilNs);
    b.turn();
    expect(b.counts('received', 'lost', 'late', 'localDrops')).to.deep.equal({ received: 1 });
  });

  it('counts a reply that the kernel stamped after the timeout as late, also without an iteration in between', () => {
    const b = bench();
    const s = script();
    const request = probe(b, s, { periodMs: 100_000, timeoutMs: 50 });
    const untilNs = b.clock.nowNs() + 100e6;
    while (b.clock.nowNs() < untilNs);
    s.answer(request);
    b.turn();
    expect(b.counts('received', 'lost', 'late')).to.deep.equal({ lost: 1, late: 1 });
  });

  it('counts a reply as reordered when a later one overtook it', () => {
    const b = bench();
    const s = script();
    b.run([{ id: 0, port: s.socket.port }], { periodMs: 10 });
    b.until('three probes', () => b.count('sent') >= 3);
    const [first, second, third] = s.requests();
    for (const request of [second, first, third]) s.answer(request);
    b.until('the replies', () => b.count('received') === 3);
    expect(b.of(Outcome.received).map(({ sequence, flags }) => [sequence, flags & RecordFlag.reordered])).to.deep.equal(
      [
        [2, 0],
        [1, 1],
        [3, 0],
      ],
    );
    expect(b.count('reordered')).to.equal(1);
  });

  it('counts invalid replies by reason, without deciding a probe', () => {
    const b = bench();
    const s = script();
    const stranger = script();
    const request = probe(b, s);
    s.answer(request, (reply) => reply.setUint32(32, reply.getUint32(32) ^ 1));
    b.until('wrong T1', () => b.count('invalidTimestamp') === 1);
    s.answer(request, (reply) => reply.setUint32(24, 0x4000_0000));
    b.until('wrong number', () => b.count('invalidSequence') === 1);
    stranger.answer(request);
    b.until('wrong source', () => b.count('invalidSource') === 1);
    s.send(s.reply(request).subarray(0, 37), request);
    b.until('short', () => b.count('invalidFormat') === 1);
    s.answer(request, (reply) => reply.setUint16(14, 77));
    b.until('wrong session', () => b.count('invalidSession') === 1);
    expect(b.records).to.deep.equal([]);
    expect(b.waiting).to.equal(1);
    s.send(s.reply(request).subarray(0, 38), request);
    b.until('the right one, 38 bytes long', () => b.count('received') === 1);
  });

  it('distinguishes two classes of a target by T1, without session identifiers and in one system call', () => {
    const b = bench();
    const s = script();
    const streams = [0, 1, 2].map((id) => ({ id, port: s.socket.port, dscp: id }));
    // Three places of 1 us: all are due at once.
    b.run(streams, { periodMs: 0.003, timeoutMs: 1000, count: 3 });
    b.until('all', () => b.count('sent') + b.count('scheduleSlips') >= 3);
    const requests = s.requests();
    expect(new Set(requests.map(({ view }) => view.getBigUint64(4))).size).to.equal(requests.length);
    for (const request of requests.reverse()) s.answer(request, (reply) => reply.setUint16(14, 0));
    b.until('all replies', () => b.count('received') === requests.length);
    const sent = requests.map(({ ssid, sequence }) => `${ssid - 1} ${sequence}`);
    expect(b.of(Outcome.received).map(({ path, sequence }) => `${path} ${sequence}`)).to.deep.equal(sent);
    expect(b.count('duplicates')).to.equal(0);
  });

  for (const address of ['127.0.0.1', '::1'])
    for (const timestamps of ['full', 'receive'] as const)
      it(`counts only the probes to a closed port as unreachable (${address}, stamps: ${timestamps})`, () => {
        const b = bench({ family: address === '::1' ? 6 : 4, timestamps });
        const s = script(address);
        const good = { id: 0, port: s.socket.port, address };
        const bad = { id: 1, port: closedPort(address), address };
        b.run([good, bad], { periodMs: 4, timeoutMs: 1000 });
        b.until('probes of both', () => {
          for (const request of s.requests()) s.answer(request);
          return b.count('unreachable') >= 40 && b.count('received') >= 40;
        });
        expect(b.counts('lost', 'late', 'icmpUnmatched', 'sendErrors', 'localDrops')).to.deep.equal({});
        for (const { path } of b.of(Outcome.unreachable)) expect(path).to.equal(1);
        // Each send that an error of another probe had been returned by was tried again.
        const numbers = b.of(Outcome.received).map(({ sequence }) => sequence);
        expect(numbers).to.deep.equal(numbers.map((_, i) => i + 1));
      });

  it('counts a refused probe as send error, and reuses its number', () => {
    const b = bench();
    const s = script();
    // No socket may send to a broadcast address unless it asked for it: EACCES.
    b.run(
      [
        { id: 0, port: 9, address: '255.255.255.255' },
        { id: 1, port: s.socket.port },
      ],
      { periodMs: 2 },
    );
    b.until('refusals', () => b.count('sendErrors') >= 10 && b.count('sent') >= 10);
    // Two of a path in one call: the first one's number is gone when the second is refused too.
    for (const { path, sequence } of b.of(Outcome.sendError)) {
      expect(path).to.equal(0);
      expect(sequence).to.be.within(1, 5);
    }
    const numbers = s.requests().map(({ sequence }) => sequence);
    expect(numbers).to.deep.equal(numbers.map((_, i) => i + 1));
    expect(b.count('sent')).to.equal(numbers.length);
  });

  it('counts a probe without a socket as send error, with an example', () => {
    const b = bench();
    const s = script('::1');
    b.run([{ id: 3, port: s.socket.port, address: '::1' }], { periodMs: 2 });
    b.until('a refusal', () => b.count('sendErrors') > 0);
    expect(b.counts('sent', 'scheduleSlips')).to.deep.equal({});
    const example = b.control.examples.read(PROBER_COUNTERS.indexOf('sendErrors'));
    expect(example).to.include({ version: 6, code: EADDRNOTAVAIL, port: s.socket.port, stream: 3 });
    expect(example?.address).to.deep.equal(Uint8Array.from([...Array<number>(15).fill(0), 1]));
  });

  it('counts replies dropped by its own full receive queue as local drops', () => {
    const b = bench({ receiveBufferBytes: 4096 });
    const s = script();
    const streams = Array.from({ length: 100 }, (_, id) => ({ id, port: s.socket.port }));
    // Skipped below: a thread that is held up between probe and answer must not make a reply late.
    const timeoutMs = 30_000;
    b.run(streams, { periodMs: 100, timeoutMs });
    b.until('a round', () => b.count('sent') >= 100);
    // All are answered, but not read yet.
    const requests = s.requests();
    for (const request of requests) s.answer(request);
    const sent = b.count('sent');
    b.run([], {}, []);
    b.until(
      'all replies are read or dropped',
      () => b.count('received') + b.count('receiveQueueDrops') >= requests.length,
    );
    b.clock.skip(msToNs(timeoutMs));
    b.until('all are decided', () => b.waiting === 0);
    expect(b.count('receiveQueueDrops')).to.be.greaterThan(0);
    expect(b.counts('lost')).to.deep.equal({});
    expect(b.count('received') + b.count('localDrops')).to.equal(sent);
    expect(b.count('localDrops')).to.be.at.least(b.count('receiveQueueDrops'));
  });

  for (const seconds of [3600, -3600])
    it(`counts a step of the wall clock by ${seconds} s once, without a false RTT or loss`, () => {
      const b = bench();
      const s = script();
      b.run([{ id: 0, port: s.socket.port }], { periodMs: 5, timeoutMs: 1000 });
      const exchange = (until: number): void =>
        b.until('replies', () => {
          for (const request of s.requests()) s.answer(request);
          return b.count('received') >= until;
        });
      exchange(10);
      // Under way while the clock is stepped.
      const before = b.count('sent');
      b.until('another', () => b.count('sent') > before);
      const startNs = b.clock.nowNs();
      b.clock.step(seconds);
      exchange(30);
      expect(b.counts('clockSteps', 'lost', 'late', 'invalidTimestamp', 'invalidStale')).to.deep.equal({
        clockSteps: 1,
      });
      expect(b.count('voidedRtts')).to.be.within(1, 5);
      const nowNs = b.clock.nowNs();
      for (const { flags, sentNs, receivedNs } of b.of(Outcome.received)) {
        expect(sentNs).to.be.within(startNs - 5e9, nowNs);
        if ((flags & RecordFlag.noRtt) === 0) expect(receivedNs - sentNs).to.be.within(0, 400e6);
      }
      expect(b.of(Outcome.received).at(-1)?.flags).to.equal(RecordFlag.kernelSent | RecordFlag.timed);
    });

  it('skips and counts missed probes after a stall, without a burst', () => {
    const b = bench();
    const s = script();
    b.run(
      [0, 1].map((id) => ({ id, port: s.socket.port })),
      { periodMs: 2, timeoutMs: 1000 },
    );
    b.until('some', () => b.count('sent') > 10);
    const [sent, slips] = [b.count('sent'), b.count('scheduleSlips')];
    const untilNs = b.clock.nowNs() + 100e6;
    while (b.clock.nowNs() < untilNs);
    b.turn();
    expect(b.count('sent') - sent).to.be.within(1, 2);
    expect(b.count('scheduleSlips') - slips).to.be.at.least(97);
  });

  it('stops sending on request, decides outstanding probes, and ends', () => {
    const b = bench();
    const s = script();
    b.run([{ id: 0, port: s.socket.port }], { periodMs: 5, timeoutMs: 100 });
    b.until('some', () => b.count('sent') >= 5);
    b.stop(5_000);
    let turns = 0;
    const sent = b.count('sent');
    while (b.turn()) turns++;
    expect(turns).to.be.greaterThan(0);
    expect(b.count('sent')).to.equal(sent);
    expect(b.count('lost')).to.equal(sent);
    expect(b.waiting).to.equal(0);
  });

  it('sleeps while it stops, although probes were due', () => {
    const b = bench();
    probe(b, script(), { periodMs: 5, timeoutMs: 60_000 });
    b.stop(300);
    const [turns, startNs] = [b.count('turns'), b.clock.nowNs()];
    b.prober.run();
    expect(b.clock.nowNs() - startNs).to.be.at.least(300e6);
    // One a millisecond.
    expect(b.count('turns') - turns).to.be.within(1, 400);
  });

  it('ends after the grace time with probes still waiting', () => {
    const b = bench();
    probe(b, script(), { periodMs: 100_000, timeoutMs: 60_000 });
    b.stop(0);
    expect(b.turn()).to.equal(false);
    expect(b.waiting).to.equal(1);
    expect(b.watermarkNs).to.be.lessThan(b.clock.nowNs());
  });

  it('accepts the reply to a removed stream, and reuses its number without counting twice', () => {
    const b = bench();
    const s = script();
    const stream = { id: 0, port: s.socket.port };
    const request = probe(b, s);
    b.run([], ONCE, []);
    b.turn();
    s.answer(request);
    b.until('the reply', () => b.count('received') === 1);
    for (let run = 2; run < 12; run++) {
      b.run([stream], { ...ONCE, run });
      b.until('its probe', () => b.count('sent') === run);
      b.run([], { ...ONCE, run }, []);
    }
    b.turn();
    // The last one still waits; those before were given up with their streams.
    expect(b.counts('lost', 'localDrops')).to.deep.equal({ localDrops: 9 });
    const requests = s.requests();
    expect(requests.map(({ sequence }) => sequence)).to.deep.equal(Array(10).fill(1));
    for (const old of requests) s.answer(old, (reply) => reply.setUint16(14, 0));
    b.until('the reply to the last', () => b.count('received') === 2);
    expect(b.waiting).to.equal(0);
    expect(b.count('invalidTimestamp')).to.equal(9);
  });

  it('sends nothing for a run without a source port on this thread, and forgets its streams', () => {
    const b = bench();
    const s = script();
    const streams = [0, 1].map((id) => ({ id, port: s.socket.port }));
    const idle: RunSpec = { periodMs: 10, timeoutMs: 10, sourcePorts: 0 };
    b.run(streams, idle);
    b.run(streams.slice(0, 1), idle, []);
    b.until('the first of them to be forgotten', () => b.known === 1);
    expect(b.count('sent')).to.equal(0);
    b.run([], idle, []);
    b.until('the second to be forgotten', () => b.known === 0);
    b.run(streams, { ...idle, run: 2 });
    b.run(streams, { ...idle, run: 2, sourcePorts: 1 }, []);
    const probed = new Set<number>();
    b.until('probes of both', () => {
      for (const { ssid } of s.requests()) probed.add(ssid);
      return probed.size === 2;
    });
  });

  it('ignores replies to the previous incarnation, and opens its window again', () => {
    const b = bench({ window: 2 });
    const s = script();
    const stream = { id: 0, port: s.socket.port };
    b.run([stream], { periodMs: 5, timeoutMs: 60_000 });
    b.until('the window closes', () => b.count('sent') === 2);
    const [first, second] = s.requests();
    s.answer(first);
    b.untilReadable();
    b.live();
    expect(b.count('invalidStale')).to.equal(1);
    b.run([stream], { periodMs: 5, timeoutMs: 60_000 });
    b.until('the window closes again', () => b.count('sent') === 4);
    s.answer(second);
    b.until('the stale reply', () => b.count('invalidStale') === 2);
    for (const request of s.requests()) s.answer(request);
    b.until('the replies', () => b.count('received') === 2);
    expect(b.of(Outcome.received).map(({ sequence }) => sequence)).to.deep.equal([1, 2]);
  });

  it('keeps within its window when probes are due together', () => {
    const b = bench({ window: 2 });
    const s = script();
    b.run(
      Array.from({ length: 8 }, (_, id) => ({ id, port: s.socket.port })),
      { periodMs: 96, timeoutMs: 60_000 },
    );
    b.turn();
    // Three more are due, which is not yet so far behind that they are skipped.
    b.clock.skip(40e6);
    b.until('the window closes', () => b.count('sent') >= 2);
    b.turn();
    expect(b.count('sent')).to.equal(2);
  });

  it('counts records dropped by a full ring, and continues', () => {
    const b = bench({ ringRecords: 2 });
    const s = script();
    b.run(
      Array.from({ length: 8 }, (_, id) => ({ id, port: s.socket.port })),
      { periodMs: 8, timeoutMs: 1000 },
    );
    const seen: number[] = [];
    b.until('eight', () => b.count('sent') >= 8);
    for (const request of s.requests()) {
      seen.push(request.ssid);
      s.answer(request);
    }
    b.until('all', () => b.count('received') >= seen.length);
    expect(b.count('ringOverflows')).to.be.greaterThan(0);
    const finals = b.records.filter(({ outcome }) => outcome <= Outcome.tooBig).length;
    expect(finals + b.count('ringOverflows')).to.equal(b.count('received') + b.count('lost') + b.count('localDrops'));
  });
});
