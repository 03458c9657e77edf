/** Every process option of a scraper, once: its documentation, `--help` and tests read this table too. */

import { nsToMs, parseDurationNs } from '../../base/units.js';
import { parseBytes } from '../options/bytes.js';
import { filePath, integer, option, PROCESS_OPTIONS, type ProcessOption } from '../options/schema.js';

const MAX_MATRIX_HOURS = 168;
const MIN_BYTES = 2 ** 20;
const MAX_BYTES = 2 ** 40;

function durationMs(written: unknown, leastMs: number, mostMs: number): number | undefined {
  const ns = typeof written === 'string' ? parseDurationNs(written) : undefined;
  const ms = ns === undefined ? undefined : nsToMs(ns);
  return ms !== undefined && ms >= leastMs && ms <= mostMs ? ms : undefined;
}

const timeout = (doc: string, standard: string, env: string): ProcessOption<number> =>
  option({
    doc,
    unit: 'duration, 100ms to 10m',
    default: standard,
    env,
    expected: 'a duration such as 500ms, 5s, 1m, from 100ms to 10m',
    parse: (written) => durationMs(written, 100, 600_000),
  });

const memory = (doc: string, standard: string, env: string): ProcessOption<number> =>
  option({
    doc,
    unit: 'bytes, or with a unit: KiB, MiB, GiB; 1MiB to 1024GiB',
    default: standard,
    env,
    expected: 'an amount such as 256MiB or 1GiB, or a number of bytes, from 1MiB to 1024GiB',
    parse: (written) => integer(parseBytes(digitsAsNumber(written)), MIN_BYTES, MAX_BYTES),
  });

const percent = (doc: string, env: string): ProcessOption<number> =>
  option({
    doc,
    unit: 'percent, 0 to 100',
    default: 0,
    env,
    expected: 'an integer from 0 to 100',
    parse: (written) => integer(written, 0, 100),
  });

/** The environment knows text only. */
const digitsAsNumber = (written: unknown): unknown =>
  typeof written === 'string' && /^\d{1,13}$/.test(written) ? Number(written) : written;

const { api } = PROCESS_OPTIONS;

export const SCRAPER_OPTIONS = {
  scraper: {
    listen: option({ ...api.listen, default: '127.0.0.1:5050', env: 'LLAMA_SCRAPER_LISTEN' }),
    tokenFile: option({ ...api.tokenFile, env: 'LLAMA_SCRAPER_TOKEN_FILE' }),
    readTokenFile: option({ ...api.readTokenFile, env: 'LLAMA_SCRAPER_READ_TOKEN_FILE' }),
    writes: option({ ...api.writes, env: 'LLAMA_SCRAPER_WRITES' }),
    allowRemoteWrites: option({
      ...api.allowRemoteWrites,
      doc: 'Reloads asked for by other hosts; null: with the token, where there is one; true: the same, but the scraper does not start without tokenFile; false: never.',
      env: 'LLAMA_SCRAPER_ALLOW_REMOTE_WRITES',
    }),
    tlsCertFile: option({ ...api.tlsCertFile, env: 'LLAMA_SCRAPER_TLS_CERT_FILE' }),
    tlsKeyFile: option({ ...api.tlsKeyFile, env: 'LLAMA_SCRAPER_TLS_KEY_FILE' }),
    rateLimit: option({ ...api.rateLimit, env: 'LLAMA_SCRAPER_RATE_LIMIT' }),
    matrixHours: option<number>({
      doc: 'How long the results of all collectors are kept in memory, for the matrix; 0: not at all.',
      unit: 'hours, 0 to 168',
      default: 6,
      env: 'LLAMA_SCRAPER_MATRIX_HOURS',
      expected: 'an integer from 0 to 168',
      parse: (written) => integer(written, 0, MAX_MATRIX_HOURS),
    }),
    matrixMemory: memory(
      'Most memory for these results; the oldest are dropped before it is exceeded.',
      '256MiB',
      'LLAMA_SCRAPER_MATRIX_MEMORY',
    ),
    concurrency: option<number>({
      doc: 'Requests to collectors that are under way at a time; one that is slow no longer counts after a second.',
      unit: 'requests, 1 to 1000',
      default: 16,
      env: 'LLAMA_SCRAPER_CONCURRENCY',
      expected: 'an integer from 1 to 1000',
      parse: (written) => integer(written, 1, 1000),
    }),
    connectTimeout: timeout('A connection to a collector must stand by then.', '5s', 'LLAMA_SCRAPER_CONNECT_TIMEOUT'),
    headerTimeout: timeout('The head of its answer must be there by then.', '10s', 'LLAMA_SCRAPER_HEADER_TIMEOUT'),
    timeout: timeout('The whole answer must be there by then, connecting included.', '30s', 'LLAMA_SCRAPER_TIMEOUT'),
    spoolSize: memory(
      'Most bytes on disk, for each writer, of results that wait while its database is away; above it the oldest are lost, and the log names them.',
      '1GiB',
      'LLAMA_SCRAPER_SPOOL_SIZE',
    ),
    readyCollectors: percent(
      'Least share of the collectors that must have answered the last question for GET /readyz to say yes; 0: one answer of any of them, ever.',
      'LLAMA_SCRAPER_READY_COLLECTORS',
    ),
    readyWriters: percent(
      'Least share of the writers whose last write must have succeeded for GET /readyz to say yes; 0: none.',
      'LLAMA_SCRAPER_READY_WRITERS',
    ),
  },
  stateDir: option<string | null>({
    doc: 'Directory that keeps what was fetched up to where, and results that wait for a database; null: one that is removed at the end.',
    unit: 'path of a directory',
    default: null,
    env: 'LLAMA_STATE_DIR',
    expected: 'the path of a directory, or null',
    parse: filePath,
  }),
} as const;

/** Options from the command line; undefined where not given. */
export interface ScraperOverrides {
  /** `--listen` */
  readonly listen?: string | undefined;
  /** `--state-dir` */
  readonly stateDir?: string | undefined;
}

/** Options that have a flag of their own, by name. */
export const SCRAPER_OVERRIDE_OF: Readonly<
  Record<string, { readonly flag: string; readonly key: keyof ScraperOverrides }>
> = {
  'scraper.listen': { flag: '--listen', key: 'listen' },
  stateDir: { flag: '--state-dir', key: 'stateDir' },
};
