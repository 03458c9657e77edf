/**
 * Messages between the page and its worker. The worker fetches and parses up to a million cells, so that the page stays
 * responsive to keys and pointer. Its results are small, or typed arrays that are transferred.
 */

import type { Slowness } from '../../history/slowness.js';
import type { Problem } from '../lib/http.js';
import type { MatrixAnswer, Newest } from '../lib/types.js';
import type { Grid, GridOptions } from './grid.js';
import type { Summary } from './summary.js';

/** An answer that the worker keeps: for the shown window, and for the long one with the normal values. */
export type Slot = 'now' | 'normal';

/** The page's description of an answer that the worker keeps. */
export interface Kept {
  readonly window: MatrixAnswer['window'];
  readonly newest: Newest;
  readonly cells: number;
}

interface Get {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Medians and means of the same pairs. */
interface TimesGets {
  readonly p50: Get;
  readonly mean: Get;
}

export type Job =
  | { readonly kind: 'keep'; readonly slot: Slot; readonly get: Get }
  /** Made from kept answers. */
  | { readonly kind: 'grid'; readonly withNormal: boolean; readonly options: GridOptions }
  | { readonly kind: 'summary'; readonly get: Get; readonly most: number }
  | {
      readonly kind: 'latency';
      readonly now: TimesGets;
      readonly before: TimesGets;
      readonly beforeMs: number;
      readonly most: number;
    }
  | { readonly kind: 'forget' };

/** The result of each kind of job. */
export interface Results {
  readonly keep: Kept;
  readonly grid: Grid;
  readonly summary: Summary;
  readonly latency: Slowness;
  readonly forget: undefined;
}

export type ToWorker = { readonly id: number; readonly job: Job } | { readonly id: number; readonly cancel: true };

export type FromWorker =
  | { readonly id: number; readonly result: Results[Job['kind']] }
  | {
      readonly id: number;
      readonly failed: {
        readonly status: number;
        readonly code: string;
        readonly message: string;
        readonly problems: readonly Problem[];
      };
    };
