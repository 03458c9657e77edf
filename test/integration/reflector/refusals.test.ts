/** A kernel that refuses socket options to a reflector: it goes on where replies stay true, and says what they lack. */

import { expect } from 'chai';
import type { ResultRow } from '../../support/harness/contract.js';
import { needs } from '../../support/harness/needs.js';
import { freePort } from '../../support/processes/http.js';
import { type Running, startLlama } from '../../support/processes/process.js';
import { type REFUSALS, refusing } from '../../support/processes/refuse.js';

const START_MS = 20_000;

describe('a reflector whose kernel refuses socket options', function () {
  this.timeout(60_000);
  let reflector: Running | undefined;
  let port: number;

  before(function () {
    needs(this, 'python3');
  });
  beforeEach(async () => {
    port = await freePort();
  });
  afterEach(async () => {
    await reflector?.stop();
    reflector = undefined;
  });

  async function start(address: string, ...refused: (keyof typeof REFUSALS)[]): Promise<Running> {
    const running = startLlama(['reflector', '--listen', `${address}:${port}`], refusing(...refused));
    reflector = running;
    await running.until('it answers', () => running.stderr.includes('answering probes'), START_MS);
    return running;
  }

  async function probe(): Promise<ResultRow> {
    const args = ['probe', `127.0.0.1:${port}`, '--count', '20', '--class', 'ef', '--json'];
    const prober = startLlama(args);
    await prober.exited;
    return (JSON.parse(prober.stdout) as { results: ResultRow[] }).results[0];
  }

  for (const [refused, says] of [
    ['stamps', 'no receive time stamps: T2 is the time at which a request is read'],
    ['stampsRead', 'no receive time stamps: T2 is the time at which a request is read'],
    ['queueDrops', 'does not say what receive queues drop'],
  ] as const)
    it(`answers without ${refused}, and says what that means`, async () => {
      const running = await start('127.0.0.1', refused);
      expect(running.stderr).to.include(says);
      const { received, remarked, hopsForward, dscpForward } = await probe();
      expect({ received, remarked, hopsForward, dscpForward }).to.deep.equal({
        received: 20,
        remarked: 0,
        hopsForward: 0,
        dscpForward: null,
      });
    });

  it('answers with stamps in whole microseconds where the kernel has no others, and says what that means', async () => {
    const running = await start('127.0.0.1', 'timestamping', 'timestampNs');
    expect(running.stderr).to.include('T2 may be up to 1 us early').and.not.to.include('no receive time stamps');
    expect((await probe()).received).to.equal(20);
  });

  it('answers without the TTL of requests: hops are unknown, not wrong', async () => {
    const running = await start('127.0.0.1', 'ttl');
    expect(running.stderr).to.include('does not deliver the TTL of requests');
    const { received, hopsForward, hopsReverse } = await probe();
    expect({ received, hopsForward, hopsReverse }).to.deep.equal({ received: 20, hopsForward: null, hopsReverse: 0 });
  });

  it('answers without packet information on an address of its own, with nothing to say', async () => {
    const running = await start('127.0.0.1', 'packetInfo');
    expect(running.stderr).not.to.include('kernel');
    expect((await probe()).received).to.equal(20);
  });

  for (const [address, refused, says] of [
    ['0.0.0.0', 'packetInfo', /IP_PKTINFO: EPERM.*listen on each address/],
    ['127.0.0.1', 'tos', /IP_RECVTOS: EPERM.*another class/],
  ] as const)
    it(`ends with 2 on ${address} without ${refused}: replies would be wrong`, async () => {
      const running = startLlama(['reflector', '--listen', `${address}:${port}`], refusing(refused));
      expect(await running.exited).to.include({ code: 2 });
      expect(running.stderr).to.match(says);
    });
});
