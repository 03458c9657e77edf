/** Converts a group between its JSON and the form; fields outside the form stay unchanged. Pure. */

export interface GroupForm {
  readonly name: string;
  readonly protocol: string;
  readonly port: string;
  readonly period: string;
  readonly timeout: string;
  readonly classes: string;
  readonly payloadBytes: string;
  /** One a line: address, optionally `:port`, then `tag=value`. */
  readonly targets: string;
  /** The rest of the group, as JSON. */
  readonly rest: string;
}

export const PROTOCOLS = ['stamp', 'llama', 'llama-legacy', 'icmp', 'tcp-syn'];
export const EMPTY: GroupForm = {
  name: '',
  protocol: 'stamp',
  port: '8100',
  period: '1s',
  timeout: '1s',
  classes: 'cs0',
  payloadBytes: '',
  targets: '',
  rest: '',
};

const SHOWN = ['name', 'protocol', 'port', 'period', 'timeout', 'classes', 'payloadBytes', 'targets'];
/** Fields of an answer, not of the group. */
const ANSWERED = ['origin', 'hidesFile', 'notInForce', 'discovery'];

interface Target {
  readonly address: string;
  readonly port?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

const quoted = (text: string): string => (/[\s"]/.test(text) ? JSON.stringify(text) : text);

function lineOf({ address, port, tags = {} }: Target): string {
  const where = port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return [where, ...Object.entries(tags).map(([name, value]) => `${name}=${quoted(value)}`)].join(' ');
}

export function formOf(group: Readonly<Record<string, unknown>>): GroupForm {
  const text = (name: string): string => {
    const value = group[name];
    return value === undefined || value === null ? '' : String(value);
  };
  const rest = Object.fromEntries(
    Object.entries(group).filter(([name]) => !SHOWN.includes(name) && !ANSWERED.includes(name)),
  );
  const { targets, classes } = group;
  return {
    name: text('name'),
    protocol: text('protocol'),
    port: text('port'),
    period: text('period'),
    timeout: text('timeout'),
    classes: Array.isArray(classes) ? classes.join(', ') : '',
    payloadBytes: text('payloadBytes'),
    targets: Array.isArray(targets) ? targets.map((target: Target) => lineOf(target)).join('\n') : '',
    rest: Object.keys(rest).length === 0 ? '' : JSON.stringify(rest, null, 2),
  };
}

function targetOf(line: string): Target {
  const [where = '', ...words] = [...line.matchAll(/[^\s"]+(?:"(?:[^"\\]|\\.)*")?/g)].map(([word]) => word);
  const port = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(where);
  const tags = Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new Error(`found ${JSON.stringify(word)} in the line "${line}", expected tag=value`);
      const value = word.slice(at + 1);
      return [word.slice(0, at), value.startsWith('"') ? String(JSON.parse(value)) : value];
    }),
  );
  return {
    address: port?.[1] ?? port?.[2] ?? where,
    ...(port === null ? {} : { port: Number(port[3]) }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
}

/** The body of a request. Throws when the form has no valid JSON; the service checks the group itself. */
export function bodyOf(form: GroupForm): Record<string, unknown> {
  const rest: unknown = form.rest.trim() === '' ? {} : JSON.parse(form.rest);
  if (typeof rest !== 'object' || rest === null || Array.isArray(rest))
    throw new Error('found no JSON object in the other options');
  const lines = form.targets
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const classes = form.classes
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .map((name) => (/^\d+$/.test(name) ? Number(name) : name));
  const number = (name: 'port' | 'payloadBytes') => (form[name].trim() === '' ? {} : { [name]: Number(form[name]) });
  // Targets of a source are not listed.
  const targets = lines.length === 0 && Object.keys(rest).length > 0 ? {} : { targets: lines.map(targetOf) };
  return {
    protocol: form.protocol,
    ...number('port'),
    period: form.period,
    timeout: form.timeout,
    classes,
    ...number('payloadBytes'),
    ...rest,
    ...targets,
  };
}
