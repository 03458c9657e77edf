/** The misbehaving responder does exactly what each mode says, and counts it. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { waitFor } from '../harness/wait.js';
import { buildRequest, type Mode, Responder } from './responder.js';

interface Received {
  readonly packet: Buffer;
  readonly port: number;
}

describe('misbehaving STAMP responder', () => {
  let client: Socket;
  let responder: Responder;
  let received: Received[];

  beforeEach(async () => {
    received = [];
    client = createSocket('udp4');
    client.on('message', (packet, from) => received.push({ packet, port: from.port }));
    client.bind(0, '127.0.0.1');
    await once(client, 'listening');
  });
  afterEach(() => {
    responder.close();
    client.close();
  });

  /** Sends four requests, numbered 0 to 3, with SSID 7, and waits for `replies` datagrams. */
  async function exchange(mode: Mode, replies: number): Promise<Buffer[]> {
    responder = await Responder.start(mode);
    const requests = [0, 1, 2, 3].map((sequence) => buildRequest(sequence, 7));
    for (const request of requests) client.send(request, responder.port, '127.0.0.1');
    await waitFor('four requests at the responder', () => responder.counts.requests === 4);
    await waitFor(`${replies} replies at the client`, () => received.length >= replies);
    return requests;
  }

  const sequences = (): number[] => received.map(({ packet }) => packet.readUInt32BE(24));

  it('answers with the layout of RFC 8762', async () => {
    const requests = await exchange({ kind: 'normal' }, 4);
    for (const [i, { packet, port }] of received.entries()) {
      expect(port).to.equal(responder.port);
      expect(packet.length).to.equal(44);
      expect(packet.readUInt32BE(0)).to.equal(i);
      expect(packet.readUInt16BE(14)).to.equal(7);
      expect(packet.subarray(24, 28)).to.deep.equal(requests[i].subarray(0, 4));
      expect(packet.subarray(28, 38)).to.deep.equal(requests[i].subarray(4, 14));
      const [t1, t2, t3] = [28, 16, 4].map((at) => packet.readUInt32BE(at) * 1e9 + packet.readUInt32BE(at + 4));
      expect(t2).to.be.at.least(t1);
      expect(t3).to.be.at.least(t2);
    }
    expect(responder.counts).to.deep.equal({ requests: 4, malformed: 0, replies: 4, faulty: 0, unanswered: 0 });
  });

  it('replies are as long as the request', async () => {
    responder = await Responder.start({ kind: 'normal' });
    client.send(buildRequest(0, 1, 200), responder.port, '127.0.0.1');
    await waitFor('a reply', () => received.length === 1);
    expect(received[0].packet.length).to.equal(200);
  });

  it('does not answer what is too short to be a request', async () => {
    responder = await Responder.start({ kind: 'normal' });
    client.send(Buffer.alloc(43), responder.port, '127.0.0.1');
    await waitFor('the short datagram is counted', () => responder.counts.malformed === 1);
    expect(responder.counts.replies).to.equal(0);
  });

  it('wrongT1 changes the returned T1 and nothing else of the sender', async () => {
    const requests = await exchange({ kind: 'wrongT1' }, 4);
    for (const [i, { packet }] of received.entries()) {
      expect(packet.subarray(28, 36)).to.not.deep.equal(requests[i].subarray(4, 12));
      expect(packet.readUInt32BE(24)).to.equal(i);
    }
    expect(responder.counts.faulty).to.equal(4);
  });

  it('wrongSequence returns numbers that were never sent', async () => {
    await exchange({ kind: 'wrongSequence' }, 4);
    for (const sequence of sequences()) expect(sequence).to.be.at.least(0x4000_0000);
    expect(responder.counts.faulty).to.equal(4);
  });

  it('wrongSource answers from another port', async () => {
    await exchange({ kind: 'wrongSource' }, 4);
    for (const { port } of received) expect(port).to.not.equal(responder.port);
  });

  it('duplicate answers each request so many times more', async () => {
    await exchange({ kind: 'duplicate', copies: 2 }, 12);
    expect(sequences()).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    expect(responder.counts).to.include({ replies: 12, faulty: 8 });
  });

  it('late answers after the time given, and not earlier', async () => {
    const start = performance.now();
    await exchange({ kind: 'late', ms: 80 }, 4);
    // A timer of Node may fire up to a millisecond before its time.
    expect(performance.now() - start).to.be.at.least(79);
    expect(responder.counts.faulty).to.equal(4);
  });

  it('reorder swaps neighbours', async () => {
    await exchange({ kind: 'reorder' }, 4);
    expect(sequences()).to.deep.equal([1, 0, 3, 2]);
    expect(responder.counts.faulty).to.equal(2);
  });

  it('silent answers nothing', async () => {
    await exchange({ kind: 'silent' }, 0);
    expect(responder.counts).to.include({ replies: 0, unanswered: 4 });
  });

  it('dropEvery leaves every n-th request of a flow unanswered', async () => {
    await exchange({ kind: 'dropEvery', n: 2 }, 2);
    expect(sequences()).to.deep.equal([0, 2]);
    expect(responder.counts.unanswered).to.equal(2);
  });

  it('truncated cuts the reply', async () => {
    await exchange({ kind: 'truncated', bytes: 41 }, 4);
    for (const { packet } of received) expect(packet.length).to.equal(41);
  });

  it('noSsid returns zeros for the session identifier', async () => {
    await exchange({ kind: 'noSsid' }, 4);
    for (const { packet } of received) expect(packet.readUInt16BE(14)).to.equal(0);
  });

  it('junk is no packet of any format', async () => {
    await exchange({ kind: 'junk' }, 4);
    for (const { packet } of received) expect(packet.toString()).to.equal('junk');
  });
});
