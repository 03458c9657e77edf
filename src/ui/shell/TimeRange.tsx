/** Which stretch of time a view is of: how long, and until when. */

import { go, type ViewState } from '../lib/store.js';
import { fieldText, isPast, lengthOf, stepped } from '../lib/time.js';
import { Choice, Field, same } from './fields.js';

interface TimeRangeProps {
  readonly view: ViewState;
  /** The parameter that says how long, and its choices. */
  readonly name: 'window' | 'range';
  readonly lengths: Readonly<Record<string, number>>;
}

export function TimeRange({ view, name, lengths }: TimeRangeProps) {
  const lengthMs = lengthOf(view, lengths[view[name]] ?? 60_000);
  const chosen = view.from === '' ? view[name] : `${Math.round(lengthMs / 1000)}s`;
  const step = (steps: number): void => go(stepped(view, lengthMs, steps, Date.now()));
  return (
    <div class="time-range">
      <Choice
        label="over the last"
        value={chosen}
        options={same(Object.keys(lengths))}
        onChange={(length) => go({ [name]: length, from: '' })}
      />
      <Field label={isPast(view) ? 'until' : 'until now, or'}>
        <span class="until">
          <button type="button" aria-label="Earlier" onClick={() => step(-1)}>
            ◀
          </button>
          <input
            type="datetime-local"
            step="1"
            aria-label="until"
            value={fieldText(view.to)}
            onChange={(event) => {
              const ms = new Date(event.currentTarget.value).getTime();
              // An end in the future is now.
              go(Number.isNaN(ms) || ms >= Date.now() ? { from: '', to: '' } : { from: '', to: String(ms) });
            }}
          />
          <button type="button" aria-label="Later" disabled={!isPast(view)} onClick={() => step(1)}>
            ▶
          </button>
        </span>
      </Field>
    </div>
  );
}
