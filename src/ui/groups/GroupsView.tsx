/** The probed groups: view, add, change and remove them. Every change is shown as a dry run before it is made. */

import { useState } from 'preact/hooks';
import { useLoaded } from '../data/load.js';
import { get, request, urlOf } from '../lib/api.js';
import { formatCount } from '../lib/format.js';
import { ApiError } from '../lib/http.js';
import { go } from '../lib/store.js';
import type { DryRun, GroupListAnswer } from '../lib/types.js';
import { Notice } from '../shell/Notice.js';
import { DryRunTable } from './DryRunTable.js';
import { bodyOf, EMPTY, formOf, type GroupForm } from './form.js';
import { GroupFields } from './GroupFields.js';

/** The list is of the moment when it came; it is asked for at least every five seconds. */
const LIST_NEWEST = { ageMs: 0, staleAfterMs: 15_000 };

type Group = Readonly<Record<string, unknown>>;

/** The group that is being changed. `etag` null: a new group. */
interface Edit {
  readonly form: GroupForm;
  readonly etag: string | null;
  readonly isNew: boolean;
  readonly removes: boolean;
  readonly plan: DryRun | undefined;
  readonly error: ApiError | undefined;
  readonly busy: boolean;
}

const begin = (form: GroupForm, etag: string | null, isNew: boolean, removes = false): Edit => ({
  form,
  etag,
  isNew,
  removes,
  plan: undefined,
  error: undefined,
  busy: false,
});

/** Requests the change, or a dry run of it. */
async function ask({ form, etag, isNew, removes }: Edit, dryRun: boolean): Promise<DryRun> {
  const query = dryRun ? { dryRun: '1' } : {};
  const condition = etag === null ? {} : { ifMatch: etag };
  const path = `/v1/groups/${encodeURIComponent(form.name)}`;
  if (removes) return (await request<DryRun>(urlOf(path, query), { method: 'DELETE', ...condition })).body;
  const body = bodyOf(form);
  if (isNew)
    return (await request<DryRun>(urlOf('/v1/groups', query), { method: 'POST', body: { name: form.name, ...body } }))
      .body;
  return (await request<DryRun>(urlOf(path, query), { method: 'PUT', body, ...condition })).body;
}

export function GroupsView() {
  const [changes, setChanges] = useState(0);
  const [edit, setEdit] = useState<Edit>();
  const [told, setTold] = useState('');
  const list = useLoaded(`groups ${changes}`, (signal) => get<GroupListAnswer>('/v1/groups', {}, signal), {
    newest: () => LIST_NEWEST,
  });

  const failed = (error: unknown): ApiError =>
    error instanceof ApiError ? error : new ApiError(0, 'PAGE', error instanceof Error ? error.message : String(error));
  const start = async (name: string, removes: boolean): Promise<void> => {
    setTold('');
    try {
      const { body, etag } = await request<Group>(urlOf(`/v1/groups/${encodeURIComponent(name)}`));
      const made = begin(formOf(body), etag, false, removes);
      setEdit(made);
      if (removes) await show(made);
    } catch (error) {
      setEdit({ ...begin({ ...EMPTY, name }, null, false, removes), error: failed(error) });
    }
  };
  const show = async (made: Edit): Promise<void> => {
    setEdit({ ...made, busy: true, error: undefined, plan: undefined });
    try {
      setEdit({ ...made, plan: await ask(made, true), error: undefined, busy: false });
    } catch (error) {
      setEdit({ ...made, plan: undefined, error: failed(error), busy: false });
    }
  };
  const apply = async (made: Edit): Promise<void> => {
    setEdit({ ...made, busy: true, error: undefined });
    try {
      await ask(made, false);
      setEdit(undefined);
      setTold(
        `${made.form.name} is ${made.removes ? 'removed' : made.isNew ? 'added; its first result comes with the next interval' : 'changed'}.`,
      );
      setChanges((count) => count + 1);
    } catch (error) {
      setEdit({ ...made, error: failed(error), busy: false });
    }
  };
  return (
    <section class="groups" aria-label="Groups">
      <div class="toolbar">
        <h1>Groups</h1>
        <button
          type="button"
          class="primary"
          onClick={() => {
            setTold('');
            setEdit(begin(EMPTY, null, true));
          }}
        >
          Add a group
        </button>
        <span role="status">{told}</span>
      </div>
      <Notice error={list.error} />
      {edit !== undefined && <Editor edit={edit} onChange={setEdit} onShow={show} onApply={apply} />}
      {list.body !== undefined && (
        <List
          list={list.body}
          onChange={(name) => void start(name, false)}
          onRemove={(name) => void start(name, true)}
        />
      )}
    </section>
  );
}

interface EditorProps {
  readonly edit: Edit;
  readonly onChange: (edit: Edit | undefined) => void;
  readonly onShow: (edit: Edit) => Promise<void>;
  readonly onApply: (edit: Edit) => Promise<void>;
}

function Editor({ edit, onChange, onShow, onApply }: EditorProps) {
  const title = edit.removes ? `Remove ${edit.form.name}` : edit.isNew ? 'A new group' : `Change ${edit.form.name}`;
  return (
    <form
      class="panel editor"
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault();
        void (edit.plan === undefined ? onShow(edit) : onApply(edit));
      }}
    >
      <h2>{title}</h2>
      {!edit.removes && (
        // The shown dry run belongs to an earlier state of the form.
        <GroupFields
          form={edit.form}
          isNew={edit.isNew}
          onChange={(form) => onChange({ ...edit, form, plan: undefined })}
        />
      )}
      <Notice error={edit.error} />
      {edit.plan !== undefined && <DryRunTable plan={edit.plan} />}
      <div class="actions">
        <button type="submit" class="primary" disabled={edit.busy}>
          {edit.plan === undefined ? 'Show what it would do' : edit.removes ? 'Remove it' : 'Apply'}
        </button>
        <button type="button" onClick={() => onChange(undefined)}>
          Cancel
        </button>
      </div>
    </form>
  );
}

interface ListProps {
  readonly list: GroupListAnswer;
  readonly onChange: (name: string) => void;
  readonly onRemove: (name: string) => void;
}

function List({ list, onChange, onRemove }: ListProps) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {['group', 'protocol', 'classes', 'targets', 'paths', 'period', 'probes a second', 'from', ''].map(
              (name) => (
                <th key={name} scope="col">
                  {name === '' ? <span class="spoken">actions</span> : name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {list.groups.map((group) => (
            <tr key={group.name} data-group={group.name}>
              <th scope="row">
                <button type="button" class="link" onClick={() => go({ view: 'matrix', group: group.name })}>
                  {group.name}
                </button>
              </th>
              <td>
                {group.protocol}:{group.port}
              </td>
              <td>{group.classes.join(', ')}</td>
              <td>{formatCount(group.targets)}</td>
              <td>{formatCount(group.paths)}</td>
              <td>{group.period}</td>
              <td>{formatCount(Math.round(group.probesPerSecond))}</td>
              <td>{group.source ?? (group.origin === 'file' ? 'config file' : 'REST')}</td>
              <td class="actions no-print">
                <button type="button" aria-label={`Change ${group.name}`} onClick={() => onChange(group.name)}>
                  Change
                </button>
                <button type="button" aria-label={`Remove ${group.name}`} onClick={() => onRemove(group.name)}>
                  Remove
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {list.notInForce.map(({ name, notInForce }) => (
        <p key={name} class="notice">
          <b>{name}</b> is not in force: {notInForce}
        </p>
      ))}
      {list.removed.length > 0 && (
        <p class="quiet">Removed by REST, still in the config file: {list.removed.join(', ')}</p>
      )}
    </div>
  );
}
