import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { THREAD_EXEC_ARGV } from '../../../src/threads/execArgv.js';

describe('THREAD_EXEC_ARGV', () => {
  it('keeps this process’s options, and leaves modules to import', async () => {
    const file = fileURLToPath(new URL('./task.js', import.meta.url));
    const code = `let found = 'required';
      try { require(${JSON.stringify(file)}); } catch (error) { found = error.code; }
      require('node:worker_threads').parentPort.postMessage(found);`;
    const worker = new Worker(code, { eval: true, execArgv: [...THREAD_EXEC_ARGV] });
    const [found] = await once(worker, 'message');
    await worker.terminate();
    expect(found).to.equal('ERR_REQUIRE_ESM');
    expect(THREAD_EXEC_ARGV).to.include.members(process.execArgv);
  });
});
