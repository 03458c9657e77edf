/**
 * Where a scraper's intervals go, opened from its config: the writers with their spools, and the cursors, in one state
 * directory.
 */

import { join } from 'node:path';
import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import { makeDirectory } from '../../base/files/makeDirectory.js';
import type { ScraperConfig } from '../../config/scraper/types.js';
import { diskReason } from '../../net/ownDirectory.js';
import type { Sinks } from '../scraper.js';
import { Cursors } from './cursors.js';
import { WriterDelivery } from './delivery.js';

const CURSORS = 'cursors.json';
const PRIVATE = 0o700;

/** @throws LlamaError `LLAMA_STATE_UNWRITABLE` or `LLAMA_STATE_IN_USE`; no sink is open then. */
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
