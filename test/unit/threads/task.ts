/** A thread for the supervisor's tests: does as its task says. */

import { threadId } from 'node:worker_threads';
import { ControlBlock, ThreadState } from '../../../src/ring/control.js';

export interface TestTask {
  readonly control: SharedArrayBuffer;
  /**
   * `run`: until the doorbell rings; `throw`: at once; `runThenThrow`: when the doorbell rings; `deaf`: for ever; `hang`:
   * no heartbeat until the doorbell rings, then as `deaf`.
   */
  readonly does: 'run' | 'throw' | 'runThenThrow' | 'deaf' | 'hang';
}

export default function work({ control: memory, does }: TestTask): void {
  const control = new ControlBlock(['lives'], memory);
  const doorbell = control.doorbell;
  control.counters[0]++;
  control.threadId = threadId;
  if (does === 'throw') throw new Error('told to throw');
  control.state = ThreadState.running;
  // Woken by the test; for ever where it is to be deaf. Blocks this thread only.
  while (control.doorbell === doorbell || does === 'deaf' || does === 'hang') {
    if (does !== 'hang' || control.doorbell !== doorbell) control.beat();
    control.waitDoorbell(control.doorbell, 1);
  }
  if (does === 'runThenThrow') throw new Error('told to throw');
}
