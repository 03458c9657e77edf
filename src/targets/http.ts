/**
 * Targets from an HTTP server (Prometheus' http_sd). Bounded in time, size and redirects. A redirect never leads from
 * https to http, and the token goes only to the configured server. No part of a body or of a header gets into a
 * message. An unchanged body (ETag) is not sent again.
 */

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { messageOf } from '../base/errors.js';
import { bearerHeaders } from '../base/files/tokenFile.js';
import { type HttpAnswer, HttpClient } from '../base/http/httpClient.js';
import type { Timing } from '../base/timing.js';
import { allowsUrl, expectedUrl, openAllowed } from '../config/allowed.js';
import { withoutSecrets } from '../config/files/problems.js';
import type { Allowed, TargetSource } from '../config/types.js';
import { type AllowedNow, type Answer, MAX_ANSWER_BYTES, type Source } from './source.js';
import { type ParseTargets, parseTargets } from './targetParser.js';

const MAX_REDIRECTS = 5;
const MAX_TOKEN_BYTES = 64 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export type HttpSettings = Extract<TargetSource, { kind: 'http' }>;

interface HttpTools {
  readonly parse?: ParseTargets;
  /** Absent: every URL and every token file. */
  readonly allowed?: AllowedNow;
}

export class HttpSource implements Source {
  private readonly settings: HttpSettings;
  private readonly timing: Timing;
  private readonly parse: ParseTargets;
  private readonly allowed: AllowedNow;
  private etag: string | null = null;
  private answer: Answer | undefined;

  constructor(
    settings: HttpSettings,
    timing: Timing,
    { parse = async (text) => parseTargets(text), allowed = () => undefined }: HttpTools = {},
  ) {
    this.parse = parse;
    this.settings = settings;
    this.timing = timing;
    this.allowed = allowed;
  }

  async ask(signal: AbortSignal): Promise<Answer> {
    const abort = new AbortController();
    const end = (): void => abort.abort(signal.reason);
    const { timeoutMs, url } = this.settings;
    signal.addEventListener('abort', end, { once: true });
    const cancel = this.timing.after(timeoutMs, () => abort.abort(new Error(`no whole answer within ${timeoutMs} ms`)));
    // Bounded by the timer here, which tests set.
    const neverMs = 2 * timeoutMs;
    const client = new HttpClient({ connectMs: neverMs, headerMs: neverMs, totalMs: neverMs }, MAX_ANSWER_BYTES);
    try {
      return await this.get(client, abort.signal);
    } catch (cause) {
      const reason: unknown = abort.signal.aborted ? abort.signal.reason : cause;
      throw new Error(`${withoutSecrets(url)}: ${messageOf(reason)}`, { cause });
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
      client.close();
    }
  }

  private async get(client: HttpClient, signal: AbortSignal): Promise<Answer> {
    const response = await this.follow(client, signal);
    const { headers } = response;
    if (response.status === 304 && this.answer !== undefined) return this.answer;
    if (response.status !== 200) throw new Error(`found the HTTP status ${response.status}, expected 200`);
    const type = headers['content-type'];
    if (type === undefined || !/^application\/json\s*(;|$)/i.test(type))
      throw new Error(`found ${type === undefined ? 'no' : 'another'} content type, expected application/json`);
    const answer = await this.parse({ text: textOf(response), form: 'json' });
    this.etag = headers.etag ?? null;
    this.answer = answer;
    return answer;
  }

  private async follow(client: HttpClient, signal: AbortSignal): Promise<HttpAnswer> {
    const first = new URL(this.settings.url);
    const headers: Record<string, string> = {
      'x-prometheus-refresh-interval-seconds': String(this.settings.refreshMs / 1000),
    };
    if (this.etag !== null) headers['if-none-match'] = this.etag;
    const allowed = this.allowed();
    const authorization = await bearerHeaders(
      this.settings.tokenFile,
      allowed && ((file) => readAllowed(file, allowed)),
    );
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      if (allowed !== undefined && !allowsUrl(url, allowed.urls))
        throw new Error(`found ${redirects === 0 ? 'this URL' : 'a redirect elsewhere'}, ${expectedUrl(allowed.urls)}`);
      const own = url.origin === first.origin ? authorization : {};
      const response = await client.get(url, { ...headers, ...own }, signal);
      const { location } = response.headers;
      if (!REDIRECTS.has(response.status) || location === undefined) return response;
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
      if (next === undefined || (next.protocol !== 'https:' && next.protocol !== url.protocol))
        throw new Error(`found a redirect that is no URL of ${url.protocol}// or https://, expected one`);
      url = next;
    }
    throw new Error(`found more than ${MAX_REDIRECTS} redirects, expected fewer; write the final URL`);
  }
}

function readAllowed(file: string, allowed: Allowed): string {
  const descriptor = openAllowed(file, allowed.directories);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > MAX_TOKEN_BYTES) throw new Error(`it has more than ${MAX_TOKEN_BYTES} bytes`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function textOf({ headers, content: body }: HttpAnswer): string {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Error('found a body with a content encoding, which was not asked for, expected JSON');
  if (body[0] === 0x1f && body[1] === 0x8b)
    throw new Error('found compressed data (gzip) without a content-encoding header, expected JSON');
  return new TextDecoder('utf-8', { fatal: true }).decode(body);
}
