/** The validated configuration of a scraper. Durations are numbers here, with their unit in the name. */

import type { CollectorKind } from '../../contract/scraperStatus.js';
import type { ApiSettings, TargetSource } from '../types.js';
import type { WriterConfig } from './writerConfig.js';

/** How a collector is asked. */
export interface CollectorAccess {
  readonly kind: CollectorKind;
  /** File with the bearer token to send; null: no token is sent. */
  readonly tokenFile: string | null;
  /** Of the kind `llama`, which does not tell it: the length of its intervals. */
  readonly intervalMs: number;
}

export interface CollectorAddress extends CollectorAccess {
  /** Without a slash at its end, query and password. */
  readonly url: string;
}

/** Where the collectors come from: listed, or followed like the targets of a group are. */
export type CollectorList =
  | { readonly kind: 'listed'; readonly collectors: readonly CollectorAddress[] }
  | {
      readonly kind: 'followed';
      readonly from: TargetSource;
      readonly scheme: 'http' | 'https';
      /** Of collectors that the source gives without one. */
      readonly port: number;
      readonly access: CollectorAccess;
    };

interface ScraperSettings {
  /** How long results are kept in memory for the matrix; 0: none are. */
  readonly matrixHours: number;
  /** Most bytes that they take. */
  readonly matrixMemoryBytes: number;
  /** Requests to collectors under way at a time. */
  readonly concurrency: number;
  /** Until the connection stands (with TLS), the head of the answer is here, all of it is here. */
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
