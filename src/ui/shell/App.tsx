/** The frame: where one is, whether it is live, and what is shown. */

import { useState } from 'preact/hooks';
import { GroupsView } from '../groups/GroupsView.js';
import icon from '../icon.svg';
import { get, setToken, token } from '../lib/api.js';
import { formatAge } from '../lib/format.js';
import { reconnect, useLive } from '../lib/live.js';
import { useLoaded } from '../lib/load.js';
import { go, hrefOf, useView, type View, type ViewState } from '../lib/store.js';
import { useTheme } from '../lib/theme.js';
import { clockText, durationMs, isPast, lengthOf } from '../lib/time.js';
import { isScraper, type Status } from '../lib/types.js';
import { MatrixView } from '../matrix/MatrixView.js';
import { OverviewView } from '../overview/OverviewView.js';
import { PairView } from '../pair/PairView.js';

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
          <a href="./docs">API</a>
        </nav>
        <LiveMark past={past} />
        <Settings theme={view.theme} needed={status.error?.status === 401} />
      </header>
      {past ? <Past view={view} /> : <Away />}
      <main>
        {view.view === 'matrix' && <MatrixView />}
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
  const { connection } = useLive();
  if (past)
    return (
      <span class="live past" role="status">
        past
      </span>
    );
  const text = { live: 'live', connecting: 'connecting', away: 'no connection' }[connection];
  return (
    <span class={`live ${connection}`} role="status">
      {text}
    </span>
  );
}

/** What was must not pass for what is either. */
function Past({ view }: { view: ViewState }) {
  const endMs = Number(view.to);
  const lengthMs = lengthOf(view, durationMs(view.view === 'pair' ? view.range : view.window));
  return (
    <div class="past" role="status">
      <span>
        <b>The past.</b> What is shown is of {clockText(endMs - lengthMs)} to {clockText(endMs)}, and stays as it is.
      </span>
      <button type="button" class="no-print" onClick={() => go({ from: '', to: '' })}>
        Back to now
      </button>
    </div>
  );
}

/** What was last seen must not pass for what is. */
function Away() {
  const { connection, awaySinceMs, reason } = useLive();
  if (connection !== 'away') return null;
  return (
    <div class="away" role="alert">
      <b>Nothing here is of now.</b> The service does not answer since {new Date(awaySinceMs).toLocaleTimeString()} (
      {formatAge(Date.now() - awaySinceMs)}){reason === '' ? '' : `: ${reason}`}. Trying again by itself.
    </div>
  );
}

function Settings({ theme, needed }: { theme: string; needed: boolean }) {
  const [open, setOpen] = useState(false);
  const shown = open || needed;
  return (
    <div class="settings no-print">
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
