/** Requests to a collector or a scraper. Errors come with their remedy; the token is in no message. */

import type { IncomingMessage } from 'node:http';
import { LlamaError, messageOf } from '../../base/errors.js';
import { isToken } from '../../base/files/tokenFile.js';
import { HttpClient } from '../../base/http/httpClient.js';
import { readSecret } from '../../config/secrets.js';
import { clean } from './text.js';

const TIMEOUTS = { connectMs: 3_000, headerMs: 15_000, totalMs: 30_000 };
/** Characters of a body to quote. */
const QUOTED = 300;
const MOST_REFUSAL_CHARACTERS = 10_000;

export class ServiceClient {
  /** For people, without a password. */
  readonly shown: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly base: URL;
  private readonly http = new HttpClient(TIMEOUTS);

  /** @throws LlamaError `LLAMA_ARGUMENT_INVALID` or `LLAMA_TOKEN_FILE` */
  constructor(url: string, tokenFile: string | undefined, warn: (text: string) => void) {
    this.base = baseOf(url);
    const shown = new URL(this.base);
    shown.username = '';
    shown.password = '';
    this.shown = shown.href.replace(/\/$/, '');
    const token = tokenFile === undefined ? '' : readSecret(tokenFile, '--token-file', 'LLAMA_TOKEN_FILE', warn).trim();
    if (tokenFile !== undefined && !isToken(token))
      throw new LlamaError('LLAMA_TOKEN_FILE', `${tokenFile} (--token-file): expected one line with a token`);
    this.headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  private address(path: string, query: Readonly<Record<string, string | undefined>> = {}): URL {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  /** @throws LlamaError `LLAMA_UNREACHABLE`, `LLAMA_URL_WRONG`, or the error of the service. */
  async get<Answer>(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const url = this.address(path, query);
    let answer: Awaited<ReturnType<HttpClient['get']>>;
    try {
      answer = await this.http.get(url, this.headers, signal);
    } catch (cause) {
      throw this.unreachable(messageOf(cause), cause);
    }
    const { status } = answer;
    const body = answer.content.toString();
    if (status !== 200) throw this.refused(path, status, body);
    try {
      return JSON.parse(body) as Answer;
    } catch (cause) {
      throw this.notLlama(path, 'no JSON', cause);
    }
  }

  /**
   * The beginning of an answer without an end; the caller reads its body or destroys it. @throws LlamaError as `get`
   */
  async open(
    path: string,
    query: Readonly<Record<string, string>>,
    accept: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    let response: IncomingMessage;
    try {
      response = await this.http.open(this.address(path, query), { ...this.headers, accept }, signal);
    } catch (cause) {
      throw this.unreachable(messageOf(cause), cause);
    }
    if (response.statusCode !== 200) throw this.refused(path, response.statusCode ?? 0, await beginningOf(response));
    return response;
  }

  close(): void {
    this.http.close();
  }

  unreachable(reason: string, cause?: unknown): LlamaError {
    return new LlamaError('LLAMA_UNREACHABLE', `${this.shown}: ${clean(reason)}`, { cause });
  }

  notLlama(path: string, found: string, cause?: unknown): LlamaError {
    return new LlamaError(
      'LLAMA_URL_WRONG',
      `${this.shown}: found ${found} at /${path}, expected the API of a LLAMA collector or scraper; check host, port and path of --url`,
      { cause },
    );
  }

  /** The error for a refused request, by its status. */
  refused(path: string, status: number, body: string): LlamaError {
    const told = clean(detailOf(body) ?? '').slice(0, QUOTED);
    if (status === 401 || status === 403)
      return new LlamaError(
        status === 401 ? 'LLAMA_UNAUTHORIZED' : 'LLAMA_FORBIDDEN',
        `${this.shown}: found status ${status}, expected 200; give a token that may read with --token-file${told === '' ? '' : ` (${told})`}`,
      );
    if (status === 400 && told !== '') return new LlamaError('LLAMA_REQUEST_INVALID', `${this.shown}: ${told}`);
    if (status === 429 || status >= 500)
      return this.unreachable(`it answers with status ${status}${told === '' ? '' : `: ${told}`}; try again later`);
    return this.notLlama(path, `status ${status}`);
  }
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk;
    if (body.length > MOST_REFUSAL_CHARACTERS) break;
  }
  return body;
}

function baseOf(text: string): URL {
  const wrong = (found: string): LlamaError =>
    new LlamaError('LLAMA_ARGUMENT_INVALID', `--url ${JSON.stringify(text)}: ${found}, expected http://HOST:PORT`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong('found no URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong(`found the scheme ${url.protocol}`);
  if (url.search !== '' || url.hash !== '') throw wrong('found something behind the path');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** The detail of a problem document. */
function detailOf(body: string): string | undefined {
  try {
    const detail: unknown = Reflect.get(JSON.parse(body), 'detail');
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return undefined;
  }
}
