/** `llama reflector`: from the options as typed to a running reflector, and its clean end on a signal. */

import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import { NS_PER_MS, NS_PER_S, nsToMs } from '../../base/units.js';
import { readKeyFile } from '../../config/group/keyFile.js';
import { usableCores } from '../../net/cpuQuota.js';
import { formatEndpoint, parseListen } from '../../net/endpoint.js';
import { JUNK_REASONS } from '../../reflector/messages.js';
import {
  DEFAULT_SESSIONS,
  Reflector,
  type ReflectorSettings,
  type ReflectorTotals,
} from '../../reflector/reflector.js';
import type { ReplyInterface } from '../../reflector/replyInterface.js';
import { serveStatus } from '../../reflector/status.js';
import { MAX_PPS_LIMIT } from '../../reflector/tokens.js';
import { argumentError, parseCount, parseDuration } from '../shared/arguments.js';
import { createLogger } from '../shared/log.js';
import { HangUps, nothingToLose, signalled, unlessSignalled } from '../shared/signals.js';

/** Options as commander delivers them: texts as typed; absent where not given. */
export interface ReflectorOptions {
  /** `--listen ADDR:PORT`…; default `0.0.0.0:8100` and `[::]:8100`. */
  readonly listen?: readonly string[];
  /** `--threads N`, 1 to 256; default the number of CPUs that affinity and CPU quota allow, at most 4. */
  readonly threads?: string;
  /** `--max-pps N`: most replies a second, over all threads; default no limit. */
  readonly maxPps?: string;
  /** `--allow CIDR`…: answer only these sources; default all. */
  readonly allow?: readonly string[];
  /**
   * `--short-requests`: answer requests of 14 to 40 bytes, of TWAMP-Light test tools, by longer replies; only with
   * `--allow`.
   */
  readonly shortRequests?: boolean;
  /** `--max-short-pps N`: most of these a second for each network of `--allow`; default 100. */
  readonly maxShortPps?: string;
  /** `--reply-interface routed|incoming`: interface that replies leave by; default routed, by the routing table. */
  readonly replyInterface?: string;
  /** `--status ADDR:PORT`: counters over HTTP; default not served. */
  readonly status?: string;
  /** `--key-file F`: HMAC keys; only authenticated STAMP is answered then. Default: no authentication. */
  readonly keyFile?: string;
  /** `--stateless`: copy the sender's number; default: number the replies of each session (RFC 8762 section 4.3). */
  readonly stateless?: boolean;
  /** `--max-sessions N`, 1 to 16777216 in all; default 65536. */
  readonly maxSessions?: string;
  /** `--session-timeout D`: forget a session after this silence; default 300s. */
  readonly sessionTimeout?: string;
}

const KEY_OPTION = '--key-file';
export const MAX_THREADS = 256;
const DEFAULT_MAX_THREADS = 4;
const DEFAULT_MAX_SHORT_PPS = 100;
const MAX_SESSIONS_LIMIT = 16_777_216;
const LONGEST_SESSION_NS = 24 * 3600 * NS_PER_S;
const JUNK_LOG_PERIOD_MS = 60_000;

/**
 * Most short requests a second for each network; null: short requests are not answered. Replies to them are longer than
 * the requests, so they need limits.
 */
function shortRequestLimit({
  shortRequests = false,
  maxShortPps,
  allow = [],
  keyFile,
}: ReflectorOptions): number | null {
  if (!shortRequests) {
    if (maxShortPps === undefined) return null;
    throw argumentError('found --max-short-pps without --short-requests, expected both; add --short-requests');
  }
  if (allow.length === 0)
    throw argumentError(
      'found --short-requests without --allow, expected both, because a reply is longer than a short request; name the networks of the senders by --allow',
    );
  const everybody = allow.find((network) => /\/0+$/.test(network));
  if (everybody !== undefined)
    throw argumentError(
      `found --short-requests and --allow ${everybody}, expected networks that do not hold every address: a reply is longer than a short request, so a forged source would get more than was sent; name the networks of the senders`,
    );
  if (keyFile !== undefined)
    throw argumentError('found --short-requests and --key-file, expected one of them: short requests carry no HMAC');
  return maxShortPps === undefined ? DEFAULT_MAX_SHORT_PPS : parseCount('--max-short-pps', maxShortPps, MAX_PPS_LIMIT);
}

function parseReplyInterface(text: string): ReplyInterface {
  if (text === 'routed' || text === 'incoming') return text;
  throw argumentError(
    `--reply-interface ${JSON.stringify(text)}: expected incoming (that of the request) or routed (by the routing table)`,
  );
}

/** The settings from the options. Throws `LLAMA_ARGUMENT_INVALID` that names the option and what was expected. */
export function reflectorSettings(options: ReflectorOptions): ReflectorSettings {
  const { listen = [], threads, maxPps, allow = [], maxSessions, sessionTimeout, stateless = false } = options;
  const sessions = {
    maxSessions:
      maxSessions === undefined
        ? DEFAULT_SESSIONS.maxSessions
        : parseCount('--max-sessions', maxSessions, MAX_SESSIONS_LIMIT),
    timeoutMs:
      sessionTimeout === undefined
        ? DEFAULT_SESSIONS.timeoutMs
        : nsToMs(parseDuration('--session-timeout', sessionTimeout, NS_PER_MS, LONGEST_SESSION_NS)),
  };
  return {
    listen: listen.length === 0 ? null : listen.map((text) => parseListen(text)),
    threads:
      threads === undefined
        ? Math.min(DEFAULT_MAX_THREADS, usableCores())
        : parseCount('--threads', threads, MAX_THREADS),
    maxPps: maxPps === undefined ? null : parseCount('--max-pps', maxPps, MAX_PPS_LIMIT),
    allow,
    maxShortPps: shortRequestLimit(options),
    replyInterface: parseReplyInterface(options.replyInterface ?? 'routed'),
    stateful: stateless ? null : sessions,
  };
}

/** Logs the counters when junk has come since the last call: a line a minute at most, however much comes. */
export function junkReporter(totals: () => ReflectorTotals, logger: Logger): () => void {
  let seen = 0;
  return () => {
    const now = totals();
    const junk = JUNK_REASONS.reduce((sum, reason) => sum + now[reason], 0);
    if (junk > seen) logger.warn({ junk: junk - seen, totals: now }, 'dropped datagrams that are not to be answered');
    seen = junk;
  };
}

/** Handles SIGHUP: reads the keys again. After an error the old ones stay in force. */
function reloadKeys(reflector: Reflector, file: string | undefined, logger: Logger): void {
  if (file === undefined) {
    logger.info('SIGHUP: without --key-file there is nothing to read again');
    return;
  }
  try {
    const keys = readKeyFile(file, KEY_OPTION, (text) => logger.warn(text));
    reflector.setKeys(keys);
    logger.info({ file, keys: keys.length }, 'keys read again');
  } catch (error) {
    const { code, message } = error instanceof LlamaError ? error : { code: 'LLAMA_INTERNAL', message: String(error) };
    logger.error({ code, error: message }, 'keys could not be read again; the old ones stay in force');
  }
}

interface Served {
  readonly reflector: Reflector;
  readonly server: Awaited<ReturnType<typeof serveStatus>> | undefined;
}

/**
 * Runs a reflector until SIGTERM or SIGINT; resolves with the exit code 0 then. Rejects with a `LlamaError` when the
 * options are invalid or it can't start; all sockets are closed then.
 */
export async function runReflector(options: ReflectorOptions, hangUps = new HangUps()): Promise<number> {
  const settings = reflectorSettings(options);
  const statusEndpoint = options.status === undefined ? undefined : parseListen(options.status, '--status');
  const logger = createLogger();
  const { keyFile } = options;
  const keys = keyFile === undefined ? undefined : readKeyFile(keyFile, KEY_OPTION, (text) => logger.warn(text));
  const signal = signalled();
  const start = async (): Promise<Served> => {
    const reflector = await Reflector.start(keys === undefined ? settings : { ...settings, keys }, logger);
    if (statusEndpoint === undefined) return { reflector, server: undefined };
    try {
      return { reflector, server: await serveStatus(statusEndpoint, () => reflector.status()) };
    } catch (error) {
      await reflector.close();
      throw error;
    }
  };
  const end = ({ reflector, server }: Served): Promise<unknown> =>
    Promise.all([reflector.close(), server?.app.close()]);
  const served = await unlessSignalled(signal, start(), end);
  if (served === undefined) return 0;
  const { reflector, server } = served;
  const { threads, stateful } = settings;
  const listen = reflector.endpoints.map(formatEndpoint);
  const status = server === undefined ? null : formatEndpoint(server.endpoint);
  const authenticated = keys !== undefined;
  logger.info({ listen, threads, stateful: stateful !== null, authenticated, status }, 'answering probes');
  hangUps.listen(() => reloadKeys(reflector, keyFile, logger));
  const timer = setInterval(
    junkReporter(() => reflector.status().totals, logger),
    JUNK_LOG_PERIOD_MS,
  );
  const name = await signal;
  nothingToLose();
  hangUps.listen(undefined);
  clearInterval(timer);
  const { totals } = reflector.status();
  await end(served);
  logger.info({ signal: name, totals }, 'ended');
  return 0;
}
