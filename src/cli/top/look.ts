/** One look at a service: its status, the matrix, the pairs and the paths, as one picture. The same for a collector and a scraper. */

import type { ServiceClient } from './client.js';
import { type CollectorAnswer, collectorState, isScraper, isStatus, type StatusAnswer, scraperState } from './tool.js';
import type { Asked, MatrixAnswer, Pair, PathsAnswer, Picture } from './types.js';
import { isLoss, lossPct } from './values.js';

const STATUS = 'v1/status';
/** Nobody reads further down; a scraper asks all its collectors for so many. */
const MOST_PATHS = 1_000;
/** After every interval: a request for results that gives none, only what stands before them. */
const AFTER_ALL = String(Number.MAX_SAFE_INTEGER);

export class Looker {
  private readonly client: ServiceClient;
  /** Of the collector, which does not change while it runs; asked again after it was away. */
  private intervalMs: number | null | undefined;
  /** Counters of the picture before. */
  private totals: CollectorAnswer['totals'] | undefined;

  constructor(client: ServiceClient) {
    this.client = client;
  }

  /** The service may be another one after this. */
  forget(): void {
    this.intervalMs = undefined;
    this.totals = undefined;
  }

  /** @throws LlamaError, as `ServiceClient.get` */
  async look(asked: Asked, signal: AbortSignal): Promise<Picture> {
    // First and alone: whether this is LLAMA at all, and which of its two services.
    const status = await this.client.get<StatusAnswer>(STATUS, {}, signal);
    if (!isStatus(status)) throw this.client.notLlama(STATUS, 'another JSON');
    const timeMetric = isLoss(asked.metric) ? 'p99' : asked.metric;
    const { window, metric, rows, columns } = asked;
    const matrix = (query: Readonly<Record<string, string | undefined>>): Promise<MatrixAnswer> =>
      this.client.get<MatrixAnswer>('v1/matrix', { window, format: 'columns', ...query }, signal);
    const [cells, pairCells, paths] = await Promise.all([
      matrix({ rows, columns, metric, class: asked.class }),
      matrix({ rows: 'collector,source', columns: 'target,class', metric: timeMetric }),
      this.client.get<PathsAnswer>('v1/paths', { limit: String(MOST_PATHS), class: asked.class }, signal),
    ]);
    const { pairs, classes } = pairsOf(pairCells, asked.class);
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
      classes,
      paths,
    };
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
    const [target, ofClass] = columns[cells.column[i]];
    if (ofClass !== '' && ofClass !== '(none)') classes.add(ofClass);
    if (className !== undefined && ofClass !== className) continue;
    const { sent, lost, unreachable, ageMs, stale, value } = cells;
    pairs.push({
      ...{ collector, source, target, class: ofClass, sent: sent[i], lost: lost[i], unreachable: unreachable[i] },
      ...{ lossPct: lossPct(sent[i], lost[i], unreachable[i]), timeUs: value[i], ageMs: ageMs[i], stale: stale[i] },
    });
  }
  return { pairs, classes: [...classes].sort() };
}
