/**
 * `llama top`: the matrix, the worst pairs and the worst paths of a collector or a scraper as text, live in a terminal
 * or once.
 */

import { LlamaError } from '../../base/errors.js';
import { NS_PER_MS, NS_PER_S } from '../../base/units.js';
import { CLASS_NAMES, parseClass } from '../../config/group/classes.js';
import { METRICS, type Metric } from '../../history/matrix.js';
import { parseDuration } from '../shared/arguments.js';
import { ServiceClient } from '../top/client.js';
import { frame } from '../top/frame.js';
import { runLive } from '../top/live.js';
import { Looker } from '../top/snapshot.js';
import { withColour, withoutColour } from '../top/text.js';
import type { View } from '../top/types.js';

export interface TopOptions {
  readonly url: string;
  readonly rows: string;
  readonly columns: string;
  readonly window: string;
  readonly class?: string;
  readonly metric: string;
  readonly tokenFile?: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

const LONGEST_WINDOW_NS = 24 * 3600 * NS_PER_S;

export async function runTop(options: TopOptions): Promise<number> {
  const view = viewOf(options);
  const warn = (text: string): boolean => process.stderr.write(`warning: ${text}\n`);
  const client = new ServiceClient(options.url, options.tokenFile, warn);
  const looker = new Looker(client);
  try {
    const picture = await looker.look(view.asked, new AbortController().signal);
    if (options.json === true) {
      await print(`${JSON.stringify(picture)}\n`);
      return 0;
    }
    const terminal = process.stdout.isTTY && process.env.TERM !== 'dumb';
    const paint = terminal && (process.env.NO_COLOR ?? '') === '' ? withColour : withoutColour;
    if (terminal && options.once !== true) {
      await runLive(client, looker, picture, view, paint);
      return 0;
    }
    // A pipe has no width: names and columns are uncut, unless an option sets the width.
    const told = Number(process.env.COLUMNS);
    const width = process.stdout.columns || (told > 0 ? told : Number.POSITIVE_INFINITY);
    const once = { picture, view, connection: { state: 'once' }, sinceMs: 0 } as const;
    const { lines } = frame({ ...once, width, height: Number.POSITIVE_INFINITY, paint });
    await print(`${lines.join('\n')}\n`);
    return 0;
  } finally {
    client.close();
  }
}

/** Resolves when it is written: the command ends then, and a pipe takes a large text in pieces. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

function viewOf(options: TopOptions): View {
  const className = options.class === undefined ? undefined : parseClass(options.class)?.name;
  if (options.class !== undefined && className === undefined)
    throw new LlamaError(
      'LLAMA_ARGUMENT_INVALID',
      `--class ${JSON.stringify(options.class)}: expected a class by name (${CLASS_NAMES.join(', ')}) or a DSCP from 0 to 63`,
    );
  const metric = METRICS.find((name) => name === options.metric);
  if (metric === undefined)
    throw new LlamaError(
      'LLAMA_ARGUMENT_INVALID',
      `--metric ${JSON.stringify(options.metric)}: expected one of ${METRICS.join(', ')}`,
    );
  const { rows, columns, window } = options;
  // The service knows the length of its history, and its message says so.
  parseDuration('--window', window, NS_PER_MS, LONGEST_WINDOW_NS);
  const asked: { class: string | undefined; metric: Metric; rows: string; columns: string; window: string } = {
    ...{ rows, columns, window, metric },
    class: className,
  };
  return {
    asked,
    sort: 'loss',
    filter: '',
    typing: false,
    help: false,
    focus: 'matrix',
    top: { matrix: 0, pairs: 0, paths: 0 },
    left: 0,
  };
}
