import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import pino from 'pino';
import { LlamaError } from '../../../src/base/errors.js';
import { parseListen } from '../../../src/net/endpoint.js';
import { Reflector } from '../../../src/reflector/reflector.js';
import { readReply, stampRequest, type UdpPeer } from '../../support/fakes/udpPeer.js';
import { Fixture, settings, silent } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();

/** What `Reflector.start` rejects with. */
async function startError(overrides: Parameters<typeof settings>[0]): Promise<LlamaError> {
  const error = await Reflector.start(settings(overrides), silent).then(
    async (reflector) => {
      await reflector.close();
      return undefined;
    },
    (reason: unknown) => reason,
  );
  if (error instanceof LlamaError) return error;
  throw new Error(`not a LlamaError: ${String(error)}`);
}

const numbers = (peer: UdpPeer): [own: number, sender: number][] =>
  peer.received.map(({ bytes }) => {
    const reply = readReply(bytes);
    return [reply.sequence, reply.senderSequence];
  });

describe('A reflector', () => {
  afterEach(() => fixture.closeAll());

  it('says at level debug what computes HMACs, where there are keys', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino(
      { level: 'debug' },
      { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    );
    for (const keys of [undefined, [Buffer.from('a key of some length')]]) {
      const reflector = await Reflector.start(settings(keys === undefined ? {} : { keys }), logger);
      await reflector.close();
    }
    expect(lines.filter((line) => 'hmac' in line)).to.have.lengthOf(1);
    expect(lines.find((line) => 'hmac' in line)).to.include({ level: 20, hmac: 'openssl' });
  });

  it('stateless: copies the sender’s number', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    for (const number of [7, 9, 0xffff_ffff]) await peer.ask(stampRequest(number), port);
    expect(numbers(peer)).to.deep.equal([
      [7, 7],
      [9, 9],
      [0xffff_ffff, 0xffff_ffff],
    ]);
    expect(reflector.status().totals.sessions).to.equal(0);
  });

  it('stateful: counts its replies from 0 in each session, told apart by address, port and SSID', async () => {
    const stateful = { maxSessions: 100, timeoutMs: 60_000 };
    const { reflector, port } = await fixture.reflector({ listen: ['0.0.0.0:0'], stateful });
    const peer = await fixture.peer();
    const other = await fixture.peer();
    for (const number of [7, 9, 12]) await peer.ask(stampRequest(number, 44, 1), port);
    await peer.ask(stampRequest(13, 44, 2), port);
    await peer.ask(stampRequest(14, 44, 1), port, '127.0.0.2');
    await peer.ask(stampRequest(15, 44, 1), port);
    await other.ask(stampRequest(16, 44, 1), port);
    expect(numbers(peer)).to.deep.equal([
      [0, 7],
      [1, 9],
      [2, 12],
      [0, 13],
      [0, 14],
      [3, 15],
    ]);
    expect(numbers(other)).to.deep.equal([[0, 16]]);
    await waitFor('the count of sessions', () => reflector.status().totals.sessions === 4);
  });

  it('stateful: holds no more sessions than it may, and counts those it forgot', async () => {
    const { reflector, port } = await fixture.reflector({ stateful: { maxSessions: 3, timeoutMs: 60_000 } });
    const peer = await fixture.peer();
    for (let ssid = 1; ssid <= 10; ssid++) await peer.ask(stampRequest(ssid, 44, ssid), port);
    await waitFor('the count of evictions', () => reflector.status().totals.sessionsEvicted === 7);
    expect(reflector.status().totals.sessions).to.equal(3);
    expect(readReply((await peer.ask(stampRequest(1, 44, 10), port)).bytes).sequence).to.equal(1);
    expect(readReply((await peer.ask(stampRequest(1, 44, 1), port)).bytes).sequence).to.equal(0);
  });

  it('stateful: forgets a session that is silent too long, without another packet', async () => {
    const { reflector, port } = await fixture.reflector({ stateful: { maxSessions: 3, timeoutMs: 50 } });
    const peer = await fixture.peer();
    await peer.ask(stampRequest(1), port);
    await waitFor('the session to expire', () => reflector.status().totals.sessionsExpired === 1);
    expect(reflector.status().totals.sessions).to.equal(0);
  });

  it('answers no more than --max-pps over all threads, and counts the rest', async () => {
    const maxPps = 1000;
    const startMs = performance.now();
    const { reflector, port } = await fixture.reflector({ threads: 2, maxPps });
    const peers = await Promise.all(Array.from({ length: 8 }, () => fixture.peer()));
    for (let i = 0; i < 500; i++) await Promise.all(peers.map((peer) => peer.send(stampRequest(i), port)));
    await waitFor('all to be looked at', () => reflector.status().totals.received === 4000);
    const elapsedMs = performance.now() - startMs;
    const { totals, workers } = reflector.status();
    expect(workers.every((worker) => worker.totals.received > 0)).to.equal(true);
    expect(totals.reflected + totals.overRate).to.equal(4000);
    expect(totals.reflected).to.be.at.least(100);
    expect(totals.reflected).to.be.at.most(maxPps / 10 + ((elapsedMs + 1) * maxPps) / 1000);
  });

  it('two threads share a port, and the kernel deals the flows out to both', async () => {
    const { reflector, port } = await fixture.reflector({ threads: 2 });
    for (let i = 0; i < 32; i++) await (await fixture.peer()).ask(stampRequest(i), port);
    const { workers, totals } = reflector.status();
    expect(totals).to.include({ received: 32, reflected: 32 });
    expect(workers.map(({ thread, state }) => [thread, state])).to.deep.equal([
      ['reflector-0', 'running'],
      ['reflector-1', 'running'],
    ]);
    for (const worker of workers) expect(worker.totals.reflected, worker.thread).to.be.greaterThan(0);
  });

  it('a killed thread is back within a second, on the same port, with its counters', async () => {
    const { reflector, port } = await fixture.reflector();
    const peer = await fixture.peer();
    await peer.ask(stampRequest(1), port);
    for (let kill = 1; kill <= 3; kill++) {
      await reflector.killThread(0);
      // Sent while nobody reads: the socket holds it, with the kernel's stamp.
      await peer.send(stampRequest(kill + 1), port);
      await waitFor('the next life to answer', () => peer.received.length === kill + 1, 1000);
      const [worker] = reflector.status().workers;
      expect(worker).to.include({ state: 'running', restarts: kill });
      expect(worker.totals).to.include({ received: kill + 1, reflected: kill + 1 });
    }
    expect(reflector.status().workers[0].lastError).to.be.a('string');
  });

  it('while one of two threads is dead the other goes on', async () => {
    const { reflector, port } = await fixture.reflector({ threads: 2 });
    const peers = await Promise.all(Array.from({ length: 16 }, () => fixture.peer()));
    await reflector.killThread(1);
    await Promise.all(peers.map((peer) => peer.ask(stampRequest(1), port)));
    const [first, second] = reflector.status().workers;
    expect(first.restarts).to.equal(0);
    expect(second.lastError).to.be.a('string');
    expect(first.totals.reflected + second.totals.reflected).to.equal(16);
  });

  it('says which address is taken and what to do about it', async () => {
    const holder = createSocket({ type: 'udp4', reuseAddr: false });
    holder.bind(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address();
    const error = await startError({ listen: [`127.0.0.1:${port}`] });
    holder.close();
    expect(error.code).to.equal('LLAMA_ADDRESS_IN_USE');
    expect(error.message).to.include(`127.0.0.1:${port}`).and.to.include('ss -lunp');
  });

  it('refuses a port that another reflector shares among its threads', async () => {
    const { port } = await fixture.reflector({ threads: 2 });
    expect((await startError({ listen: [`127.0.0.1:${port}`] })).code).to.equal('LLAMA_ADDRESS_IN_USE');
    expect((await startError({ listen: [`0.0.0.0:${port}`] })).code).to.equal('LLAMA_ADDRESS_IN_USE');
  });

  it('leaves its port free after close, and after a start that failed', async () => {
    const { reflector, port } = await fixture.reflector({ threads: 2 });
    await reflector.close();
    const other = await fixture.reflector();
    expect((await startError({ listen: [`127.0.0.1:${port}`, `127.0.0.1:${other.port}`] })).code).to.equal(
      'LLAMA_ADDRESS_IN_USE',
    );
    expect((await startError({ listen: ['203.0.113.1:8100'] })).message).to.include('EADDRNOTAVAIL');
    const again = await fixture.reflector({ listen: [`127.0.0.1:${port}`] });
    expect(again.port).to.equal(port);
  });

  it('refuses an address that is given twice, and a wrong network', async () => {
    expect((await startError({ listen: ['127.0.0.1:8999', '127.0.0.1:8999'] })).message).to.include('127.0.0.1:8999');
    expect((await startError({ allow: ['10.0.0.0/99'] })).message).to.include('10.0.0.0/99');
  });

  it('asked for the default addresses, listens on port 8100 of both families', async function () {
    const reflector = await Reflector.start({ ...settings(), listen: null }, silent).catch((error: LlamaError) => {
      if (error.code !== 'LLAMA_ADDRESS_IN_USE' || process.env.CI === 'true') throw error;
      console.log('      skipped: port 8100 is taken on this machine');
      return this.skip();
    });
    expect(reflector.status().listen).to.deep.equal(['0.0.0.0:8100', '[::]:8100']);
    expect(reflector.endpoints).to.deep.equal([parseListen('0.0.0.0:8100'), parseListen('[::]:8100')]);
    await reflector.close();
  });
});
