import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import type { LlamaError } from '../../../src/base/errors.js';
import { parseListen } from '../../../src/net/endpoint.js';
import type { Reflector, ReflectorStatus } from '../../../src/reflector/reflector.js';
import { serveStatus, statusApp } from '../../../src/reflector/status.js';
import { stampRequest } from '../../support/fakes/udpPeer.js';
import { Fixture } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const fixture = new Fixture();

describe('The status of a reflector over HTTP', () => {
  let reflector: Reflector;
  let app: FastifyInstance;
  let base: string;

  before(async () => {
    const started = await fixture.reflector({ threads: 2, maxPps: 1_000_000 });
    reflector = started.reflector;
    const served = await serveStatus(parseListen('127.0.0.1:0', '--status'), () => reflector.status());
    app = served.app;
    base = `http://127.0.0.1:${served.endpoint.port}`;
    const peer = await fixture.peer();
    for (let i = 0; i < 3; i++) await peer.ask(stampRequest(i), started.port);
    await peer.send(stampRequest(1, 40), started.port);
    await waitFor('the short one to be counted', () => reflector.status().totals.tooShort === 1);
  });
  after(async () => {
    await app.close();
    await fixture.closeAll();
  });

  for (const path of ['/', '/v1/status'])
    it(`${path} gives the counters in sum and per thread`, async () => {
      const status = (await (await fetch(base + path)).json()) as ReflectorStatus;
      expect(status.totals).to.include({ received: 4, reflected: 3, tooShort: 1, receiveQueueDrops: 0 });
      expect(status.workers.map(({ thread }) => thread)).to.deep.equal(['reflector-0', 'reflector-1']);
      expect(status.workers[0].totals.received + status.workers[1].totals.received).to.equal(4);
      expect(status).to.include({ state: 'running', stateful: false, authenticated: false, maxPps: 1_000_000 });
      expect(status.version).to.match(/^\d+\.\d+\.\d+/);
      expect(status.listen).to.have.length(1);
    });

  it('/metrics gives them to Prometheus, and the same again when asked again', async () => {
    for (let round = 0; round < 2; round++) {
      const response = await fetch(`${base}/metrics`);
      expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
      const lines = (await response.text()).split('\n');
      expect(lines).to.include('llama_reflector_packets_received_total 4');
      expect(lines).to.include('llama_reflector_packets_reflected_total{format="stamp"} 3');
      expect(lines).to.include('llama_reflector_packets_dropped_total{reason="tooShort"} 1');
      expect(lines).to.include('llama_reflector_packets_dropped_total{reason="overRate"} 0');
      expect(lines).to.include('llama_reflector_threads{state="running"} 2');
    }
  });

  it('/healthz is 200 when every thread runs and 503 when one does not', async () => {
    expect((await fetch(`${base}/healthz`)).status).to.equal(200);
    const status = reflector.status();
    const sick = statusApp(() => ({
      ...status,
      workers: [status.workers[0], { ...status.workers[1], state: 'restarting' }],
    }));
    expect((await sick.inject('/healthz')).statusCode).to.equal(503);
  });

  it('another address is a problem document', async () => {
    const response = await fetch(`${base}/nothing`);
    expect(response.status).to.equal(404);
    expect(response.headers.get('content-type')).to.include('application/problem+json');
    expect(await response.json()).to.include({ code: 'LLAMA_NOT_FOUND', status: 404 });
  });

  it('a taken port is named, with what to do', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const error = await serveStatus(parseListen(`127.0.0.1:${port}`), () => reflector.status()).then(
      () => undefined,
      (reason: LlamaError) => reason,
    );
    holder.close();
    expect(error).to.include({ code: 'LLAMA_ADDRESS_IN_USE' });
    expect(error?.message).to.include(`127.0.0.1:${port}`).and.to.include('ss -ltnp');
  });
});
