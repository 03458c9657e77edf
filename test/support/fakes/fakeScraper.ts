/** A scraper for the API's tests: one of everything that its status may say, nothing polled. */

import { parseScraperConfig } from '../../../src/config/scraper/config.js';
import type { ScraperStatus } from '../../../src/contract/scraperStatus.js';
import type { ReachableCollector } from '../../../src/scraper/polling/allPaths.js';
import type { CollectedInterval } from '../../../src/scraper/results/types.js';
import type { ScraperService } from '../../../src/scraper/service.js';

const AT = '2025-11-21T04:40:00.000Z';

export class FakeScraper implements ScraperService {
  config = parseScraperConfig('collectors: ["http://a"]\nwriters: []', 's.yaml', {}).config;
  readonly listeners = new Set<(interval: CollectedInterval) => void>();
  /** In place of what is said else. */
  changes: Partial<ScraperStatus> = {};
  /** Thrown by the next `status()`. */
  failure: Error | undefined;

  collectors(): readonly ReachableCollector[] {
    return [];
  }

  status(): ScraperStatus {
    if (this.failure !== undefined) throw this.failure;
    const nothing = { polls: 0, errors: 0, intervals: 0, rows: 0, gaps: 0, lostIntervals: 0, resets: 0 };
    return {
      version: '0.1.0',
      startedAt: AT,
      uptimeMs: 1234,
      state: 'running',
      collectors: [
        {
          ...{ url: 'http://a:5000', name: 'a', kind: 'collector', state: 'up', intervalMs: 10_000, lastSuccess: AT },
          ...{ lastEnd: AT, lagIntervals: 1, clockAheadMs: -250.5, intervals: 7, rows: 70, polls: 8, errors: 1 },
          ...{ lastError: null, resets: 1, gaps: 1, lostIntervals: 12, nextAt: AT },
          lastGaps: [{ from: AT, to: AT, reason: 'notHeld', at: AT }],
          troubles: [
            'thread prober-1 is restarting: it died',
            'scheduleSlips: 12 of 100 planned probes were not sent in time lately',
          ],
        },
        {
          ...{
            url: 'http://b:5000',
            name: null,
            kind: 'llama',
            state: 'starting',
            intervalMs: null,
            lastSuccess: null,
          },
          ...{
            lastEnd: null,
            lagIntervals: null,
            clockAheadMs: null,
            lastError: null,
            nextAt: null,
            lastGaps: [],
            troubles: null,
          },
          ...nothing,
        },
      ],
      source: {
        ...{ source: 'file', collectors: 2, updatedAt: AT, ageMs: 10, error: 'not a list', warnings: ['left out'] },
        nextAt: null,
      },
      writers: [
        {
          ...{
            name: 'file /var/spool/llama',
            kind: 'file',
            up: true,
            points: 70,
            intervals: 7,
            batches: 7,
            retries: 1,
          },
          ...{ rejected: 0, rejectedReasons: [], overwritten: 0, lostIntervals: 0, damagedRecords: 0 },
          ...{ queued: 1, queuedRows: 10 },
          ...{ spoolBytes: 4096, spoolIntervals: 2, spoolErrors: 0, lastSuccessMs: 1_763_700_000_000, lastError: null },
          writeLagMs: 1250,
        },
      ],
      matrix: { duplicates: 0, tooOld: 0, ahead: 2, seriesWithoutRoom: 0, leftOut: 0, unreadableHistograms: 0 },
      warnings: ['a warning'],
      ...this.changes,
    };
  }

  onInterval(listener: (interval: CollectedInterval) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
