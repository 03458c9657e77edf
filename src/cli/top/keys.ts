/** Keys: from the bytes of a terminal to names, and from names to another view. Pure. */

import { METRICS } from '../../history/matrix.js';
import type { Frame } from './frame.js';
import { SECTIONS, SORTS, type View } from './types.js';

/** The caller's action besides drawing. */
type Effect = 'none' | 'quit' | 'ask' | 'suspend';

const SEQUENCES: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001b[B': 'down',
  '\u001b[C': 'right',
  '\u001b[D': 'left',
  '\u001bOA': 'up',
  '\u001bOB': 'down',
  '\u001bOC': 'right',
  '\u001bOD': 'left',
  '\u001b[5~': 'pageUp',
  '\u001b[6~': 'pageDown',
  '\u001b[H': 'home',
  '\u001b[F': 'end',
  '\u001bOH': 'home',
  '\u001bOF': 'end',
  '\u001b[1~': 'home',
  '\u001b[4~': 'end',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0003': 'interrupt',
  '\u001a': 'suspend',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control characters
const KEY = /\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Za-z]|[\s\S]/gu;

/** The keys in the input of a terminal; printable characters are themselves, other sequences are left out. */
export function keysOf(text: string): string[] {
  return (
    (text.match(KEY) ?? [])
      .map((sequence) => SEQUENCES[sequence] ?? sequence)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what else begins with one is no key of ours
      .filter((key) => !/^[\u0000-\u001f]/.test(key))
  );
}

/** The scroll position and page size of the last frame. */
type Shown = Pick<Frame, 'top' | 'left' | 'page' | 'pageColumns'>;

export function pressed(
  view: View,
  key: string,
  shown: Shown,
  classes: readonly string[],
): { readonly view: View; readonly effect: Effect } {
  if (key === 'interrupt') return { view, effect: 'quit' };
  if (key === 'suspend') return { view, effect: 'suspend' };
  if (view.typing) return { view: typed(view, key), effect: 'none' };
  if (view.help && key !== 'q') return { view: { ...view, help: false }, effect: 'none' };
  const asking = (asked: Partial<View['asked']>) =>
    ({ view: { ...view, asked: { ...view.asked, ...asked } }, effect: 'ask' }) as const;
  switch (key) {
    case 'q':
      return { view, effect: 'quit' };
    case 'r':
      return { view, effect: 'ask' };
    case 'm':
    case 'M':
      return asking({ metric: next(METRICS, view.asked.metric, key === 'm' ? 1 : -1) });
    case 'c':
    case 'C': {
      const all = [undefined, ...new Set([...classes, ...(view.asked.class === undefined ? [] : [view.asked.class])])];
      return asking({ class: next(all, view.asked.class, key === 'c' ? 1 : -1) });
    }
    default:
      return { view: looked(view, key, shown), effect: 'none' };
  }
}

/** Keys that need no new data from the service. */
function looked(view: View, key: string, shown: Shown): View {
  switch (key) {
    case 's':
      return { ...atTop(view), sort: next(SORTS, view.sort, 1) };
    case '/':
      return { ...view, typing: true };
    case '?':
      return { ...view, help: true };
    case 'escape':
      return { ...atTop(view), filter: '' };
    case 'tab':
      return { ...view, focus: next(SECTIONS, view.focus, 1) };
    default:
      return scrolled(view, key, shown);
  }
}

function scrolled(view: View, key: string, { top, left, page, pageColumns }: Shown): View {
  const { focus } = view;
  const to = (line: number): View => ({ ...view, left, top: { ...top, [focus]: Math.max(0, line) } });
  const across = (columns: number): View => ({ ...view, top, left: Math.max(0, left + columns) });
  switch (key) {
    case 'up':
    case 'k':
      return to(top[focus] - 1);
    case 'down':
    case 'j':
      return to(top[focus] + 1);
    case 'pageUp':
      return to(top[focus] - page[focus]);
    case 'pageDown':
    case ' ':
      return to(top[focus] + page[focus]);
    case 'home':
    case 'g':
      return { ...to(0), left: 0 };
    case 'end':
    case 'G':
      return to(Number.MAX_SAFE_INTEGER);
    case 'left':
    case 'h':
      return across(-1);
    case 'right':
    case 'l':
      return across(1);
    case '<':
      return across(-pageColumns);
    case '>':
      return across(pageColumns);
    default:
      return view;
  }
}

function typed(view: View, key: string): View {
  if (key === 'enter') return { ...view, typing: false };
  if (key === 'escape') return { ...atTop(view), typing: false, filter: '' };
  if (key === 'backspace') return { ...atTop(view), filter: [...view.filter].slice(0, -1).join('') };
  return [...key].length === 1 ? { ...atTop(view), filter: view.filter + key } : view;
}

/** After another order or choice of lines the old position means nothing. */
const atTop = (view: View): View => ({ ...view, top: { matrix: 0, pairs: 0, paths: 0 }, left: 0 });

function next<Item>(items: readonly Item[], item: Item, step: number): Item {
  return items[(items.indexOf(item) + step + items.length) % items.length];
}
