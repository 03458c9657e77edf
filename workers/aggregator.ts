/**
 * Entry of the aggregator thread: one loop around `Aggregator`, without Node's event loop. It must never contain logic.
 *
 * A pool calls the default export; a plain `Worker` gets the same task as its `workerData`.
 */

import { receiveMessageOnPort, threadId, workerData } from 'node:worker_threads';
import { Aggregator } from '../src/aggregator/aggregator.js';
import { systemClock } from '../src/net/clock.js';
import { goBeforeOthers } from '../src/net/priority.js';
import { ControlBlock, ThreadState } from '../src/ring/control.js';
import { AGGREGATOR_COUNTERS, type AggregatorTask, type ToAggregator } from '../src/threads/messages.js';

/** Longest sleep: bounds how late a record is read. A ring holds 500 ms. */
const IDLE_MS = 20;

/** Runs until `flushed` was posted. */
export default function runAggregator({ start, port }: AggregatorTask): void {
  goBeforeOthers();
  const control = new ControlBlock(AGGREGATOR_COUNTERS, start.control);
  const aggregator = new Aggregator(start, systemClock(start.timeBase), (message, transfer) => {
    port.postMessage(message, [...transfer]);
  });
  const drainMessages = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      aggregator.handle(next.message as ToAggregator);
    }
  };
  control.threadId = threadId;
  control.state = ThreadState.running;
  while (!aggregator.finished) {
    // Read before the messages: a message posted after the drain changes the doorbell, and the wait ends at once.
    const seen = control.doorbell;
    control.beat();
    // Woken by the main thread's doorbell, or after IDLE_MS to read the rings: the probers never wake it. Blocks this
    // thread only.
    if (!aggregator.turn(drainMessages)) control.waitDoorbell(seen, IDLE_MS);
  }
  control.state = ThreadState.stopped;
}

const task: Partial<AggregatorTask> | null = workerData;
if (task?.start !== undefined && task.port !== undefined) runAggregator({ start: task.start, port: task.port });
