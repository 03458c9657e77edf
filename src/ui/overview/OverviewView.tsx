/** The first look: is it the network, where, since when, which class, which paths – or is it the tool? */

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useLive } from '../data/live.js';
import { type Loaded, useLoaded } from '../data/load.js';
import { formatCount, formatLoss } from '../lib/format.js';
import { DEFAULT_LOSS_BOUNDS, parseBounds } from '../lib/palette.js';
import { useView } from '../lib/store.js';
import { endOf } from '../lib/time.js';
import { isScraper, type Status } from '../lib/types.js';
import { WINDOWS } from '../matrix/query.js';
import { DataOf } from '../shell/DataOf.js';
import { Notice } from '../shell/Notice.js';
import { TimeRange } from '../shell/TimeRange.js';
import { rowUnit, type Summary, type SummaryRow, withoutTroubleText } from '../worker/summary.js';
import { askLatency, askOverview, askPaths, askTroubles, type Trouble } from './data.js';
import { Freshness } from './Freshness.js';
import { type OwnTrouble, ownTroubles } from './own.js';
import { keyOf, Pairs, Paths, Slower, Slowest } from './tables.js';
import { Verdict } from './Verdict.js';

const MOST_PATHS = '12';
const SLOW_EVERY_MS = 5_000;

export function OverviewView({ status }: { status: Loaded<Status> }) {
  const view = useView();
  const { old } = useLive();
  const bounds = parseBounds(view.loss) ?? DEFAULT_LOSS_BOUNDS;
  const scrapes = status.body !== undefined && isScraper(status.body);
  const toMs = endOf(view);
  const past = toMs !== undefined;
  const stretch = `${view.window} ${view.from} ${view.to}`;
  const loss = useLoaded(`loss ${stretch}`, (signal) => askOverview('loss', view, signal), {
    once: past,
    newest: (summary) => summary.newest,
  });
  const slow = useLoaded(`p99 ${stretch}`, (signal) => askOverview('p99', view, signal), {
    leastMs: SLOW_EVERY_MS,
    once: past,
  });
  const startMs = useRef(0);
  startMs.current = loss.body?.window.startMs ?? 0;
  const isMeasured = startMs.current > 0;
  const latency = useLoaded(
    `latency ${stretch} ${isMeasured}`,
    (signal) => (isMeasured ? askLatency(view, startMs.current, signal) : Promise.resolve(NOT_COMPARED)),
    { leastMs: SLOW_EVERY_MS, once: past },
  );
  const bad = loss.body?.worst ?? NO_ROWS;
  const newest = useRef(bad);
  newest.current = bad;
  const troubles = useLoaded(
    `troubles ${bad.map(keyOf).join()} ${scrapes} ${view.to}`,
    (signal) => askTroubles(newest.current, scrapes, toMs, signal),
    { once: past },
  );
  const shown = useShown(bad, troubles, view.to);
  const paths = useLoaded(`paths ${view.to}`, (signal) => askPaths({ limit: MOST_PATHS }, toMs, signal), {
    once: past,
  });
  const own = useOwn(status);
  const troubled = (loss.body?.losing ?? 0) + (loss.body?.silent ?? 0) + (loss.body?.unmeasured ?? 0);
  const several = {
    collectors: scrapes,
    groups: (loss.body?.groups ?? 0) > 1,
    ports: loss.body?.severalPorts === true,
  };
  const slower = latency.body?.worst ?? [];
  return (
    <section class="overview" aria-label="Overview">
      <Notice error={loss.error ?? status.error} />
      <div class="toolbar no-print">
        <TimeRange view={view} name="window" lengths={WINDOWS} />
      </div>
      <DataOf window={loss.body?.window} />
      <Verdict
        scrapes={scrapes}
        summary={loss.body}
        troubles={shown}
        own={own}
        latency={latency.body}
        away={old && !past}
        toMs={toMs}
      />
      <div class="panels">
        <div>
          <section class="panel" aria-label="Worst pairs">
            <h2>
              Worst pairs{' '}
              {troubled > shown.length && (
                <small class="quiet">
                  {shown.length} of {formatCount(troubled)}
                </small>
              )}
            </h2>
            {loss.body !== undefined && troubled === 0 && <p class="quiet">{withoutTroubleText(loss.body)}</p>}
            {troubled > 0 && <Pairs troubles={shown} bounds={bounds} toMs={toMs} several={several} />}
          </section>
          {slower.length > 0 && (
            <section class="panel" aria-label="Slower than normal">
              <h2>
                Slower than normal <small class="quiet">the median against that of the hour before</small>
              </h2>
              <Slower pairs={slower} several={several} />
            </section>
          )}
          <section class="panel" aria-label="Worst paths">
            <h2>
              Worst paths <small class="quiet">of the {past ? 'interval at the end' : 'last interval'}</small>
            </h2>
            <Paths paths={paths.body} bounds={bounds} past={past} several={several} />
          </section>
          <section class="panel" aria-label="Slowest pairs">
            <h2>
              Slowest pairs <small class="quiet">by p99</small>
            </h2>
            <Slowest rows={slow.body?.worst ?? NO_ROWS} several={several} />
          </section>
        </div>
        <div>
          <section class="panel" aria-label="The tool itself">
            <h2>The tool itself {past && <small class="quiet">now, not then</small>}</h2>
            <Own own={own} status={status.body} />
          </section>
          <Freshness status={status.body} summary={loss.body} past={past} />
          <Totals summary={loss.body} status={status.body} />
        </div>
      </div>
    </section>
  );
}

const NO_ROWS: readonly SummaryRow[] = [];
const NOT_COMPARED = { compared: 0, slow: 0, worst: [] } as const;

/** The known details of a row stay while it is requested again, so that the table does not flicker. */
function useShown(bad: readonly SummaryRow[], { body }: Loaded<readonly Trouble[]>, to: string): readonly Trouble[] {
  const known = useRef({ to, troubles: new Map<string, Trouble>() });
  return useMemo(() => {
    if (known.current.to !== to) known.current = { to, troubles: new Map() };
    const { troubles } = known.current;
    for (const trouble of body ?? []) troubles.set(keyOf(trouble.row), trouble);
    const unknown = { onset: undefined, badPorts: [], ports: undefined };
    return bad.map((row) => ({ ...(troubles.get(keyOf(row)) ?? unknown), row }));
  }, [bad, body, to]);
}

/** Counters that went up while the page is looked at are troubles of now. */
const COMPARED_MS = 60_000;
function useOwn({ body, atMs }: Loaded<Status>): readonly OwnTrouble[] {
  const seen = useRef<{ readonly atMs: number; readonly status: Status }[]>([]);
  useEffect(() => {
    if (body === undefined) return;
    seen.current = [...seen.current.filter((one) => atMs - one.atMs < COMPARED_MS), { atMs, status: body }];
  }, [body, atMs]);
  return useMemo(() => (body === undefined ? [] : ownTroubles(body, seen.current[0]?.status)), [body]);
}

const SCRAPER_FINE =
  'Every collector answers and has no trouble of its own (no slips, no overflows, all threads run), and every writer writes.';
const COLLECTOR_FINE = 'No trouble: no slips, no overflows, no local drops; all threads run.';

function fineText(status: Status): string {
  if (!isScraper(status)) return COLLECTOR_FINE;
  const silent = status.collectors.filter(({ troubles }) => troubles === null).length;
  if (silent === 0) return SCRAPER_FINE;
  return `Every collector answers and every writer writes. ${formatCount(silent)} of ${formatCount(status.collectors.length)} collectors do not tell how they are.`;
}

function Own({ own, status }: { own: readonly OwnTrouble[]; status: Status | undefined }) {
  if (status === undefined) return <p class="quiet">…</p>;
  if (own.length === 0) return <p class="fine">{fineText(status)}</p>;
  return (
    <ul class="own">
      {own.map(({ text, now }) => (
        <li key={text} class={now ? 'now' : 'past'}>
          <b>{now ? 'now' : 'earlier'}</b> {text}
        </li>
      ))}
    </ul>
  );
}

function Totals({ summary, status }: { summary: Summary | undefined; status: Status | undefined }) {
  const { rows = 0, stale = 0, sent = 0, received = 0, failed = 0 } = summary ?? {};
  const figures: (readonly [string, string])[] = [
    // As the verdict counts them: the data of a removed group stay until the window has passed over them.
    [rowUnit(summary), formatCount(rows - stale)],
    ...(stale > 0 ? [['stale or removed', formatCount(stale)] as const] : []),
    ['probes', formatCount(sent)],
    ['lost', `${formatCount(failed)} (${received + failed === 0 ? '–' : formatLoss((failed / sent) * 100)})`],
  ];
  if (status !== undefined && !isScraper(status))
    figures.push(
      ['targets', formatCount(status.targets)],
      ['paths', formatCount(status.paths)],
      ['probes a second', formatCount(Math.round(status.probesPerSecond))],
    );
  return (
    <section class="panel" aria-label="Totals">
      <h2>Totals</h2>
      <dl>
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
