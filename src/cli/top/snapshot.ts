/**
 * One look at a service: its status, the matrix, the pairs and the paths, as one picture. The same for a collector and
 * a scraper.
 */

import { LlamaError } from '../../base/errors.js';
import { withCollector } from '../../history/dimensions.js';
import type { Metric } from '../../history/matrix.js';
import { NORMAL_WINDOW, type Slowness, slownessOf, type Times, type TimesMatrix } from '../../history/slowness.js';
import type { ServiceClient } from './client.js';
import { type CollectorAnswer, collectorState, isScraper, isStatus, type StatusAnswer, scraperState } from './tool.js';
import type { Asked, MatrixAnswer, Pair, PathsAnswer, Picture } from './types.js';
import { isLoss, lossPct } from './values.js';

const STATUS = 'v1/status';
/** More rows than a person reads; a scraper asks each of its collectors for this many. */
const MOST_PATHS = 1_000;
/** After every interval: a request for results that returns no rows, only the fields before them. */
const AFTER_ALL = String(Number.MAX_SAFE_INTEGER);
/** The identity of a pair. */
const PAIR_ROWS = 'collector,source';
const PAIR_COLUMNS = 'group,target,port,class';
const NORMAL_FOR_MS = 60_000;
const MOST_SLOW = 10;
const NO_MATRIX = { rows: [], columns: [], cells: { row: [], column: [], value: [] } };
const NO_TIMES: Times = { p50: NO_MATRIX, mean: NO_MATRIX };

function apart(rows: string, columns: string): readonly [string, string] {
  const [ofRows, ofColumns] = [rows.split(','), columns.split(',')];
  return [withCollector(ofRows, ofColumns).join(), withCollector(ofColumns, ofRows).join()];
}

export class Looker {
  private readonly client: ServiceClient;
  /** From the collector; constant while it runs, so requested again only after it was away. */
  private intervalMs: number | null | undefined;
  /** Times of the hour before the window; they change slowly. */
  private normal: { readonly class: string | undefined; readonly endMs: number; readonly times: Times } | undefined;
  /** Counters of the picture before. */
  private totals: CollectorAnswer['totals'] | undefined;

  constructor(client: ServiceClient) {
    this.client = client;
  }

  /** The service may be another one after this. */
  forget(): void {
    this.intervalMs = undefined;
    this.totals = undefined;
    this.normal = undefined;
  }

  /** @throws LlamaError, as `ServiceClient.get` */
  async look(asked: Asked, signal: AbortSignal): Promise<Picture> {
    // First and alone: whether this is LLAMA at all, and which of its two services.
    const status = await this.client.get<StatusAnswer>(STATUS, {}, signal);
    if (!isStatus(status)) throw this.client.notLlama(STATUS, 'another JSON');
    const timeMetric = isLoss(asked.metric) ? 'p99' : asked.metric;
    const { window, metric } = asked;
    // Sources of two collectors may have one address.
    const [rows, columns] = isScraper(status) ? apart(asked.rows, asked.columns) : [asked.rows, asked.columns];
    const matrix = (query: Readonly<Record<string, string | undefined>>): Promise<MatrixAnswer> =>
      this.client.get<MatrixAnswer>('v1/matrix', { window, format: 'columns', ...query }, signal);
    const [cells, pairCells, paths] = await Promise.all([
      matrix({ rows, columns, metric, class: asked.class }),
      matrix({ rows: PAIR_ROWS, columns: PAIR_COLUMNS, metric: timeMetric }),
      this.client.get<PathsAnswer>('v1/paths', { limit: String(MOST_PATHS), class: asked.class }, signal),
    ]);
    const { pairs, classes } = pairsOf(pairCells, asked.class);
    const slowness = await this.slowness(asked, cells.window.startMs, signal);
    const ages = cells.cells.ageMs;
    return {
      url: this.client.shown,
      takenAt: new Date().toISOString(),
      asked,
      tool: await this.toolState(status, paths, cells, signal),
      matrix: cells,
      timeMetric,
      ageMs: ages.length === 0 ? null : ages.reduce((least, age) => Math.min(least, age)),
      pairs,
      slowness,
      classes,
      paths,
    };
  }

  /** Medians and means of all pairs, over a window that ends at `toMs` or now. */
  private async times(window: string, ofClass: string | undefined, toMs: number | undefined, signal: AbortSignal) {
    const query = { rows: PAIR_ROWS, columns: PAIR_COLUMNS, format: 'columns', fields: 'samples,stale', window };
    const to = toMs === undefined ? undefined : String(toMs);
    const of = (metric: Metric): Promise<TimesMatrix> =>
      this.client.get<TimesMatrix>('v1/matrix', { ...query, metric, class: ofClass, to }, signal);
    const [p50, mean] = await Promise.all([of('p50'), of('mean')]);
    return { p50, mean };
  }

  private async slowness(asked: Asked, startMs: number, signal: AbortSignal): Promise<Slowness> {
    if (startMs === 0) return slownessOf(NO_TIMES, undefined, 0);
    const now = await this.times(asked.window, asked.class, undefined, signal);
    const { normal } = this;
    const isKnown =
      normal !== undefined && normal.class === asked.class && Math.abs(startMs - normal.endMs) < NORMAL_FOR_MS;
    if (!isKnown)
      try {
        const times = await this.times(NORMAL_WINDOW, asked.class, startMs, signal);
        this.normal = { class: asked.class, endMs: startMs, times };
      } catch (error) {
        // There are no data of the time before the window.
        if (!(error instanceof LlamaError) || error.code !== 'LLAMA_REQUEST_INVALID') throw error;
        this.normal = undefined;
      }
    return slownessOf(now, this.normal?.times, MOST_SLOW);
  }

  private async toolState(
    status: StatusAnswer,
    paths: PathsAnswer,
    { refusedRows }: MatrixAnswer,
    signal: AbortSignal,
  ): Promise<Picture['tool']> {
    const missing = (paths.collectors ?? []).filter(({ error }) => error !== null);
    const more = [
      ...(missing.length === 0
        ? []
        : [`paths of ${missing.length} collectors are missing: ${missing[0].url}: ${missing[0].error}`]),
      ...(refusedRows === 0 ? [] : [`${refusedRows} rows of results are in no matrix for want of memory`]),
    ];
    if (isScraper(status)) {
      const state = scraperState(status);
      return { ...state, troubles: [...state.troubles, ...more] };
    }
    this.intervalMs ??= (
      await this.client.get<{ intervalMs: number | null }>('v1/results', { after: AFTER_ALL, limit: '1' }, signal)
    ).intervalMs;
    const state = collectorState(status, this.intervalMs, this.totals);
    this.totals = status.totals;
    return { ...state, troubles: [...state.troubles, ...more] };
  }
}

/** Pairs of one class, or of all, and the names of all classes. */
function pairsOf(
  { rows, columns, cells }: MatrixAnswer,
  className: string | undefined,
): { readonly pairs: readonly Pair[]; readonly classes: readonly string[] } {
  const pairs: Pair[] = [];
  const classes = new Set<string>();
  for (let i = 0; i < cells.row.length; i++) {
    const [collector, source] = rows[cells.row[i]];
    const [group, target, port, ofClass] = columns[cells.column[i]];
    if (ofClass !== '' && ofClass !== '(none)') classes.add(ofClass);
    if (className !== undefined && ofClass !== className) continue;
    const { sent, received, lost, unreachable, tooBig, ageMs, stale, value, state, reason } = cells;
    pairs.push({
      ...{
        collector,
        group,
        source,
        target,
        port: Number(port),
        class: ofClass,
        sent: sent[i],
        lost: lost[i],
        unreachable: unreachable[i],
        tooBig: tooBig[i],
      },
      ...{ state: state[i], reason: reason[i] },
      ...{
        lossPct: lossPct({ sent: sent[i], received: received[i], lost: lost[i], unreachable: unreachable[i] }),
        timeUs: value[i],
        ageMs: ageMs[i],
        stale: stale[i],
      },
    });
  }
  return { pairs, classes: [...classes].sort() };
}
