/**
 * Renewing the source ports: new ones are opened first, probes leave by them, and the old ones are read until every
 * reply that counts has come.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import { formatDuration, MS_PER_S, msToNs, nsToMs } from '../../base/units.js';
import { GRACE_NS } from '../../config/group/limits.js';
import type { Group } from '../../config/types.js';
import type { RenewedPorts } from '../../contract/collectorStatus.js';
import type { SourceSocket } from '../../threads/messages.js';
import { LATE_MS, type SourcePorts } from './sourcePorts.js';

/** At most one renewal in this time: each changes every path to another flow. */
const EVERY_MS = 60 * MS_PER_S;

interface RenewalOptions {
  readonly basePort: number;
  readonly sources: SourcePorts;
  readonly probers: {
    /** Announces new sockets to the threads; resolves when they have them. */
    tellSockets(): Promise<void>;
    /** Resolves with whether all threads have let go of these sockets. */
    closing(sockets: readonly SourceSocket[]): Promise<boolean>;
  };
  readonly groups: () => readonly Group[];
  readonly logger: Logger;
  /** A clock that no step moves, ms; and epoch ms by the same clock as the intervals. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
}

export class PortRenewal {
  private readonly options: RenewalOptions;
  private lastMs = Number.NEGATIVE_INFINITY;
  private readonly ended = new AbortController();
  /** The draining of the last renewal. */
  private draining: Promise<void> | undefined;

  constructor(options: RenewalOptions) {
    this.options = options;
  }

  /** See `CollectorService.renewSourcePorts`. The caller keeps changes of groups out meanwhile. */
  async renew(): Promise<RenewedPorts> {
    const { basePort, sources, probers, groups, logger, nowMs, wallMs } = this.options;
    if (basePort !== 0)
      throw new LlamaError(
        'LLAMA_SOURCE_PORTS_FIXED',
        `found source.basePort ${basePort}, expected 0, for fixed source ports are never others; delete the stale entry on the device that has it, or start with another source.basePort`,
      );
    const waitMs = this.lastMs + EVERY_MS - nowMs();
    if (waitMs > 0 || this.draining !== undefined)
      throw new LlamaError(
        'LLAMA_TOO_SOON',
        `found a renewal of the source ports ${formatDuration(msToNs(Math.round(nowMs() - this.lastMs)))} ago, expected at most one a minute, and none before the ports of the last one are drained; try again later`,
      );
    const before = sources.ports(4);
    sources.renew(wallMs());
    this.lastMs = nowMs();
    await probers.tellSockets();
    const drainMs = nsToMs(Math.max(0, ...groups().map(({ timeoutNs }) => timeoutNs)) + GRACE_NS) + LATE_MS;
    this.draining = this.drain(drainMs).finally(() => {
      this.draining = undefined;
    });
    const after = sources.ports(4);
    logger.info({ before, after, drainMs }, 'source ports renewed');
    return { before, after, drainMs };
  }

  /** Stops waiting: the sockets are about to be closed with all others. */
  end(): void {
    this.ended.abort();
  }

  private async drain(ms: number): Promise<void> {
    const { sources, probers, logger } = this.options;
    try {
      await delay(ms, undefined, { signal: this.ended.signal, ref: false });
    } catch {
      return;
    }
    const sockets = sources.release();
    // A delayed thread still reads them. If they were closed now, other files could get their descriptors.
    while (!(await probers.closing(sockets))) if (this.ended.signal.aborted) return;
    if (this.ended.signal.aborted) return;
    sources.drained();
    logger.info('the source ports of before are closed');
  }
}
