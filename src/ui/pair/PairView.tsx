/**
 * One pair: how it went over time, class by class, which of its paths are bad, and whether the tool itself is to blame.
 */

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { lossShare } from '../../stats/outcome.js';
import { useLive } from '../data/live.js';
import { type Loaded, useLoaded } from '../data/load.js';
import { useKnown } from '../data/series.js';
import { formatLoss, formatUs } from '../lib/format.js';
import { DEFAULT_LOSS_BOUNDS, DEFAULT_TIME_BOUNDS, type Palette, parseBounds } from '../lib/palette.js';
import { go, hrefOf, useView, type ViewState } from '../lib/store.js';
import { usePalette } from '../lib/theme.js';
import { clockText, endOf, lengthOf } from '../lib/time.js';
import { type HistoryAnswer, type HistorySeries, isScraper, type ResultRow, type Status } from '../lib/types.js';
import { DataOf } from '../shell/DataOf.js';
import { Choice, same } from '../shell/fields.js';
import { Notice } from '../shell/Notice.js';
import { TimeRange } from '../shell/TimeRange.js';
import { Chart, type Line } from './Chart.js';
import { ClassTable } from './ClassTable.js';
import { Distribution } from './Distribution.js';
import { askHistory, askPaths, askPathsBefore, askRecent, historyQuery, newestOf, RANGES, rawUrls } from './data.js';
import { lastIntervals, type PathInterval } from './lastIntervals.js';
import { nameOf } from './names.js';
import { PathStrip } from './PathStrip.js';
import { sumPaths } from './paths.js';
import { freshLines, reasonLines } from './reasonLines.js';
import { ToolHealth } from './ToolHealth.js';

const RECENT_EVERY_MS = 10_000;

export function PairView({ status }: { status: Status | undefined }) {
  const view = useView();
  const known = useKnown();
  const palette = usePalette();
  const { endMs } = useLive();
  const { source, target, port } = view;
  const rangeMs = lengthOf(view, RANGES[view.range] ?? 3_600_000);
  const toMs = endOf(view);
  const past = toMs !== undefined;
  const startMs = (toMs ?? Date.now()) - rangeMs;
  const scrapes = status !== undefined && isScraper(status);
  const pairKey = JSON.stringify([source, target, port, view.group, view.collector, view.class, view.to]);
  const history = useLoaded(
    `${pairKey} ${rangeMs}`,
    (signal) => askHistory(historyQuery(view, view, (toMs ?? Date.now()) - rangeMs), signal),
    { once: past, newest: newestOf },
  );
  const intervalMs = history.body?.series[0]?.intervalMs;
  // The last intervals first, then each as it comes.
  const isBegun = useRef(false);
  useEffect(() => {
    isBegun.current = false;
  }, [pairKey]);
  const paths = useLoaded(
    `${pairKey} ${scrapes} ${intervalMs} ${past ? rangeMs : ''}`,
    async (signal) => {
      const pair = ofOne(view, history.body);
      if (isBegun.current && !past) return askPaths(pair, scrapes, signal);
      // The length of an interval gives their number; without intervals there is nothing to request.
      const endMs = toMs ?? history.body?.endMs.at(-1);
      if (intervalMs === undefined || endMs === undefined) return [];
      const before = await askPathsBefore(pair, scrapes, { startMs, toMs: endMs, intervalMs }, signal);
      isBegun.current = true;
      return before;
    },
    { once: past },
  );
  const cursor = useRef(endMs);
  cursor.current = endMs;
  const recent = useLoaded(pairKey, (signal) => askRecent(view, scrapes, { cursor: cursor.current, toMs }, signal), {
    leastMs: RECENT_EVERY_MS,
    once: past,
  });
  const summed = useSummed(`${pairKey} ${past ? rangeMs : ''}`, paths);
  const lossBounds = parseBounds(view.loss) ?? DEFAULT_LOSS_BOUNDS;
  const timeBounds = parseBounds(view.times) ?? DEFAULT_TIME_BOUNDS;
  const byClass = useMemo(() => sumPaths(summed.map((one) => one.paths)), [summed]);
  const intervals = new Set(summed.map((one) => one.place)).size;
  const until = past ? ` until ${clockText(toMs)}` : '';
  return (
    <section class="pair" aria-label="Pair">
      <div class="pair-head">
        <h1>
          <span>{source}</span> <i>→</i> <span>{target}</span>
        </h1>
        <span class="quiet">{besideText(view)}</span>
        <div class="toolbar no-print">
          <Choice
            label="class"
            value={view.class}
            options={[['', 'all'], ...same(known.classes)]}
            onChange={(name) => go({ class: name })}
          />
          <TimeRange view={view} name="range" lengths={RANGES} />
        </div>
        <p class="raw no-print">
          <a href={hrefOf({ view: 'matrix' })} onClick={back}>
            ← matrix
          </a>
          {rawUrls(view, view, startMs).map(([name, url]) => (
            <a key={name} href={url} target="_blank" rel="noreferrer">
              {name} as JSON
            </a>
          ))}
        </p>
      </div>
      {history.body !== undefined && <DataOf window={shownOf(history.body, rangeMs, toMs)} />}
      <Notice error={history.error ?? paths.error} />
      {history.body !== undefined && history.body.series.length === 0 && (
        <p class="empty">Nothing is known of this pair in this stretch of time.</p>
      )}
      {history.body !== undefined && (
        <ClassTable history={history.body} rows={recent.body ?? NO_ROWS} bounds={lossBounds} toMs={toMs} />
      )}
      <section class="panel" aria-label="Source ports">
        <h2>
          Paths{' '}
          <small class="quiet">
            by source port, over the last {intervals === 1 ? 'interval' : `${intervals} intervals`}
            {until}: loss in % above, latency below
          </small>
        </h2>
        {[...byClass].map(([name, list]) => (
          <PathStrip key={name} name={name} paths={list} lossBounds={lossBounds} timeBounds={timeBounds} />
        ))}
        {byClass.size === 0 && <p class="quiet">{paths.loading ? 'Loading …' : noPathsText(past)}</p>}
      </section>
      {history.body !== undefined && <Charts history={history.body} palette={palette} rangeMs={rangeMs} toMs={toMs} />}
      <section class="panel" aria-label="Distribution">
        <h2>
          Round-trip times <small class="quiet">over the same time as the table</small>
        </h2>
        {history.body === undefined ? (
          <p class="quiet">Loading …</p>
        ) : (
          <Distribution series={history.body.series} past={past} />
        )}
      </section>
      <Reasons rows={recent.body ?? NO_ROWS} series={history.body?.series ?? []} status={status} past={past} />
      <ToolHealth
        status={status}
        rows={recent.body ?? NO_ROWS}
        past={past}
        collectors={collectorsOf(history.body)}
        groups={[...new Set(history.body?.series.map(({ group }) => group))]}
      />
    </section>
  );
}

/**
 * A pair is of one collector, as a rule, though the address does not name it: then only that one is asked for paths.
 */
function ofOne(view: ViewState, history: HistoryAnswer | undefined): ViewState {
  const [only, ...others] = collectorsOf(history);
  return only !== undefined && others.length === 0 ? { ...view, collector: only } : view;
}

const collectorsOf = (history: HistoryAnswer | undefined): readonly string[] => [
  ...new Set(history?.series.map(({ collector }) => collector)),
];

const NO_ROWS: readonly ResultRow[] = [];

function back(event: MouseEvent): void {
  event.preventDefault();
  go({ view: 'matrix', port: '', class: '' });
}

/** Group, collector and port, as far as the address names them; the port 0 is that of icmp. */
const besideText = ({ group, collector, port }: ViewState): string =>
  [group, collector, Number(port) === 0 ? '' : `port ${port}`].filter((text) => text !== '').join(' · ');

function noPathsText(past: boolean): string {
  return past
    ? 'No paths are kept of that time: collectors keep those of their last intervals.'
    : 'No paths in the last interval.';
}

/** The last intervals that were seen. */
function useSummed(key: string, { body }: Loaded<readonly PathInterval[]>): readonly PathInterval[] {
  const kept = useRef<{ key: string; intervals: readonly PathInterval[] }>({ key, intervals: [] });
  return useMemo(() => {
    const before = kept.current.key === key ? kept.current.intervals : [];
    kept.current = { key, intervals: lastIntervals([...before, ...(body ?? [])]) };
    return kept.current.intervals;
  }, [key, body]);
}

interface ChartsProps {
  readonly history: HistoryAnswer;
  readonly palette: Palette;
  readonly rangeMs: number;
  readonly toMs: number | undefined;
}

function Charts({ history, palette, rangeMs, toMs }: ChartsProps) {
  const times = useMemo(() => history.endMs.map((ms) => ms / 1000), [history]);
  const { startMs, endMs } = shownOf(history, rangeMs, toMs);
  const range: readonly [number, number] = [startMs / 1000, endMs / 1000];
  return (
    <div class="charts">
      {history.series.map((one, i) => {
        const name = nameOf(one, history.series);
        return (
          <section class="panel" key={name} aria-label={`Class ${name}`}>
            <h2>{name}</h2>
            <Chart
              label={`loss, ${name}`}
              times={times}
              lines={lossLines(one, palette)}
              format={formatLoss}
              palette={palette}
              range={range}
              height={110}
            />
            <Chart
              label={`round trip, ${name}`}
              times={times}
              lines={timeLines(one, palette)}
              format={formatUs}
              palette={palette}
              range={range}
              height={i < 2 ? 190 : 150}
            />
          </section>
        );
      })}
    </div>
  );
}

/** An hour with one minute of data shows the minute. */
function shownOf({ startMs, endMs }: HistoryAnswer, rangeMs: number, toMs: number | undefined) {
  const lastMs = toMs ?? (endMs.at(-1) || Date.now());
  return { startMs: Math.max(lastMs - rangeMs, startMs[0] ?? 0), endMs: lastMs };
}

function lossLines({ sent, received, lost, unreachable }: HistorySeries, palette: Palette): Line[] {
  const values = sent.map((count, i) => {
    const of = (counts: readonly (number | null)[]): number => counts[i] ?? 0;
    const share = lossShare({ sent: count ?? 0, received: of(received), lost: of(lost), unreachable: of(unreachable) });
    return share === null ? null : share * 100;
  });
  return [{ label: 'loss', colour: palette.lines.loss, values, fill: `${palette.lines.loss}33` }];
}

function timeLines({ p50, p90, p99, max }: HistorySeries, { lines }: Palette): Line[] {
  return [
    { label: 'p50', colour: lines.p50, values: p50, width: 2 },
    { label: 'p90', colour: lines.p90, values: p90 },
    { label: 'p99', colour: lines.p99, values: p99 },
    { label: 'max', colour: lines.max, values: max, width: 1 },
  ];
}

interface ReasonsProps {
  readonly rows: readonly ResultRow[];
  readonly series: readonly HistorySeries[];
  readonly status: Status | undefined;
  readonly past: boolean;
}

/**
 * Why probes of the last minutes have no answer: refused by this host, answered by an ICMP error, or too big; and the
 * result of a probe from a fresh source port.
 */
function Reasons({ rows, series, status, past }: ReasonsProps) {
  // The status is of now, and that of a scraper has no fresh probes.
  const fresh = status === undefined || past || isScraper(status) ? [] : freshLines(status.freshProbes, series);
  const lines = [...reasonLines(rows), ...fresh];
  if (lines.length === 0) return null;
  return (
    <section class="panel" aria-label="Why there is no answer">
      <h2>
        Why there is no answer{' '}
        <small class="quiet">{past ? 'the last five minutes of this time' : 'last five minutes'}</small>
      </h2>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}
