import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createTokens, MAX_PPS_LIMIT, TokenBucket } from '../../../src/reflector/tokens.js';

const THREAD_SOURCE = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { TokenBucket } from ${JSON.stringify(new URL('../../../src/reflector/tokens.js', import.meta.url).href)};
  const { memory, maxPps, untilMs } = workerData;
  const bucket = new TokenBucket(memory, maxPps);
  const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
  let taken = 0;
  for (let turn = 0, now = nowMs(); now < untilMs; turn++, now = nowMs()) taken += bucket.take(1 + (turn % 7), now);
  parentPort.postMessage(taken);
`;

describe('TokenBucket of --max-pps', () => {
  it('grants a burst of 100 ms, then the rate', () => {
    const bucket = new TokenBucket(createTokens(1000, 0), 1000);
    expect(bucket.take(500, 0)).to.equal(100);
    expect(bucket.take(1, 0.9)).to.equal(0);
    expect(bucket.take(5, 1)).to.equal(1);
    expect(bucket.take(50, 11)).to.equal(10);
    expect(bucket.take(500, 5000)).to.equal(100);
  });

  for (const maxPps of [1, 3, 7, 10, 999, 5000, 333_333, MAX_PPS_LIMIT])
    it(`grants exactly ${maxPps} packets a second over a minute`, () => {
      const bucket = new TokenBucket(createTokens(maxPps, 0), maxPps);
      const burst = Math.max(1, maxPps / 10);
      let taken = 0;
      for (let ms = 0; ms <= 60_000; ms += 3) taken += bucket.take(MAX_PPS_LIMIT, ms);
      expect(taken).to.be.within(60 * maxPps, 60 * maxPps + burst);
    });

  it('grants and loses nothing by a clock slightly behind another thread’s', () => {
    const memory = createTokens(1000, 0);
    const [a, b] = [new TokenBucket(memory, 1000), new TokenBucket(memory, 1000)];
    a.take(100, 0);
    expect(a.take(10, 10)).to.equal(10);
    expect(b.take(10, 9)).to.equal(0);
    expect(b.take(10, 12)).to.equal(2);
  });

  it('continues after weeks without a packet, past the end of the 32-bit millisecond', () => {
    const bucket = new TokenBucket(createTokens(1000, 0), 1000);
    bucket.take(100, 0);
    for (const days of [20, 26, 49, 50, 100]) expect(bucket.take(500, days * 86_400_000), `day ${days}`).to.equal(100);
  });

  it('grants racing threads exactly the limit in total', async () => {
    const [threads, maxPps, durationMs] = [4, 200_000, 1000];
    const startMs = Number(process.hrtime.bigint()) / 1e6;
    const untilMs = startMs + durationMs;
    const memory = createTokens(maxPps, startMs);
    const url = new URL(`data:text/javascript,${encodeURIComponent(THREAD_SOURCE)}`);
    const workers = Array.from({ length: threads }, () => new Worker(url, { workerData: { memory, maxPps, untilMs } }));
    const taken = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
    await Promise.all(workers.map((worker) => worker.terminate()));
    const sum = taken.reduce((a, b) => a + b, 0);
    // The burst, and what came due since; a millisecond for where in its millisecond each reading fell.
    const limit = maxPps / 10 + ((durationMs + 1) * maxPps) / 1000;
    expect(sum).to.be.at.most(limit);
    // Less the time until the threads run, in which a full bucket overflows.
    expect(sum).to.be.at.least(limit / 2);
  });
});
