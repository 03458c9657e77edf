import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ResultRow, resultRows } from '../../../src/cli/shared/rows.js';
import { Live } from '../../support/harness/live.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const KEY = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';

describe('A collector, by packet format', () => {
  const fixture = new Fixture();
  const running: Live[] = [];
  const sockets: Socket[] = [];
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-formats-'));
  });
  afterEach(async () => {
    for (const { collector } of running.splice(0)) await collector.close(0);
    for (const socket of sockets.splice(0)) socket.close();
    await fixture.closeAll();
  });
  after(() => rmSync(folder, { recursive: true }));

  const keyFile = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };

  async function start(timestamps: 'full' | 'receive' = 'full'): Promise<Live> {
    const live = await Live.start({ ports: 3, timestamps });
    running.push(live);
    return live;
  }

  /** A reflector that sends back what it gets, as LLAMA's do. */
  async function echo(address = '127.0.0.1', answer = (bytes: Buffer): Buffer[] => [bytes]): Promise<number> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    sockets.push(socket);
    socket.on('message', (bytes, { port, address: to }) => {
      for (const reply of answer(bytes)) socket.send(reply, port, to);
    });
    socket.bind(0, address);
    await once(socket, 'listening');
    return socket.address().port;
  }

  const lastRows = (live: Live, group: string): ResultRow[] =>
    live.intervals.flatMap(({ report }) => resultRows(report).filter((row) => row.group === group && row.received > 5));

  async function expectNoLoss(live: Live, group = 'west', received = 200): Promise<void> {
    await waitFor(`${received} replies`, () => live.sums(group).received >= received);
    await live.collector.stop();
    const sums = live.sums(group);
    expect({ ...sums, sent: 0, received: 0, remarked: 0 }).to.deep.equal(
      Object.fromEntries(Object.keys(sums).map((key) => [key, 0])),
    );
    expect(sums.sent).to.equal(sums.received);
    const { totals } = live.collector.status();
    const wrong = Object.entries(totals).filter(([name, value]) => name.startsWith('invalid') && value > 0);
    expect(wrong).to.deep.equal([]);
  }

  for (const address of ['127.0.0.1', '::1'])
    for (const protocol of ['llama', 'llama-legacy'] as const)
      for (const timestamps of ['full', 'receive'] as const)
        it(`${protocol}: every probe finds its reply, with two classes of one target (${address}, stamps: ${timestamps})`, async () => {
          const { port } = await fixture.reflector({ listen: [address.includes(':') ? '[::1]:0' : '127.0.0.1:0'] });
          const live = await start(timestamps);
          const group = { period: '20ms', timeout: '1s', classes: ['cs0', 'ef'], port, targets: [address] };
          await live.put('west', { protocol, ...group });
          await expectNoLoss(live);
          const row = lastRows(live, 'west').find((one) => one.class === 'ef');
          expect(row).to.include({ protocol, residenceUs: null, forwardUs: null, reverseUs: null, dscpReverse: 46 });
          expect(row?.rttUs?.min).to.be.within(1, 1_000_000);
          if (timestamps === 'full') expect(live.collector.status().totals.sendStampsMissing).to.equal(0);
        });

  it('all formats at once, from the same source ports, towards one reflector', async () => {
    const { port } = await fixture.reflector();
    const live = await start();
    const protocols = ['stamp', 'llama', 'llama-legacy'];
    for (const protocol of protocols)
      await live.put(protocol, { protocol, period: '20ms', timeout: '1s', port, targets: ['127.0.0.1'] });
    for (const protocol of protocols) await waitFor(protocol, () => live.sums(protocol).received >= 100);
    await live.collector.stop();
    for (const protocol of protocols) {
      const { sent, received, duplicates, late } = live.sums(protocol);
      expect([sent, duplicates, late], protocol).to.deep.equal([received, 0, 0]);
    }
    expect(live.collector.status().totals).to.include({ invalidFormat: 0, invalidSession: 0, invalidSource: 0 });
  });

  it('a second reply to a llama-legacy probe is a duplicate, and one that was never sent is invalid', async () => {
    const port = await echo('127.0.0.1', (bytes) => {
      const other = Buffer.from(bytes);
      other.writeDoubleLE(other.readDoubleLE(11) + 0.25, 11);
      return [bytes, bytes, other];
    });
    const live = await start();
    await live.put('west', { protocol: 'llama-legacy', period: '50ms', timeout: '1s', port, targets: ['127.0.0.1'] });
    await waitFor('replies', () => live.sums().received >= 30 && live.sums().duplicates >= 30);
    await live.collector.stop();
    const { sent, received, duplicates } = live.sums();
    expect([received, duplicates]).to.deep.equal([sent, sent]);
    expect(live.collector.status().totals.invalidSequence).to.be.within(sent - 3, sent);
  });

  describe('replies from another address than the target', () => {
    /** Answers what comes to 127.0.0.1 from 127.0.0.9; resolves with the port that it listens on. */
    async function elsewhere(reply: (bytes: Buffer) => Buffer): Promise<number> {
      const other = createSocket('udp4');
      sockets.push(other);
      other.bind(0, '127.0.0.9');
      await once(other, 'listening');
      const socket = createSocket('udp4');
      sockets.push(socket);
      socket.on('message', (bytes, { address, port }) => other.send(reply(bytes), port, address));
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket.address().port;
    }
    const stamp = (bytes: Buffer): Buffer => {
      const reply = Buffer.alloc(44);
      bytes.copy(reply, 14, 14, 16);
      bytes.copy(reply, 24, 0, 14);
      for (const at of [4, 16]) reply.writeUInt32BE(Math.floor(Date.now() / 1000), at);
      reply.writeUInt16BE(0x4001, 12);
      return reply;
    };
    const FORMATS = { llama: (bytes: Buffer) => bytes, stamp };
    const group = { period: '20ms', timeout: '200ms', targets: ['127.0.0.1'] };

    for (const [protocol, reply] of Object.entries(FORMATS)) {
      it(`${protocol}: count with anySource, each of them in otherSource`, async () => {
        const live = await start();
        await live.put('west', { ...group, protocol, port: await elsewhere(reply), timeout: '1s', anySource: true });
        await expectNoLoss(live);
        const { received, otherSource } = live.collector.status().totals;
        expect(otherSource).to.equal(received);
      });

      it(`${protocol}: do not count without it`, async () => {
        const live = await start();
        await live.put('west', { ...group, protocol, port: await elsewhere(reply) });
        await waitFor('losses', () => live.sums().lost >= 20);
        const { received, otherSource, invalidSource } = live.collector.status().totals;
        expect([received, otherSource]).to.deep.equal([0, 0]);
        expect(invalidSource).to.be.at.least(20);
      });

      it(`${protocol}: do not count with anySource when the time in them is another one`, async () => {
        const wrong = (bytes: Buffer): Buffer => {
          const answer = Buffer.from(reply(bytes));
          // The lowest bits of the sender's time.
          answer[protocol === 'stamp' ? 35 : 16] ^= 1;
          return answer;
        };
        const live = await start();
        await live.put('west', { ...group, protocol, port: await elsewhere(wrong), anySource: true });
        await waitFor('losses', () => live.sums().lost >= 20);
        const { totals } = live.collector.status();
        expect(totals).to.include({ received: 0, otherSource: 0 });
        // The time of LLAMA's format has a part in what names the probe.
        const { invalidTimestamp, invalidSession, invalidSequence, invalidFormat } = totals;
        expect(invalidTimestamp + invalidSession + invalidSequence + invalidFormat).to.be.at.least(20);
      });
    }

    it('stay unchanged for the other groups of a collector, and take effect when a group gets the option', async () => {
      const live = await start();
      const port = await elsewhere(stamp);
      await live.put('west', { ...group, port });
      await waitFor('losses', () => live.sums('west').lost >= 20);
      await live.put('west', { ...group, port, anySource: true });
      await waitFor('replies', () => live.sums('west').received >= 20);
    });
  });

  it('a closed port is unreachable in every format', async () => {
    const port = await echo();
    sockets.pop()?.close();
    const live = await start();
    const protocols = ['stamp', 'llama', 'llama-legacy'];
    for (const protocol of protocols)
      await live.put(protocol, { protocol, period: '20ms', timeout: '1s', port, targets: ['127.0.0.1'] });
    for (const protocol of protocols) await waitFor(protocol, () => live.sums(protocol).unreachable >= 30);
    expect(live.collector.status().totals).to.include({ icmpUnmatched: 0, lost: 0 });
  });

  it('a reply in another format than was sent is none', async () => {
    const port = await echo('127.0.0.1', (bytes) => {
      const stamp = Buffer.alloc(44);
      // A STAMP reply that names the probe as STAMP would, by sequence number and session.
      bytes.copy(stamp, 14, 2, 4);
      bytes.copy(stamp, 24, 4, 8);
      stamp.writeUInt16BE(0x4001, 12);
      return [stamp];
    });
    const live = await start();
    await live.put('west', { protocol: 'llama', period: '50ms', timeout: '200ms', port, targets: ['127.0.0.1'] });
    await live.put('east', { period: '1h', port, targets: ['127.0.0.2'] });
    await waitFor('losses', () => live.sums().lost >= 20);
    expect(live.sums().received).to.equal(0);
    expect(live.collector.status().totals.invalidFormat).to.be.at.least(20);
  });

  it('authenticated STAMP with all TLVs against a reflector with the key, and with none of its replies without', async () => {
    const { port } = await fixture.reflector({ keys: [Buffer.from(KEY, 'hex')] });
    const live = await start();
    const tlvs = ['classOfService', 'directMeasurement', 'timestampInformation'];
    const group = { period: '20ms', timeout: '500ms', classes: ['ef'], port, targets: ['127.0.0.1'], tlvs };
    await live.put('west', { ...group, keyFile: keyFile('keys', `${KEY}\n`) });
    await expectNoLoss(live);
    const row = lastRows(live, 'west')[0];
    expect(row).to.include({ dscpForward: 46, dscpReverse: 46, remarked: 0 });
    expect(row.residenceUs).to.be.within(0, 1_000_000);
  });

  it('counts a reply that is signed with an unknown key, and changes nothing', async () => {
    const { port } = await fixture.reflector({ keys: [Buffer.from(KEY, 'hex')] });
    const live = await start();
    // The reflector takes the packet for one of another mode, or for a wrong signature: it does not answer. An echo
    // signs nothing either.
    const wrong = await echo('127.0.0.1', (bytes) => {
      const reply = Buffer.alloc(112);
      bytes.copy(reply, 26, 26, 28);
      bytes.copy(reply, 48, 0, 4);
      bytes.copy(reply, 64, 16, 26);
      reply.writeUInt16BE(0x4001, 24);
      return [reply];
    });
    const file = keyFile('other', 'text:nobody else has this key\n');
    const group = { period: '20ms', timeout: '200ms', targets: ['127.0.0.1'], keyFile: file };
    await live.put('refused', { ...group, port });
    await live.put('forged', { ...group, port: wrong });
    await waitFor('losses', () => live.sums('refused').lost >= 20 && live.sums('forged').lost >= 20);
    expect(live.sums().received).to.equal(0);
    expect(live.collector.status().totals.invalidHmac).to.be.at.least(20);
  });

  it('keys that are read again at a reload sign from then on', async () => {
    const file = keyFile('rotated', 'text:an older key of this mesh\n');
    const live = await start();
    const { port } = await fixture.reflector({ keys: [Buffer.from(KEY, 'hex')] });
    const group = { period: '20ms', timeout: '200ms', port, targets: ['127.0.0.1'], keyFile: file };
    const { makeGroup } = await import('../../support/harness/live.js');
    await live.collector.reloadFile([makeGroup('west', group)]);
    await waitFor('losses', () => live.sums().lost >= 10);
    keyFile('rotated', `${KEY}\ntext:an older key of this mesh\n`);
    const { changed } = await live.collector.reloadFile([makeGroup('west', group)]);
    expect(changed).to.deep.equal(['west']);
    await waitFor('replies', () => live.sums().received >= 50);
    expect((await live.collector.reloadFile([makeGroup('west', group)])).changed).to.deep.equal([]);
  });

  for (const [bytesBack, hops] of [
    [41, 0],
    // Up to the sender's error estimate, as nokia/twampy answers: no TTL.
    [38, null],
  ] as const)
    it(`a TWAMP-Light responder that knows no session identifier and answers ${bytesBack} bytes is told by address and T1, in two classes`, async () => {
      const port = await echo('127.0.0.1', (bytes) => {
        const reply = Buffer.alloc(44);
        bytes.copy(reply, 0, 0, 4);
        // NTP time, as these have it.
        const seconds = Math.floor(Date.now() / 1000) + 2_208_988_800;
        for (const at of [4, 16]) reply.writeUInt32BE(seconds, at);
        reply.writeUInt16BE(0x0001, 12);
        bytes.copy(reply, 24, 0, 14);
        reply[40] = 255;
        return [reply.subarray(0, bytesBack)];
      });
      const live = await start();
      await live.put('west', { period: '20ms', timeout: '1s', classes: ['cs0', 'ef'], port, targets: ['127.0.0.1'] });
      await expectNoLoss(live);
      const rows = lastRows(live, 'west');
      expect(rows.map((row) => row.class)).to.include.members(['cs0', 'ef']);
      for (const row of rows) expect(row.hopsForward).to.equal(hops);
    });

  it('a reflector that loses replies, or does not get the probes, is told by its numbers', async () => {
    for (const way of ['forward', 'reverse'] as const) {
      let seen = 0;
      const counts = new Map<number, number>();
      const port = await echo('127.0.0.1', (bytes) => {
        seen++;
        // A direction is stated only when a stream was watched for a while.
        const drop = seen > 400 && seen % 5 === 0;
        if (drop && way === 'forward') return [];
        const reply = Buffer.alloc(44);
        const key = bytes.readUInt16BE(14);
        const number = counts.get(key) ?? 0;
        counts.set(key, number + 1);
        reply.writeUInt32BE(number, 0);
        for (const at of [4, 16]) reply.writeUInt32BE(Math.floor(Date.now() / 1000), at);
        reply.writeUInt16BE(0x4001, 12);
        bytes.copy(reply, 14, 14, 16);
        bytes.copy(reply, 24, 0, 14);
        return drop ? [] : [reply];
      });
      const live = await Live.start({ ports: 1, intervalMs: 500 });
      running.push(live);
      await live.put('west', { period: '10ms', timeout: '100ms', port, targets: ['127.0.0.1'] });
      await waitFor('losses', () => live.sums().lost >= 60, 20_000);
      await live.collector.stop();
      const sums = live.sums();
      expect(sums.lost).to.equal(sums.lostForward + sums.lostReverse + sums.lostUnknown);
      const [right, wrong] =
        way === 'forward' ? [sums.lostForward, sums.lostReverse] : [sums.lostReverse, sums.lostForward];
      expect(wrong, way).to.equal(0);
      expect(right / sums.lost, way).to.be.above(0.8);
    }
  });
});
