/** The interface between the API and a scraper (`src/api` and `src/scraper`). */

import type { ScraperConfig } from '../config/scraper/types.js';
import type { ScraperStatus } from '../contract/scraperStatus.js';
import type { ReachableCollector } from './polling/allPaths.js';
import type { CollectedInterval } from './results/types.js';

export interface ScraperService {
  readonly config: ScraperConfig;
  status(): ScraperStatus;
  /** The collectors that are polled now. */
  collectors(): readonly ReachableCollector[];
  /**
   * Calls `listener` once with every interval fetched from now on, until the returned function is called. A listener
   * must not throw. One that needs the rows for longer returns a promise that settles when it is done; the capacity for
   * such rows is small.
   */
  onInterval(listener: (interval: CollectedInterval) => void | Promise<void>): () => void;
}
