/** Checks the listeners of a running reflector, logs their changes, and reports their current problems. */

import type { Logger } from 'pino';
import { formatEndpoint } from '../net/endpoint.js';
import type { Listener } from './listener.js';

const CHECK_PERIOD_MS = 1_000;

/** State of one address, for the status page. */
export interface ListenerStatus {
  /** `ADDRESS:PORT` as `--listen` takes it. */
  readonly listen: string;
  readonly listening: boolean;
  /** Why it is not listened on, and since when (ISO 8601); null while it is. */
  readonly reason: string | null;
  readonly since: string | null;
}

export class ListenerWatch {
  private readonly listeners: readonly Listener[];
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;

  /** `renewed` is called when a listener has new sockets: threads that wait for the old ones must wake up. */
  constructor(listeners: readonly Listener[], logger: Logger, renewed: () => void) {
    this.listeners = listeners;
    this.logger = logger;
    for (const listener of listeners) if (listener.problem !== null) this.logLost(listener);
    this.timer = setInterval(() => {
      // Checks every listener, also after one that has changed.
      const changed = listeners.filter((listener) => this.check(listener));
      if (changed.length > 0) renewed();
    }, CHECK_PERIOD_MS);
  }

  status(): ListenerStatus[] {
    return this.listeners.map(({ endpoint, problem }) => ({
      listen: formatEndpoint(endpoint),
      listening: problem === null,
      reason: problem?.reason ?? null,
      since: problem === null ? null : new Date(problem.sinceMs).toISOString(),
    }));
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Returns whether the listener has new sockets. */
  private check(listener: Listener): boolean {
    const change = listener.check();
    if (change === undefined) return false;
    const listen = formatEndpoint(listener.endpoint);
    if (change === 'lost') this.logLost(listener);
    else if (change === 'found') this.logger.info({ listen }, 'listening again');
    else this.logger.info({ listen }, 'the interface was made again: listening with new sockets');
    return change !== 'lost';
  }

  private logLost({ endpoint, problem }: Listener): void {
    this.logger.warn(
      { listen: formatEndpoint(endpoint), reason: problem?.reason },
      'not listening on this address; trying again every second',
    );
  }
}

/** Entries of `warnings` about the listeners. */
export function listenerWarnings(listeners: readonly ListenerStatus[]): string[] {
  return listeners
    .filter(({ listening }) => !listening)
    .map(({ listen, reason, since }) => `not listening on ${listen} since ${since}: ${reason}`);
}
