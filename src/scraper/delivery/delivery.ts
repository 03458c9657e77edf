/**
 * From the pollers to all writers: an interval is delivered when it is safe with each of them. Each has its own queue
 * and spool.
 */

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import { makeDirectory } from '../../base/files/makeDirectory.js';
import type { ScraperConfig } from '../../config/scraper/types.js';
import {
  DELIVERY_DEFAULTS,
  type DeliveryOptions,
  type WriterConfig,
  writerName,
} from '../../config/scraper/writerConfig.js';
import type { WriterStatus } from '../../contract/scraperStatus.js';
import { diskReason } from '../../net/ownDirectory.js';
import type { CollectedInterval, Delivery, Writer } from '../results/types.js';
import type { Sinks } from '../scraper.js';
import { Spool } from '../spool/spool.js';
import { openFileWriter } from '../writers/file.js';
import { InfluxWriter } from '../writers/influx.js';
import { Cursors } from './cursors.js';
import { type QueueOptions, WriterQueue } from './queue.js';
import { SameEnds } from './sameEnds.js';

const SPOOLS = 'spool';
const GRACE_MS = 1000;
const QUEUE_DEFAULTS = {
  baseMs: 500,
  maxMs: 30_000,
  batchRows: 5_000,
  fullAfterMs: 2_000,
  crowdedAfterMs: 20_000,
  spoolRetryMs: 5000,
  random: Math.random,
};

interface Lane {
  readonly writer: Writer;
  readonly kind: WriterConfig['kind'];
  readonly spool: Spool;
  readonly queue: WriterQueue;
}

export class WriterDelivery implements Delivery {
  private readonly lanes: readonly Lane[];
  private readonly ends: SameEnds;

  private constructor(lanes: readonly Lane[], ends: SameEnds) {
    this.lanes = lanes;
    this.ends = ends;
  }

  /**
   * Creates the writers and opens their spools with the intervals that wait there. `ends` come from earlier processes.
   * `tuning` is for tests.
   * @throws LlamaError `LLAMA_CONFIG_INVALID` when two writers are the same; `LLAMA_STATE_UNWRITABLE`,
   * `LLAMA_STATE_IN_USE`.
   */
  static async open(
    configs: readonly WriterConfig[],
    options: DeliveryOptions & { readonly ends?: SameEnds },
    logger: Logger,
    tuning: Partial<QueueOptions> = {},
  ): Promise<WriterDelivery> {
    const lanes: Lane[] = [];
    const { ends = new SameEnds() } = options;
    const delivery = new WriterDelivery(lanes, ends);
    try {
      for (const config of configs)
        lanes.push(await openLane(config, options, logger, { ...superseding(config, ends), ...tuning }, lanes));
      await tellUnused(options.stateDir, lanes, logger);
    } catch (error) {
      await delivery.close(0);
      throw error;
    }
    return delivery;
  }

  async deliver(interval: CollectedInterval): Promise<void> {
    if (this.ends.note(interval))
      for (const { kind, queue } of this.lanes) if (kind !== 'file') queue.counters.overwrites(interval);
    await Promise.all(this.lanes.map(({ queue }) => queue.push(interval)));
  }

  /** In the order of the config. */
  status(): WriterStatus[] {
    return this.lanes.map(({ writer, kind, spool, queue }) => {
      const { counters } = queue;
      return {
        name: writer.name,
        kind,
        up: counters.up,
        points: counters.points,
        intervals: counters.intervals,
        batches: counters.batches,
        retries: counters.retries,
        rejected: counters.rejected,
        rejectedReasons: counters.rejectedReasons,
        overwritten: counters.overwritten,
        lostIntervals: spool.report.lostIntervals,
        damagedRecords: spool.report.damagedRecords,
        ...queue.queued,
        spoolBytes: spool.bytes,
        spoolIntervals: spool.intervals,
        spoolErrors: spool.report.errors,
        lastSuccessMs: counters.lastSuccessMs,
        lastError: counters.lastError,
        writeLagMs: counters.writeLagMs,
      };
    });
  }

  /**
   * Lets the writers that answer finish for `graceMs`, spools the rest, and closes everything. Deliveries that are not
   * safe then reject.
   */
  async close(graceMs: number = GRACE_MS): Promise<void> {
    await Promise.all(this.lanes.map(({ queue }) => queue.close(graceMs)));
  }
}

/** Files keep every line. */
function superseding({ kind }: WriterConfig, ends: SameEnds): Partial<QueueOptions> {
  return kind === 'file' ? {} : { superseded: (interval) => ends.superseded(interval) };
}

async function openLane(
  config: WriterConfig,
  options: DeliveryOptions,
  logger: Logger,
  tuning: Partial<QueueOptions>,
  others: readonly Lane[],
): Promise<Lane> {
  const name = writerName(config);
  if (others.some(({ writer }) => writer.name === name))
    throw new LlamaError('LLAMA_CONFIG_INVALID', `two writers are the same: ${name}; remove one`);
  const writer = await createWriter(config, logger);
  try {
    const dir = join(options.stateDir, SPOOLS, spoolName(writer.name));
    await makeDirectory(options.stateDir, 0o700);
    const spool = await Spool.open(dir, options.spoolMaxBytes ?? DELIVERY_DEFAULTS.spoolMaxBytes, logger);
    const queue = new WriterQueue(
      writer,
      spool,
      {
        ...QUEUE_DEFAULTS,
        queueMaxRows: options.queueMaxRows ?? DELIVERY_DEFAULTS.queueMaxRows,
        spoolAfterMs: options.spoolAfterMs ?? DELIVERY_DEFAULTS.spoolAfterMs,
        ...tuning,
      },
      logger,
    );
    return { writer, kind: config.kind, spool, queue };
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Readable, and different for every writer. */
function spoolName(writer: string): string {
  const hash = createHash('sha256').update(writer).digest('hex').slice(0, 8);
  return `${writer.replace(/[^A-Za-z0-9.-]+/g, '_').slice(0, 80)}-${hash}`;
}

/**
 * A writer that is no longer in the config, or has another address now, leaves its spool behind: that is said, not
 * removed.
 */
async function tellUnused(stateDir: string, lanes: readonly Lane[], logger: Logger): Promise<void> {
  const used = new Set(lanes.map(({ writer }) => spoolName(writer.name)));
  const names = await readdir(join(stateDir, SPOOLS)).catch(() => []);
  for (const name of names) {
    if (used.has(name)) continue;
    const dir = join(stateDir, SPOOLS, name);
    const files = await readdir(dir).catch(() => []);
    if (!files.some((file) => file.endsWith('.spool'))) continue;
    logger.warn(
      { dir },
      'intervals wait here for a writer that is not in the config; remove the directory if they are not wanted',
    );
  }
}

/**
 * A new kind of sink has a branch here, a type in `writerConfig.ts` and a file of its own.
 * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, `LLAMA_STATE_IN_USE`: the directory of a file writer. Databases are not
 * asked before the first write.
 */
async function createWriter(config: WriterConfig, logger: Logger): Promise<Writer> {
  const name = writerName(config);
  switch (config.kind) {
    case 'influx1':
    case 'influx2':
      return new InfluxWriter(config, name);
    case 'file':
      return openFileWriter(config, name, logger);
    default: {
      const never: never = config;
      throw new Error(`no writer of this kind: ${JSON.stringify(never)}`);
    }
  }
}

const CURSORS = 'cursors.json';
const PRIVATE = 0o700;

/**
 * The writers of a config with their spools, and the cursors, in one state directory.
 * @throws LlamaError `LLAMA_STATE_UNWRITABLE` or `LLAMA_STATE_IN_USE`; no sink is open then.
 */
export async function openSinks(config: ScraperConfig, stateDir: string, logger: Logger): Promise<Sinks> {
  try {
    await makeDirectory(stateDir, PRIVATE);
  } catch (cause) {
    throw new LlamaError(
      'LLAMA_STATE_UNWRITABLE',
      `${stateDir}: the state directory cannot be made: ${diskReason(cause)}; check stateDir, its owner and its mode`,
      { cause },
    );
  }
  const options = { stateDir, spoolMaxBytes: config.scraper.spoolBytes };
  // Opened before the spools, which are drained at once: a waiting interval must not overwrite one that was closed
  // later.
  const positions = await Cursors.open(join(stateDir, CURSORS), logger);
  const delivery = await WriterDelivery.open(config.writers, { ...options, ends: positions.ends }, logger);
  return {
    delivery,
    positions,
    status: () => delivery.status(),
    close: () => delivery.close(),
    // A disk error is logged already. Intervals that are fetched twice then do no harm.
    save: () => positions.flush().catch(() => undefined),
  };
}
