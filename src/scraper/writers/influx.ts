/**
 * Points to InfluxDB 1, 2 and 3 and VictoriaMetrics. The versions differ in the path and the credentials only. All use
 * the transport of InfluxDB's own client, not its WriteApi, whose queue and retries would duplicate ours.
 */

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { secretOf } from '../../base/files/tokenFile.js';
import { refusesPlainHttp, SPEAKS_TLS, schemeAdvice } from '../../base/http/schemeAdvice.js';
import { systemNames } from '../../base/resolver/names.js';
import {
  type Influx1Config,
  type Influx2Config,
  type PointLayout,
  WRITER_DEFAULTS,
} from '../../config/scraper/writerConfig.js';
import type { CollectedInterval, Writer, Written } from '../results/types.js';
import { linesOf } from './points.js';
import { type Refusal, RefusedForAnotherReason, sendAll } from './refused.js';
import { retryAfterMs, WriteLater } from './retryableError.js';

/** Status codes about the content of a request: 400 Bad Request, 413 Content Too Large, 422 Unprocessable Content. */
const ABOUT_CONTENT = new Set([400, 413, 422]);
const GZIP_FROM_BYTES = 1000;
const NO_CONTENT = 204;
/** For an answer that is not JSON: enough of an HTML page to recognize it. */
const MAX_PLAIN_TEXT = 300;

const HINTS: Readonly<Record<number, string>> = {
  401: 'check the token, or user and password',
  403: 'check what the token or user may write',
  404: 'check the URL and that the database or bucket exists; the scraper does not create it',
};

type InfluxConfig = Influx1Config | Influx2Config;

export class InfluxWriter implements Writer {
  readonly name: string;
  private readonly config: InfluxConfig;
  private readonly layout: PointLayout;
  private readonly path: string;
  private readonly agent: HttpAgent;
  private readonly transport: Transport;
  private readonly timeoutMs: number;
  private readonly batchPoints: number;
  private readonly gzip: boolean;

  constructor(config: InfluxConfig, name: string) {
    this.name = name;
    this.config = config;
    this.layout = config.layout ?? WRITER_DEFAULTS.layout;
    this.timeoutMs = config.timeoutMs ?? WRITER_DEFAULTS.timeoutMs;
    this.batchPoints = config.batchPoints ?? WRITER_DEFAULTS.batchPoints;
    this.gzip = config.gzip ?? WRITER_DEFAULTS.gzip;
    this.path = writePath(config);
    const Agent = config.url.startsWith('https:') ? HttpsAgent : HttpAgent;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.transport = new InfluxDB({
      url: config.url,
      timeout: this.timeoutMs,
      transportOptions: { agent: this.agent, lookup: systemNames.lookup },
    }).transport;
  }

  async write(intervals: readonly CollectedInterval[], signal: AbortSignal): Promise<Written> {
    const lines = await linesOf(intervals, this.layout, 'ms');
    if (lines.length === 0) return { points: 0, rejected: 0, reasons: [] };
    const authorization = await this.authorization();
    try {
      const { written, rejected, reasons } = await sendAll(lines, this.batchPoints, (part) =>
        this.send(part, authorization, signal),
      );
      return { points: written, rejected, reasons };
    } catch (error) {
      if (error instanceof RefusedForAnotherReason)
        throw new WriteLater(`it refuses every point with ${error.message}; check the URL and its parameters`, {
          status: error.refusal.status,
        });
      throw error;
    }
  }

  async close(): Promise<void> {
    this.agent.destroy();
  }

  private async send(
    lines: readonly string[],
    authorization: string,
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    // A signal of its own for each request: the client's listeners would pile up on one that lives longer, and its
    // timeout leaves the socket open.
    const request = new AbortController();
    const abort = (): void => request.abort(signal.reason);
    const timer = setTimeout(() => request.abort(), this.timeoutMs);
    signal.addEventListener('abort', abort);
    const { protocol } = new URL(this.config.url);
    let status = 0;
    try {
      signal.throwIfAborted();
      const answer: unknown = await this.transport.request(
        this.path,
        lines.join('\n'),
        {
          method: 'POST',
          headers: {
            'content-type': 'text/plain; charset=utf-8',
            ...(authorization === '' ? {} : { authorization }),
          },
          ...(this.gzip ? { gzipThreshold: GZIP_FROM_BYTES } : {}),
          signal: request.signal,
        },
        (_headers, statusCode) => {
          status = statusCode ?? 0;
        },
      );
      // Any other answer may be a login page of a proxy in between: to count it as an acknowledgement would lose the
      // points.
      if (status === NO_CONTENT || (status === 200 && isEmpty(answer))) return undefined;
      throw new WriteLater(`it answered ${status} with a body, not 204; check the URL`, { status });
    } catch (error) {
      if (error instanceof WriteLater) throw error;
      if (signal.aborted) throw new WriteLater('given up: the scraper ends', { cause: error });
      if (request.signal.aborted) throw new WriteLater(`no answer within ${this.timeoutMs} ms`, { cause: error });
      if (!(error instanceof HttpError)) throw new WriteLater(reasonOf(error, protocol), { cause: error });
      // A refusal of the content would lose the points.
      if (refusesPlainHttp(protocol, error.statusCode, error.body ?? ''))
        throw new WriteLater(SPEAKS_TLS, { status: error.statusCode, cause: error });
      return refusalOf(error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  private async authorization(): Promise<string> {
    const { config } = this;
    if (config.kind === 'influx2') {
      const token = await credentialOf(config.token, config.tokenFile, 'token');
      return token === '' ? '' : `Token ${token}`;
    }
    if (config.user === undefined) return '';
    const password = await credentialOf(config.password, config.passwordFile, 'password');
    return `Basic ${Buffer.from(`${config.user}:${password}`).toString('base64')}`;
  }
}

/** The credential from the config, inline or from a file. */
async function credentialOf(
  value: string | undefined,
  file: string | undefined,
  what: 'token' | 'password',
): Promise<string> {
  if (file === undefined) return value ?? '';
  try {
    return await secretOf(file, what);
  } catch (cause) {
    throw new WriteLater((cause as Error).message, { cause });
  }
}

/** A refusal because of the content of the request; throws errors that are to be retried. */
function refusalOf(error: HttpError): Refusal {
  const status = error.statusCode;
  const body = error.body ?? '';
  const message = messageOf(body);
  if (ABOUT_CONTENT.has(status)) return { status, message, body };
  const hint = HINTS[status];
  const header = error.headers?.['retry-after'];
  throw new WriteLater(
    `it answered ${status}${message === '' ? '' : `: ${message}`}${hint === undefined ? '' : `; ${hint}`}`,
    // The client's own retryAfter() takes the header's seconds for milliseconds.
    { status, retryAfterMs: retryAfterMs(typeof header === 'string' ? header : undefined, Date.now()), cause: error },
  );
}

/** InfluxDB 1 and 3 put the message into `error`, 2 into `message`; others send plain text. */
function messageOf(body: string): string {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null) {
      for (const key of ['error', 'message']) {
        const text: unknown = Reflect.get(answer, key);
        if (typeof text === 'string') return text;
      }
    }
  } catch {
    // Not JSON: the text itself.
  }
  return body.trim().slice(0, MAX_PLAIN_TEXT);
}

function isEmpty(answer: unknown): boolean {
  return (
    answer === undefined ||
    answer === null ||
    ((typeof answer === 'string' || Buffer.isBuffer(answer)) && answer.length === 0)
  );
}

/** Node wraps the refusals of several addresses of one name in an error without a message. */
function reasonOf(error: unknown, protocol: string): string {
  if (error instanceof AggregateError) return error.errors.map((one) => reasonOf(one, protocol)).join(', ');
  if (!(error instanceof Error)) return String(error);
  // Else the message is OpenSSL's, with its source lines.
  return schemeAdvice(protocol, error) ?? (error.message || error.name);
}

function writePath(config: InfluxConfig): string {
  const query = new URLSearchParams(
    config.kind === 'influx2'
      ? { org: config.org, bucket: config.bucket, precision: 'ms' }
      : {
          db: config.database,
          ...(config.retentionPolicy === undefined ? {} : { rp: config.retentionPolicy }),
          precision: 'ms',
        },
  );
  return `${config.kind === 'influx2' ? '/api/v2/write' : '/write'}?${query}`;
}
