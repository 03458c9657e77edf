/** Entry of a prober thread: its task runs until the thread is told to stop. */

import { type MessagePort, receiveMessageOnPort, threadId } from 'node:worker_threads';
import type { ProberStart, ToProber } from '../src/collector/messages.js';
import { Prober } from '../src/collector/prober/prober.js';
import { goBeforeOthers } from '../src/net/priority.js';

export interface ProberTask {
  readonly start: ProberStart;
  readonly port: MessagePort;
}

export default function probe({ start, port }: ProberTask): void {
  const messages = (): ToProber | undefined => receiveMessageOnPort(port)?.message as ToProber | undefined;
  const prober = new Prober(start, messages);
  prober.control.threadId = threadId;
  goBeforeOthers();
  prober.run();
}
