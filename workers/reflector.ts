/** Entry of a reflector thread. The logic is in src/reflector/engine.ts. */

import { threadId } from 'node:worker_threads';
import { goBeforeOthers } from '../src/net/priority.js';
import { ReflectorEngine } from '../src/reflector/engine.js';
import type { ReflectorStart } from '../src/reflector/messages.js';

/** Runs until the thread's doorbell rings. */
export default function reflect(start: ReflectorStart): void {
  const engine = new ReflectorEngine(start);
  engine.control.threadId = threadId;
  goBeforeOthers();
  engine.run();
}
