/** Entry of a reflector thread. Thin: the logic is in src/reflector/engine.ts. */

import { ReflectorEngine } from '../src/reflector/engine.js';
import type { ReflectorStart } from '../src/reflector/messages.js';

/** Runs until the thread's doorbell rings. */
export default function reflect(start: ReflectorStart): void {
  new ReflectorEngine(start).run();
}
