import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pino from 'pino';
import { LlamaError } from '../../../src/base/errors.js';
import { ControlBlock } from '../../../src/ring/control.js';
import { SupervisedThreads } from '../../../src/threads/supervised.js';
import { waitFor } from '../../support/harness/wait.js';
import type { TestTask } from './task.js';

const FILE = fileURLToPath(new URL('./task.js', import.meta.url));

interface Bench {
  readonly threads: SupervisedThreads<TestTask>;
  readonly controls: ControlBlock<'lives'>[];
  /** Calls of `begin` and `died`, in order. */
  readonly calls: string[];
}

describe('SupervisedThreads', () => {
  const open: SupervisedThreads<TestTask>[] = [];
  afterEach(async () => {
    for (const threads of open.splice(0)) await threads.stop(0);
  });

  function bench(
    does: (thread: number, life: number) => TestTask['does'],
    count = 1,
    died: () => Promise<void> = async () => undefined,
  ): Bench {
    const controls = Array.from({ length: count }, () => new ControlBlock<'lives'>(['lives']));
    const calls: string[] = [];
    const threads = new SupervisedThreads<TestTask>({
      name: 'test',
      sampleMs: 10,
      file: FILE,
      controls,
      logger: pino({ level: 'silent' }),
      begin: (thread, life) => {
        calls.push(`begin ${thread} ${life}`);
        return { task: { control: controls[thread].memory, does: does(thread, life) }, transfer: [] };
      },
      died: async (thread, life) => {
        calls.push(`died ${thread} ${life}`);
        await died();
      },
    });
    open.push(threads);
    return { threads, controls, calls };
  }
  const states = ({ threads, controls }: Bench) => controls.map((_, i) => threads.status(i).state);

  it('runs a task in each thread until a stop', async () => {
    const b = bench(() => 'run', 2);
    await b.threads.started();
    expect(states(b)).to.deep.equal(['running', 'running']);
    expect(b.threads.status(1)).to.deep.equal({ thread: 'test-1', state: 'running', restarts: 0, lastError: null });
    for (const control of b.controls) control.ring();
    await b.threads.stop(10_000);
    expect(states(b)).to.deep.equal(['stopped', 'stopped']);
    expect(b.calls).to.deep.equal(['begin 0 0', 'begin 1 0']);
  });

  it('starts the next incarnation of a killed thread after its death was handled', async () => {
    let settle: () => void = () => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const b = bench(
      () => 'run',
      2,
      () => settled,
    );
    await b.threads.started();
    await b.threads.kill(1);
    await waitFor('the death', () => states(b)[1] === 'restarting');
    expect(b.controls[1].read('lives')).to.equal(1);
    expect(b.calls).to.deep.equal(['begin 0 0', 'begin 1 0', 'died 1 0']);
    settle();
    await waitFor('the next life', () => states(b)[1] === 'running', 1000);
    expect(b.threads.status(1)).to.include({ restarts: 1 }).with.property('lastError').that.includes('exited');
    expect(b.controls.map((control) => control.read('lives'))).to.deep.equal([1, 2]);
    expect(b.threads.status(0).restarts).to.equal(0);
  });

  it('restarts a thread that throws or ends unexpectedly, and reports the reason', async () => {
    const b = bench((_, life) => (life === 0 ? 'runThenThrow' : 'run'));
    await b.threads.started();
    b.controls[0].ring();
    await waitFor('the second life', () => b.threads.status(0).restarts === 1 && states(b)[0] === 'running');
    expect(b.threads.status(0).lastError).to.equal('told to throw');
    b.controls[0].ring();
    await waitFor('the third life', () => b.threads.status(0).restarts === 2 && states(b)[0] === 'running');
    expect(b.threads.status(0).lastError).to.equal('it ended though nobody told it to');
  });

  it('reports a thread as hung while its loop makes no iteration', async () => {
    const b = bench((thread) => (thread === 1 ? 'hang' : 'run'), 2);
    await b.threads.started();
    await waitFor('the second thread to be hung', () => states(b)[1] === 'hung', 5_000);
    expect(states(b)[0]).to.equal('running');
    b.controls[1].ring();
    await waitFor('it to go on', () => states(b)[1] === 'running', 5_000);
  });

  it('reports a thread that cannot start, without a retry', async () => {
    const b = bench((thread) => (thread === 1 ? 'throw' : 'run'), 2);
    const error = await b.threads.started().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_THREAD');
    expect((error as LlamaError).message).to.include('told to throw');
    expect(b.controls[1].read('lives')).to.equal(1);
  });

  it('reports a thread that ran and died before all were started', async () => {
    const b = bench(() => 'run');
    await waitFor('it runs', () => states(b)[0] === 'running');
    b.controls[0].ring();
    await waitFor('it ended', () => states(b)[0] === 'stopped');
    const error = await b.threads.started().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_THREAD');
  });

  it('terminates an unresponsive thread after the timeout', async () => {
    const b = bench(() => 'deaf');
    await b.threads.started();
    const startMs = performance.now();
    await b.threads.stop(50);
    expect(performance.now() - startMs).to.be.within(45, 3_000);
    expect(states(b)).to.deep.equal(['stopped']);
  });

  it('stops while a death is still being handled, without a new incarnation', async () => {
    const b = bench(
      () => 'run',
      1,
      () => new Promise(() => undefined),
    );
    await b.threads.started();
    await b.threads.kill(0);
    await waitFor('the death', () => b.calls.includes('died 0 0'));
    await b.threads.stop(10_000);
    expect(b.controls[0].read('lives')).to.equal(1);
    expect(states(b)).to.deep.equal(['stopped']);
  });

  it('ignores a kill between two incarnations', async () => {
    const b = bench(
      () => 'run',
      1,
      () => new Promise(() => undefined),
    );
    await b.threads.started();
    await b.threads.kill(0);
    await waitFor('the death', () => b.calls.includes('died 0 0'));
    await b.threads.kill(0);
    expect(b.calls).to.deep.equal(['begin 0 0', 'died 0 0']);
  });
});
