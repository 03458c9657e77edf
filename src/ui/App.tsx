/** The frame: navigation, the state of the connection, and the current view. */

import { useState } from 'preact/hooks';
import { reconnect, useAgeMs, useLive } from './data/live.js';
import { useLoaded } from './data/load.js';
import { GroupsView } from './groups/GroupsView.js';
import icon from './icon.svg';
import { get, setToken, token } from './lib/api.js';
import { formatAge } from './lib/format.js';
import { go, hrefOf, useView, type View, type ViewState } from './lib/store.js';
import { useTheme } from './lib/theme.js';
import { clockText, durationMs, isPast, lengthOf } from './lib/time.js';
import { isScraper, type Status } from './lib/types.js';
import { MatrixView } from './matrix/MatrixView.js';
import { OverviewView } from './overview/OverviewView.js';
import { PairView } from './pair/PairView.js';

const TABS: readonly (readonly [View, string])[] = [
  ['overview', 'Overview'],
  ['matrix', 'Matrix'],
  ['groups', 'Groups'],
];
const STATUS_EVERY_MS = 2_000;

export function App() {
  const view = useView();
  useTheme();
  const status = useLoaded('status', (signal) => get<Status>('/v1/status', {}, signal), {
    leastMs: STATUS_EVERY_MS,
  });
  const scrapes = status.body !== undefined && isScraper(status.body);
  const past = isPast(view) && view.view !== 'groups';
  return (
    <>
      <header>
        <a class="brand" href={hrefOf({ view: 'overview' })} onClick={follow({ view: 'overview' })}>
          <img src={icon} alt="" width="22" height="22" /> LLAMA
        </a>
        <span class="host">{nameOf(status.body)}</span>
        <nav aria-label="Views">
          {TABS.filter(([name]) => !(scrapes && name === 'groups')).map(([name, text]) => (
            <a
              key={name}
              href={hrefOf({ view: name })}
              aria-current={view.view === name || (name === 'matrix' && view.view === 'pair') ? 'page' : undefined}
              onClick={follow({ view: name })}
            >
              {text}
            </a>
          ))}
          <a href="./docs/">API</a>
        </nav>
        <LiveMark past={past} />
        <Settings theme={view.theme} needed={status.error?.status === 401} />
      </header>
      {past ? <Past view={view} /> : <Away />}
      <main>
        {view.view === 'matrix' && (
          <MatrixView scrapes={status.body === undefined && status.error === undefined ? undefined : scrapes} />
        )}
        {view.view === 'pair' && <PairView status={status.body} />}
        {view.view === 'groups' && <GroupsView />}
        {view.view === 'overview' && <OverviewView status={status} />}
      </main>
    </>
  );
}

const follow =
  (to: Parameters<typeof go>[0]) =>
  (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };

function nameOf(status: Status | undefined): string {
  if (status === undefined) return '';
  return isScraper(status) ? `scraper of ${status.collectors.length} collectors` : `collector ${status.name}`;
}

function LiveMark({ past }: { past: boolean }) {
  const { connection, hasData, old } = useLive();
  const ageMs = useAgeMs();
  if (past)
    return (
      <span class="live past" role="status">
        past
      </span>
    );
  const name = connection === 'away' ? 'away' : old ? 'old' : hasData ? 'live' : 'connecting';
  const text = { away: 'no connection', old: 'old data', connecting: 'no data yet', live: 'live' }[name];
  return (
    <span class={`live ${name}`}>
      <span role="status">{text}</span>
      {ageMs !== undefined && <small>{formatAge(ageMs)} old</small>}
    </span>
  );
}

/** Past data must not look current either. */
function Past({ view }: { view: ViewState }) {
  const endMs = Number(view.to);
  const lengthMs = lengthOf(view, durationMs(view.view === 'pair' ? view.range : view.window));
  return (
    <div class="past" role="status">
      <span>
        <b>The past.</b> Data of {clockText(endMs - lengthMs)} to {clockText(endMs)}. They do not change.
      </span>
      <button type="button" class="no-print" onClick={() => go({ from: '', to: '' })}>
        Back to now
      </button>
    </div>
  );
}

/** Old data must not look current. */
function Away() {
  const { connection, old, awaySinceMs } = useLive();
  const ageMs = useAgeMs();
  if (!old) return null;
  const age = ageMs === undefined ? '' : ` Data are ${formatAge(ageMs)} old.`;
  const head =
    connection === 'away'
      ? `No answer from the service since ${new Date(awaySinceMs).toLocaleTimeString()}.`
      : 'No new data from the service.';
  return (
    <div class="away" role="alert">
      <b>{head} Showing old data.</b>
      <span aria-hidden="true">{age}</span> The page tries again by itself.
    </div>
  );
}

function Settings({ theme, needed }: { theme: string; needed: boolean }) {
  const [open, setOpen] = useState(false);
  const shown = open || needed;
  return (
    <div class="settings no-print">
      <a href="./manual/">Manual</a>
      <button
        type="button"
        aria-expanded={shown}
        class={token() === '' ? '' : 'has-token'}
        onClick={() => setOpen(!open)}
      >
        {token() === '' ? 'Token' : 'Token ✓'}
      </button>
      <select
        aria-label="Colours of the page"
        value={theme}
        onChange={(event) => go({ theme: event.currentTarget.value })}
      >
        <option value="auto">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
      {shown && (
        <form
          class="token"
          onSubmit={(event) => {
            event.preventDefault();
            const field = event.currentTarget.elements.namedItem('token');
            if (field instanceof HTMLInputElement) setToken(field.value.trim());
            setOpen(false);
            reconnect();
          }}
        >
          <label>
            Token, kept in this tab only
            <input name="token" type="password" autocomplete="off" defaultValue={token()} />
          </label>
          <button type="submit">Use</button>
        </form>
      )}
    </div>
  );
}
