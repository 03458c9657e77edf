/** Entry of a prober thread: its task runs until a stop message. */

import { receiveMessageOnPort, threadId } from 'node:worker_threads';
import { systemClock } from '../src/net/clock.js';
import { goBeforeOthers, Urgency } from '../src/net/priority.js';
import { Prober } from '../src/prober/prober.js';
import type { ProberTask, ToProber } from '../src/threads/messages.js';

export default function probe({ start, port }: ProberTask): void {
  const messages = (): ToProber | undefined => receiveMessageOnPort(port)?.message as ToProber | undefined;
  goBeforeOthers();
  const clock = systemClock(start.timeBase);
  // A window closes the loop: replies then set the pace instead of a schedule, and priority over the responder would
  // make batches smaller.
  const urgency = start.window === 0 ? new Urgency(clock.nowNs()) : undefined;
  const prober = new Prober(start, messages, { clock, watch: (nowNs) => urgency?.watch(nowNs) });
  prober.control.threadId = threadId;
  prober.run();
}
