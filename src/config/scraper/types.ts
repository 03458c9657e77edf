/** The validated configuration of a scraper. Durations are numbers here, with their unit in the name. */

import type { CollectorKind } from '../../contract/scraperStatus.js';
import type { ApiSettings, TargetSource } from '../types.js';
import type { WriterConfig } from './writerConfig.js';

/** How a collector is asked. */
export interface CollectorAccess {
  readonly kind: CollectorKind;
  /** File with the bearer token to send; null: no token is sent. */
  readonly tokenFile: string | null;
  /** For the kind `llama`, which does not report it: the length of its intervals. */
  readonly intervalMs: number;
}

export interface CollectorAddress extends CollectorAccess {
  /** Without a slash at its end, query and password. */
  readonly url: string;
}

/** The collectors: listed, or from a source like the targets of a group. */
export type CollectorList =
  | { readonly kind: 'listed'; readonly collectors: readonly CollectorAddress[] }
  | {
      readonly kind: 'followed';
      readonly from: TargetSource;
      readonly scheme: 'http' | 'https';
      /** For collectors from the source without one. */
      readonly port: number;
      readonly access: CollectorAccess;
    };

interface ScraperSettings {
  /** How long results are kept in memory for the matrix; 0: not at all. */
  readonly matrixHours: number;
  /** Most bytes that they take. */
  readonly matrixMemoryBytes: number;
  /** Requests to collectors under way at a time. */
  readonly concurrency: number;
  /** Timeouts until the connection is established (with TLS), until the head of the answer, and until its end. */
  readonly connectTimeoutMs: number;
  readonly headerTimeoutMs: number;
  readonly timeoutMs: number;
  /** Most bytes on disk for each writer. */
  readonly spoolBytes: number;
  /** Least percentage of collectors that are up, and of writers that write, for `/readyz` to say yes. */
  readonly readyCollectors: number;
  readonly readyWriters: number;
}

type ScraperApiSettings = Pick<
  ApiSettings,
  'host' | 'port' | 'tokenFile' | 'readTokenFile' | 'writes' | 'allowRemoteWrites' | 'tls' | 'rateLimit'
>;

export interface ScraperConfig {
  readonly scraper: ScraperSettings;
  readonly api: ScraperApiSettings;
  /** null: a directory that lasts as long as the process. */
  readonly stateDir: string | null;
  readonly collectors: CollectorList;
  readonly writers: readonly WriterConfig[];
}
