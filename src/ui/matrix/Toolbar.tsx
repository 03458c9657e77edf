/** The controls of the matrix: tags, metric, class, window, thresholds, order, filters. */

import { useState } from 'preact/hooks';
import type { Known } from '../data/series.js';
import { parseBounds } from '../lib/palette.js';
import { DEFAULTS, go, type ViewState } from '../lib/store.js';
import { Choice, Field, same } from '../shell/fields.js';
import { TimeRange } from '../shell/TimeRange.js';
import { WINDOWS } from './query.js';

const METRICS: readonly (readonly [string, string])[] = [
  ['loss', 'loss'],
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
  ['mean', 'mean'],
  ['max', 'max'],
  ['min', 'min'],
  ['jitter', 'jitter'],
];
const MOST_NESTED = 3;

function Dimensions(props: { label: string; value: string; known: Known; onChange: (value: string) => void }) {
  const { label, value, known, onChange } = props;
  const chosen = value.split(',');
  const set = (i: number, name: string): void => {
    const names = [...chosen.slice(0, i), ...(name === '' ? [] : [name]), ...chosen.slice(i + 1)];
    onChange([...new Set(names)].join());
  };
  const slots = Math.min(MOST_NESTED, chosen.length + 1);
  return (
    <fieldset class="field dimensions">
      <legend>{label}</legend>
      {Array.from({ length: slots }, (_, i) => (
        <select
          key={i}
          aria-label={`${label}, ${i === 0 ? 'first' : 'then'}`}
          value={chosen[i] ?? ''}
          class={chosen[i] === undefined ? 'unset' : ''}
          onChange={(event) => set(i, event.currentTarget.value)}
        >
          {(i > 0 || chosen.length > 1) && <option value="">{chosen[i] === undefined ? '+' : '– remove'}</option>}
          {[...new Set([...known.dimensions, ...chosen.slice(i, i + 1)])].map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      ))}
    </fieldset>
  );
}

function Text(props: { label: string; value: string; hint: string; onChange: (text: string) => void }) {
  return (
    <Field label={props.label}>
      <input
        type="search"
        value={props.value}
        placeholder={props.hint}
        spellcheck={false}
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

function Thresholds({ view }: { view: ViewState }) {
  const name = view.metric === 'loss' ? 'loss' : 'times';
  const [wrong, setWrong] = useState<string>();
  const asked = parseBounds(view[name]) === undefined ? view[name] : undefined;
  const found = wrong ?? asked;
  return (
    <Field label={view.metric === 'loss' ? 'thresholds, %' : 'thresholds, × normal'}>
      <input
        key={name}
        class="bounds"
        defaultValue={view[name].replaceAll(',', ', ')}
        aria-invalid={found !== undefined}
        aria-describedby="bounds-wrong"
        onChange={(event) => {
          const text = event.currentTarget.value;
          const bounds = text.trim() === '' ? undefined : parseBounds(text);
          setWrong(bounds === undefined && text.trim() !== '' ? text : undefined);
          if (bounds !== undefined) go({ [name]: bounds.join() });
          else if (text.trim() === '') {
            go({ [name]: DEFAULTS[name] });
            event.currentTarget.value = DEFAULTS[name].replaceAll(',', ', ');
          }
        }}
      />
      <small id="bounds-wrong" class="wrong" role="alert">
        {found !== undefined &&
          `Found ${JSON.stringify(found)}, expected four rising numbers, such as ${DEFAULTS[name].replaceAll(',', ', ')}. ${asked === undefined ? 'The colours did not change.' : 'The default is in use.'}`}
      </small>
    </Field>
  );
}

export function Toolbar({ view, known }: { view: ViewState; known: Known }) {
  const [open, setOpen] = useState(false);
  return (
    <div class={`toolbar no-print foldable ${open ? 'open' : ''}`}>
      <button type="button" class="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Hide settings' : 'Settings'}
      </button>
      <Dimensions label="rows" value={view.rows} known={known} onChange={(rows) => go({ rows })} />
      <Dimensions label="columns" value={view.columns} known={known} onChange={(columns) => go({ columns })} />
      <Choice label="measure" value={view.metric} options={METRICS} onChange={(metric) => go({ metric })} />
      <Choice
        label="class"
        value={view.class}
        options={[['', 'worst of all'], ...same(known.classes)]}
        onChange={(className) => go({ class: className })}
      />
      {known.groups.length > 1 && (
        <Choice
          label="group"
          value={view.group}
          options={[['', 'all'], ...same(known.groups)]}
          onChange={(group) => go({ group })}
        />
      )}
      <TimeRange view={view} name="window" lengths={WINDOWS} />
      <Choice
        label="order"
        value={view.sort}
        options={[
          ['name', 'by name'],
          ['worst', 'worst first'],
        ]}
        onChange={(sort) => go({ sort })}
      />
      <Thresholds view={view} />
      <Text
        label="filter rows"
        value={view.rowFilter}
        hint="text, tag=value"
        onChange={(rowFilter) => go({ rowFilter })}
      />
      <Text
        label="filter columns"
        value={view.columnFilter}
        hint="text, tag=value"
        onChange={(columnFilter) => go({ columnFilter })}
      />
    </div>
  );
}
