/**
 * Targets from an HTTP server (Prometheus' http_sd). Bounded in time, size and redirects; a redirect never leads from https to http, and the
 * token goes to no other server than the configured one. What the server says is unchanged (ETag) is not sent again.
 */

import { readFile } from 'node:fs/promises';
import type { TargetSource } from '../config/types.js';
import { VERSION } from '../version.js';
import { type Answer, MAX_ANSWER_BYTES, messageOf, type Source, type Timing } from './source.js';
import { type ParseTargets, parseTargets } from './targetParser.js';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export type HttpSettings = Extract<TargetSource, { kind: 'http' }>;

export class HttpSource implements Source {
  private readonly settings: HttpSettings;
  private readonly timing: Timing;
  private readonly fetch: typeof fetch;
  private readonly parse: ParseTargets;
  private etag: string | null = null;
  private answer: Answer | undefined;

  constructor(
    settings: HttpSettings,
    timing: Timing,
    fetcher: typeof fetch,
    parse: ParseTargets = async (text) => parseTargets(text),
  ) {
    this.parse = parse;
    this.settings = settings;
    this.timing = timing;
    this.fetch = fetcher;
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
      throw new Error(`found the content type ${type ?? 'nothing'}, expected application/json`);
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
    const authorization = await this.authorization();
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const own = url.origin === first.origin && authorization !== undefined ? { authorization } : {};
      const response = await this.fetch(url, { headers: { ...headers, ...own }, redirect: 'manual', signal });
      const location = response.headers.get('location');
      if (!REDIRECTS.has(response.status) || location === null) return response;
      await response.body?.cancel();
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
      if (next === undefined || (next.protocol !== 'https:' && next.protocol !== url.protocol))
        throw new Error(`found a redirect to ${location}, expected one to ${url.protocol}// or https://`);
      url = next;
    }
    throw new Error(`found more than ${MAX_REDIRECTS} redirects, expected fewer; write the final URL`);
  }

  /** Read anew every time: tokens are rotated. */
  private async authorization(): Promise<string | undefined> {
    const { tokenFile } = this.settings;
    if (tokenFile === null) return undefined;
    const token = (await readFile(tokenFile, 'utf8')).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${tokenFile}: expected a token in one line of plain text`);
    return `Bearer ${token}`;
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
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

/** `fetch failed` says nothing; its cause does. */
function failure(error: unknown): string {
  const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  const { code } = cause as NodeJS.ErrnoException;
  const text = messageOf(cause);
  return code === undefined || text.includes(code) ? text || 'the request failed' : `${text} (${code})`;
}
