/**
 * Targets from an HTTP server (Prometheus' http_sd). Bounded in time, size and redirects; a redirect never leads from https to http, and the
 * token goes to no other server than the configured one. Nothing of a body, nor of a header, gets into a message. What the server says is unchanged (ETag) is not sent again.
 */

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Allowed, allowsUrl, expectedUrl, openAllowed } from '../config/allowed.js';
import type { TargetSource } from '../config/types.js';
import { VERSION } from '../version.js';
import { type AllowedNow, type Answer, MAX_ANSWER_BYTES, messageOf, type Source, type Timing } from './source.js';
import { type ParseTargets, parseTargets } from './targetParser.js';

const MAX_REDIRECTS = 5;
const MAX_TOKEN_BYTES = 64 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export type HttpSettings = Extract<TargetSource, { kind: 'http' }>;

export interface HttpTools {
  readonly fetch: typeof fetch;
  readonly parse?: ParseTargets;
  /** Absent: every URL and every token file. */
  readonly allowed?: AllowedNow;
}

export class HttpSource implements Source {
  private readonly settings: HttpSettings;
  private readonly timing: Timing;
  private readonly fetch: typeof fetch;
  private readonly parse: ParseTargets;
  private readonly allowed: AllowedNow;
  private etag: string | null = null;
  private answer: Answer | undefined;

  constructor(
    settings: HttpSettings,
    timing: Timing,
    { fetch: fetcher, parse = async (text) => parseTargets(text), allowed = () => undefined }: HttpTools,
  ) {
    this.parse = parse;
    this.settings = settings;
    this.timing = timing;
    this.fetch = fetcher;
    this.allowed = allowed;
  }

  async ask(signal: AbortSignal): Promise<Answer> {
    const abort = new AbortController();
    const end = (): void => abort.abort(signal.reason);
    const { timeoutMs, url } = this.settings;
    signal.addEventListener('abort', end, { once: true });
    const cancel = this.timing.after(timeoutMs, () => abort.abort(new Error(`no whole answer within ${timeoutMs} ms`)));
    try {
      return await this.get(abort);
    } catch (cause) {
      const reason: unknown = abort.signal.aborted ? abort.signal.reason : cause;
      throw new Error(`${url}: ${failure(reason)}`, { cause });
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
      // Whatever of the answer was not read: its connection is closed.
      abort.abort();
    }
  }

  private async get(abort: AbortController): Promise<Answer> {
    const response = await this.follow(abort.signal);
    if (response.status === 304 && this.answer !== undefined) return this.answer;
    if (response.status !== 200) throw new Error(`found the HTTP status ${response.status}, expected 200`);
    const type = response.headers.get('content-type');
    if (type === null || !/^application\/json\s*(;|$)/i.test(type))
      throw new Error(`found ${type === null ? 'no' : 'another'} content type, expected application/json`);
    const answer = await this.parse({ text: await readBody(response), form: 'json' });
    this.etag = response.headers.get('etag');
    this.answer = answer;
    return answer;
  }

  private async follow(signal: AbortSignal): Promise<Response> {
    const first = new URL(this.settings.url);
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': `llama/${VERSION}`,
      'x-prometheus-refresh-interval-seconds': String(this.settings.refreshMs / 1000),
    };
    if (this.etag !== null) headers['if-none-match'] = this.etag;
    const allowed = this.allowed();
    const authorization = await this.authorization(allowed);
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      if (allowed !== undefined && !allowsUrl(url, allowed.urls))
        throw new Error(`found ${redirects === 0 ? 'this URL' : 'a redirect elsewhere'}, ${expectedUrl(allowed.urls)}`);
      const own = url.origin === first.origin && authorization !== undefined ? { authorization } : {};
      const response = await this.fetch(url, { headers: { ...headers, ...own }, redirect: 'manual', signal });
      const location = response.headers.get('location');
      if (!REDIRECTS.has(response.status) || location === null) return response;
      await response.body?.cancel();
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
      if (next === undefined || (next.protocol !== 'https:' && next.protocol !== url.protocol))
        throw new Error(`found a redirect that is no URL of ${url.protocol}// or https://, expected one`);
      url = next;
    }
    throw new Error(`found more than ${MAX_REDIRECTS} redirects, expected fewer; write the final URL`);
  }

  /** Read anew every time: tokens are rotated. */
  private async authorization(allowed: Allowed | undefined): Promise<string | undefined> {
    const { tokenFile } = this.settings;
    if (tokenFile === null) return undefined;
    const token = (await readToken(tokenFile, allowed)).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${tokenFile}: expected a token in one line of plain text`);
    return `Bearer ${token}`;
  }
}

async function readToken(file: string, allowed: Allowed | undefined): Promise<string> {
  if (allowed === undefined) return readFile(file, 'utf8');
  const descriptor = openAllowed(file, allowed.directories);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error(`${file}: it is not a file`);
    if (stats.size > MAX_TOKEN_BYTES) throw new Error(`${file}: expected a token in one line of plain text`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (response.body !== null)
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) throw new Error(`found more than ${MAX_ANSWER_BYTES} bytes, expected fewer`);
      chunks.push(chunk);
    }
  const body = Buffer.concat(chunks);
  if (body[0] === 0x1f && body[1] === 0x8b)
    throw new Error('found compressed data (gzip) without a content-encoding header, expected JSON');
  return new TextDecoder('utf-8', { fatal: true }).decode(body);
}

/** `fetch failed` says nothing; its cause does. */
function failure(error: unknown): string {
  const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  const { code } = cause as NodeJS.ErrnoException;
  const text = messageOf(cause);
  return code === undefined || text.includes(code) ? text || 'the request failed' : `${text} (${code})`;
}
