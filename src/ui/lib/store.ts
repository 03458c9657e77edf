/** The state of the view, kept in the URL: the same address shows the same view. */

import { useEffect, useState } from 'preact/hooks';
import { DEFAULT_LOSS_BOUNDS, DEFAULT_TIME_BOUNDS } from './palette.js';

const VIEWS = ['overview', 'matrix', 'pair', 'groups'] as const;
export type View = (typeof VIEWS)[number];

/** Every parameter of the address, with its default; a default is not written. */
export const DEFAULTS = {
  view: 'overview',
  rows: 'source',
  columns: 'target',
  metric: 'loss',
  class: '',
  group: '',
  window: '1m',
  sort: 'name',
  /** Which rows, and which columns: words, and name=value. */
  rowFilter: '',
  columnFilter: '',
  loss: DEFAULT_LOSS_BOUNDS.join(','),
  times: DEFAULT_TIME_BOUNDS.join(','),
  collector: '',
  source: '',
  target: '',
  /** Port of the target, where it has several; empty: all. */
  port: '',
  range: '1h',
  /** The end of the shown time, epoch ms; empty: now. `from` replaces `window` and `range`. */
  from: '',
  to: '',
  theme: 'auto',
} as const;
type Parameter = keyof typeof DEFAULTS;
export type ViewState = Readonly<Record<Parameter, string>>;

/**
 * Pure: the state that an address says. A view that there is not is the first page; an end in the future, or that is no
 * time, is now.
 */
function readState(search: string, nowMs = Date.now()): ViewState {
  const found = new URLSearchParams(search);
  const state: Record<string, string> = {};
  for (const [name, fallback] of Object.entries(DEFAULTS)) state[name] = found.get(name) ?? fallback;
  if (!VIEWS.some((view) => view === state.view)) state.view = DEFAULTS.view;
  const toMs = Number(state.to);
  if (state.to !== '' && !(toMs > 0 && toMs <= nowMs)) Object.assign(state, { from: '', to: '' });
  return state as ViewState;
}

/** Pure: the address of a state, from `?` on; empty when all is as by default. */
function writeState(state: ViewState): string {
  const search = new URLSearchParams();
  for (const [name, fallback] of Object.entries(DEFAULTS)) {
    const value = state[name as Parameter];
    if (value !== fallback) search.set(name, value);
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** The address of another view, with the settings as they are. */
export const hrefOf = (change: Partial<ViewState>): string => writeState({ ...current, ...change }) || './';

const listeners = new Set<(state: ViewState) => void>();
let current = readState(location.search);

function tell(): void {
  for (const listener of listeners) listener(current);
}

addEventListener('popstate', () => {
  current = readState(location.search);
  tell();
});

/** Changes the view. A new view is a step that "back" undoes; a change of a setting is not. */
export function go(change: Partial<ViewState>): void {
  const step = change.view !== undefined && change.view !== current.view;
  current = { ...current, ...change };
  const url = `${location.pathname}${writeState(current)}`;
  if (step) history.pushState(null, '', url);
  else history.replaceState(null, '', url);
  tell();
}

export function useView(): ViewState {
  const [state, setState] = useState(current);
  useEffect(() => {
    listeners.add(setState);
    setState(current);
    return () => {
      listeners.delete(setState);
    };
  }, []);
  return state;
}
