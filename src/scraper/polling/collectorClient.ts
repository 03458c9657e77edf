/**
 * One request to one collector: the request of its kind, and its answer as checked intervals or an error that says what
 * to do.
 */

import { bearerHeaders } from '../../base/files/tokenFile.js';
import type { HttpAnswer, HttpClient, Reading } from '../../base/http/httpClient.js';
import { MS_PER_S } from '../../base/units.js';
import type { CollectorAddress } from '../../config/scraper/types.js';
import { type Page, readResults } from '../results/answer.js';
import type { Place } from './answerMemory.js';
import { InfluxDataReader } from './dropbox.js';

/** Where to go on, and how much to take. */
interface Question {
  /** 0: all intervals in memory. */
  readonly after: number;
  /** Most intervals. */
  readonly limit: number;
  readonly histograms: boolean;
}

export interface Reply {
  readonly page: Page;
  /** The collector's clock when it answered, for some kinds to half a second only; undefined when it reports none. */
  readonly nowMs: number | undefined;
  /** Size of the answer. */
  readonly bytes: number;
}

/** An answer with a status other than 200. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  /** Value of Retry-After; 0 when absent. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export class Asker {
  private readonly address: CollectorAddress;
  private readonly http: HttpClient;
  private readonly legacy: InfluxDataReader | undefined;
  private readonly wallMs: () => number;

  /** `wallMs`: this host's clock, for collectors whose answers have no Date. */
  constructor(address: CollectorAddress, http: HttpClient, wallMs: () => number) {
    this.address = address;
    this.http = http;
    this.wallMs = wallMs;
    this.legacy =
      address.kind === 'llama' ? new InfluxDataReader(new URL(address.url).hostname, address.intervalMs) : undefined;
  }

  /** Reads the answer into the memory of `place`. Rejects with an error whose message is for the operator. */
  async ask({ after, limit, histograms }: Question, signal: AbortSignal, place: Place): Promise<Reply> {
    const path =
      this.legacy === undefined
        ? `/v1/results?after=${after}&limit=${limit}${histograms ? '&histograms=1' : ''}`
        : '/influxdata';
    const answer = await this.get(path, signal, { memoryFor: place.memoryFor });
    const nowMs = clockOf(answer);
    const { content } = answer;
    const page =
      this.legacy === undefined
        ? readResults(content, after, place)
        : this.legacy.read(content.toString(), after, nowMs ?? this.wallMs());
    return { page, nowMs: page.nowMs ?? nowMs, bytes: content.length };
  }

  /** The answer to a GET of a path of the collector's API. Rejects with an error whose message is for the operator. */
  async get(path: string, signal: AbortSignal, reading?: Reading): Promise<HttpAnswer> {
    const headers = await bearerHeaders(this.address.tokenFile);
    const answer = await this.http.get(new URL(this.address.url + path), headers, signal, reading);
    if (answer.status !== 200) throw this.refused(answer);
    return answer;
  }

  private refused({ status, headers, content }: HttpAnswer): RefusedError {
    const seconds = Number(headers['retry-after'] ?? 0);
    return new RefusedError(
      `found the HTTP status ${status}${codeOf(content)}, expected 200${this.remedy(status, headers.location)}`,
      Number.isFinite(seconds) ? Math.max(0, seconds * MS_PER_S) : 0,
    );
  }

  private remedy(status: number, location: string | undefined): string {
    if (status >= 300 && status < 400) return `; it is a redirect to ${location ?? 'nowhere'}: write the final URL`;
    if (status === 401 || status === 403)
      return this.address.tokenFile === null
        ? '; set tokenFile to a file with its token for reading'
        : `; the token in ${this.address.tokenFile} is not valid there`;
    if (status === 404)
      return this.address.kind === 'llama'
        ? "; Dropbox's LLAMA in Go has /influxdata: is it one?"
        : "; llama collector has /v1/results: for Dropbox's LLAMA write kind: llama";
    return '';
  }
}

/** The stable code of a problem document. */
function codeOf(content: Buffer): string {
  const code = /"code":"(LLAMA_[A-Z_]{1,40})"/.exec(content.toString('utf8', 0, 10_000))?.[1];
  return code === undefined ? '' : ` (${code})`;
}

/** The Date of an answer is cut off to the second: half a second is its mean error. */
function clockOf({ headers }: HttpAnswer): number | undefined {
  const ms = headers.date === undefined ? Number.NaN : Date.parse(headers.date);
  return Number.isNaN(ms) ? undefined : ms + MS_PER_S / 2;
}
