/** The first look: is it the network, where, since when, which class, which paths – or is it the tool? */

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { get } from '../lib/api.js';
import { formatCount, formatLoss, formatUs } from '../lib/format.js';
import { useLive } from '../lib/live.js';
import { type Loaded, useLoaded } from '../lib/load.js';
import { DEFAULT_LOSS_BOUNDS, levelOf, parseBounds } from '../lib/palette.js';
import { go, useView } from '../lib/store.js';
import { isScraper, type PathsAnswer, type Status } from '../lib/types.js';
import { WINDOWS } from '../matrix/Toolbar.js';
import { Notice } from '../shell/Notice.js';
import { askRows, askTroubles, type OwnTrouble, ownTroubles, type Row, type Trouble } from './data.js';
import { Freshness } from './Freshness.js';
import { sinceText, Verdict } from './Verdict.js';

const MOST_TROUBLES = 10;
const MOST_PATHS = '12';
const SLOW_EVERY_MS = 5_000;

export function OverviewView({ status }: { status: Loaded<Status> }) {
  const view = useView();
  const { connection } = useLive();
  const bounds = parseBounds(view.loss) ?? DEFAULT_LOSS_BOUNDS;
  const scrapes = status.body !== undefined && isScraper(status.body);
  const loss = useLoaded(`loss ${view.window}`, (signal) => askRows('loss', view.window, signal));
  const slow = useLoaded(`p99 ${view.window}`, (signal) => askRows('p99', view.window, signal), SLOW_EVERY_MS);
  const rows = loss.body ?? [];
  const bad = useMemo(() => worst(rows.filter((row) => row.failed > 0 && !row.stale)), [rows]);
  const worstKey = bad.slice(0, MOST_TROUBLES).map(keyOf).join();
  const newest = useRef(bad);
  newest.current = bad;
  const troubles = useLoaded(`troubles ${worstKey} ${scrapes}`, (signal) =>
    askTroubles(newest.current.slice(0, MOST_TROUBLES), scrapes, signal),
  );
  const shown = useShown(bad, troubles);
  const paths = useLoaded('worst paths', (signal) => get<PathsAnswer>('/v1/paths', { limit: MOST_PATHS }, signal));
  const own = useOwn(status);
  return (
    <section class="overview" aria-label="Overview">
      <Notice error={loss.error ?? status.error} />
      <Verdict
        scrapes={scrapes}
        rows={rows}
        bad={bad}
        troubles={shown}
        own={own}
        loaded={loss.body !== undefined}
        away={connection === 'away'}
      />
      <div class="panels">
        <div>
          {' '}
          <section class="panel" aria-label="Worst pairs">
            <h2>
              Worst pairs{' '}
              <small class="quiet">
                over the last{' '}
                <select
                  class="inline"
                  aria-label="over the last"
                  value={view.window}
                  onChange={(event) => go({ window: event.currentTarget.value })}
                >
                  {WINDOWS.map((window) => (
                    <option key={window}>{window}</option>
                  ))}
                </select>
                {bad.length > shown.length && ` · ${shown.length} of ${formatCount(bad.length)}`}
              </small>
            </h2>
            {loss.body !== undefined && bad.length === 0 && <p class="quiet">No pair loses probes.</p>}
            {bad.length > 0 && <Pairs troubles={shown} bounds={bounds} />}
          </section>
          <section class="panel" aria-label="Worst paths">
            <h2>
              Worst paths <small class="quiet">of the last interval</small>
            </h2>
            <Paths paths={paths.body} bounds={bounds} />
          </section>
          <section class="panel" aria-label="Slowest pairs">
            <h2>
              Slowest pairs <small class="quiet">by p99</small>
            </h2>
            <Slowest rows={slow.body ?? []} />
          </section>
        </div>
        <div>
          {' '}
          <section class="panel" aria-label="The tool itself">
            <h2>The tool itself</h2>
            <Own own={own} known={status.body !== undefined} scrapes={scrapes} />
          </section>
          <Freshness status={status.body} rows={rows} />
          <Totals rows={rows} status={status.body} />
        </div>
      </div>
    </section>
  );
}

const keyOf = (row: Row): string => [row.collector, row.group, row.source, row.target, row.class].join(' ');
const worst = (rows: readonly Row[]): readonly Row[] => [...rows].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
const open =
  ({ collector, group, source, target }: Row) =>
  () =>
    go({ view: 'pair', collector, group, source, target, class: '' });

/** What is known of a row stays while it is asked for again, so that the table does not flicker. */
function useShown(bad: readonly Row[], { body }: Loaded<readonly Trouble[]>): readonly Trouble[] {
  const known = useRef(new Map<string, Trouble>());
  return useMemo(() => {
    for (const trouble of body ?? []) known.current.set(keyOf(trouble.row), trouble);
    return bad
      .slice(0, MOST_TROUBLES)
      .map((row) => ({ ...(known.current.get(keyOf(row)) ?? { onset: undefined, badPorts: [], ports: 0 }), row }));
  }, [bad, body]);
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

export function LossPill({ value, bounds }: { value: number; bounds: readonly number[] }) {
  return <span class={`pill level${levelOf(value, bounds)}`}>{formatLoss(value)}</span>;
}

function Pairs({ troubles, bounds }: { troubles: readonly Trouble[]; bounds: readonly number[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">loss</th>
            <th scope="col">from → to</th>
            <th scope="col">class</th>
            <th scope="col">since</th>
            <th scope="col">source ports that lose</th>
          </tr>
        </thead>
        <tbody>
          {troubles.map(({ row, onset, badPorts, ports }) => (
            <tr key={keyOf(row)}>
              <td>
                <LossPill value={row.value ?? 0} bounds={bounds} />
              </td>
              <td>
                <button type="button" class="link" onClick={open(row)}>
                  {row.source} → {row.target}
                </button>
              </td>
              <td>{row.class}</td>
              <td>{onset === undefined ? '…' : sinceText(onset)}</td>
              <td>{ports === 0 ? '…' : portsText(badPorts, ports)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MOST_LISTED = 4;
function portsText(bad: readonly number[], all: number): string {
  if (bad.length === 0) return `none of ${all} just now`;
  const listed = bad.slice(0, MOST_LISTED).join(', ');
  return `${bad.length} of ${all}${bad.length === all ? ': every path' : `: ${listed}${bad.length > MOST_LISTED ? ' …' : ''}`}`;
}

/** A scraper does not know its collectors' counters, and must not say that they are well. */
const SCRAPER_FINE =
  'Every collector answers and every writer writes. Skipped probes, overflows and dead threads of a collector are on its own page.';
const COLLECTOR_FINE = 'No trouble: no slips, no overflows, no local drops; all threads run.';

function Own({ own, known, scrapes }: { own: readonly OwnTrouble[]; known: boolean; scrapes: boolean }) {
  if (!known) return <p class="quiet">…</p>;
  if (own.length === 0) return <p class="fine">{scrapes ? SCRAPER_FINE : COLLECTOR_FINE}</p>;
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

function Paths({ paths, bounds }: { paths: PathsAnswer | undefined; bounds: readonly number[] }) {
  const losing = (paths?.paths ?? []).filter(({ lossPct }) => lossPct > 0);
  if (paths === undefined) return <p class="quiet">…</p>;
  if (losing.length === 0) return <p class="quiet">None of {formatCount(paths.total)} paths lost a probe.</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {['loss', 'from → to', 'source port', 'class', 'lost of', 'mean'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {losing.map((path) => (
            <tr
              key={`${path.collector} ${path.group} ${path.source} ${path.sourcePort} ${path.target} ${path.port} ${path.class}`}
            >
              <td>
                <LossPill value={path.lossPct} bounds={bounds} />
              </td>
              <td>
                {path.source} → {path.target}
              </td>
              <td>{path.sourcePort ?? '–'}</td>
              <td>{path.class}</td>
              <td>
                {path.lost + path.unreachable} of {path.sent}
              </td>
              <td>{path.rttUs === null ? 'no reply' : formatUs(path.rttUs.mean)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MOST_SLOW = 6;
function Slowest({ rows }: { rows: readonly Row[] }) {
  const slow = worst(rows.filter(({ value }) => value !== null)).slice(0, MOST_SLOW);
  return (
    <table>
      <tbody>
        {slow.map((row) => (
          <tr key={keyOf(row)}>
            <td>{formatUs(row.value ?? 0)}</td>
            <td>
              <button type="button" class="link" onClick={open(row)}>
                {row.source} → {row.target}
              </button>
            </td>
            <td>{row.class}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Totals({ rows, status }: { rows: readonly Row[]; status: Status | undefined }) {
  const sum = (pick: (row: Row) => number): number => rows.reduce((all, row) => all + pick(row), 0);
  const sent = sum((row) => row.sent);
  const failed = sum((row) => row.failed);
  const figures: (readonly [string, string])[] = [
    ['pairs and classes', formatCount(rows.length)],
    ['probes', formatCount(sent)],
    ['lost', `${formatCount(failed)} (${sent === 0 ? '–' : formatLoss((failed / sent) * 100)})`],
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
