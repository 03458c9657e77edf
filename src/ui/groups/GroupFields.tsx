/** The fields of a group. */

import { Field } from '../shell/fields.js';
import { type GroupForm, PROTOCOLS } from './form.js';

interface FieldsProps {
  readonly form: GroupForm;
  readonly isNew: boolean;
  readonly onChange: (form: GroupForm) => void;
}

const SHORT: readonly (readonly [keyof GroupForm, string, string])[] = [
  ['port', 'port', ''],
  ['period', 'period of a path', '1s'],
  ['timeout', 'timeout', '1s'],
  ['classes', 'classes', 'cs0, ef'],
  ['payloadBytes', 'payload, bytes', 'least'],
];

export function GroupFields({ form, isNew, onChange }: FieldsProps) {
  const set = (name: keyof GroupForm) => (event: { currentTarget: { value: string } }) =>
    onChange({ ...form, [name]: event.currentTarget.value });
  return (
    <div class="fields">
      <Field label="name">
        <input
          name="name"
          value={form.name}
          readOnly={!isNew}
          required
          pattern="[A-Za-z0-9._\-]{1,64}"
          onInput={set('name')}
        />
      </Field>
      <Field label="protocol">
        <select name="protocol" value={form.protocol} onChange={set('protocol')}>
          {PROTOCOLS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </Field>
      {SHORT.map(([name, label, hint]) => (
        <Field key={name} label={label}>
          <input name={name} value={form[name]} placeholder={hint} onInput={set(name)} />
        </Field>
      ))}
      <label class="field full">
        <span>targets, one a line: address, then tags (10.2.0.2 dst_rack=r1)</span>
        <textarea name="targets" rows={6} spellcheck={false} value={form.targets} onInput={set('targets')} />
      </label>
      <details class="full" open={form.rest !== ''}>
        <summary>other options, as JSON</summary>
        <textarea
          name="rest"
          aria-label="other options, as JSON"
          rows={4}
          spellcheck={false}
          value={form.rest}
          onInput={set('rest')}
        />
      </details>
    </div>
  );
}
