/** The data of `llama top`: the answers of the API that it reads, and the state of its view. */

import type { Metric } from '../../history/matrix.js';
import type { Slowness } from '../../history/slowness.js';
import type { Answering } from '../../stats/outcome.js';
import type { Explained } from '../../stats/reasons.js';

/** `GET /v1/matrix?format=columns`: parallel arrays, with one element for each cell. */
export interface MatrixAnswer {
  readonly window: { readonly startMs: number; readonly endMs: number; readonly coveredMs: number };
  readonly metric: Metric;
  readonly unit: string;
  readonly rowTags: readonly string[];
  readonly columnTags: readonly string[];
  readonly refusedRows: number;
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: CellColumns;
}

interface CellColumns {
  readonly row: readonly number[];
  readonly column: readonly number[];
  readonly value: readonly (number | null)[];
  readonly sent: readonly number[];
  readonly received: readonly number[];
  readonly lost: readonly number[];
  readonly unreachable: readonly number[];
  readonly tooBig: readonly number[];
  readonly samples: readonly number[];
  readonly silentSeries: readonly number[];
  readonly unmeasuredSeries: readonly number[];
  readonly state: readonly Answering[];
  /** Always there for a cell without an answer. */
  readonly reason: readonly (string | null)[];
  readonly ageMs: readonly number[];
  readonly stale: readonly boolean[];
}

/** An element of `paths` of `GET /v1/paths`, as far as it is shown. */
export interface PathAnswer extends Explained {
  /** Only from a scraper. */
  readonly collector?: string | null;
  readonly group: string;
  readonly source: string;
  readonly sourcePort: number | null;
  readonly port: number;
  readonly class: string;
  /** null: the loss is unknown (`lossShare`). */
  readonly lossPct: number | null;
  readonly rttUs: { readonly min: number; readonly mean: number; readonly max: number } | null;
}

export interface PathsAnswer {
  readonly end?: string | null;
  readonly total: number;
  readonly paths: readonly PathAnswer[];
  readonly collectors?: readonly { readonly url: string; readonly error: string | null }[];
}

/** A source, a target and a class, over the window. */
export interface Pair {
  readonly collector: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly sent: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly tooBig: number;
  /** null: the loss is unknown (`lossShare`). */
  readonly lossPct: number | null;
  readonly state: Answering;
  /** Always there for a pair without an answer. */
  readonly reason: string | null;
  /** µs, by the metric `timeMetric`; null without replies. */
  readonly timeUs: number | null;
  readonly ageMs: number;
  readonly stale: boolean;
}

/** The state of the tool, apart from its measurements. */
export interface ToolState {
  readonly kind: 'collector' | 'scraper';
  readonly name: string;
  readonly version: string;
  /** The longest, where collectors differ; null when it is not known. */
  readonly intervalMs: number | null;
  /** Counters and states in short, e.g. `slips 0`. */
  readonly facts: readonly string[];
  /** Conditions that need a person; empty when healthy. */
  readonly troubles: readonly string[];
}

/** Everything that one look at the service gave. */
export interface Picture {
  readonly url: string;
  readonly takenAt: string;
  /** The request that this snapshot answers. */
  readonly asked: Asked;
  readonly tool: ToolState;
  readonly matrix: MatrixAnswer;
  readonly timeMetric: Metric;
  /** How long before the picture the newest interval in it ended; null without data. */
  readonly ageMs: number | null;
  readonly pairs: readonly Pair[];
  /** Against each pair's own normal. */
  readonly slowness: Slowness;
  readonly classes: readonly string[];
  readonly paths: PathsAnswer;
}

/** A user's choices that need another snapshot when they change. */
export interface Asked {
  readonly rows: string;
  readonly columns: string;
  readonly window: string;
  readonly class: string | undefined;
  readonly metric: Metric;
}

export const SORTS = ['loss', 'time', 'name'] as const;
type Sort = (typeof SORTS)[number];
export const SECTIONS = ['matrix', 'pairs', 'paths'] as const;
export type Section = (typeof SECTIONS)[number];

/** The state that keys change and a redraw shows. */
export interface View {
  readonly asked: Asked;
  readonly sort: Sort;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  readonly help: boolean;
  /** Where the arrows scroll. */
  readonly focus: Section;
  /** First line shown of each section. */
  readonly top: Readonly<Record<Section, number>>;
  /** First column shown of the matrix. */
  readonly left: number;
}

/** The state of the connection; `awayMs` and the fields after it only while it is away. */
export type Connection =
  | { readonly state: 'live' }
  | { readonly state: 'once' }
  | { readonly state: 'away'; readonly awayMs: number; readonly retryMs: number; readonly reason: string };
