/** A reader of server-sent events over real HTTP, after the parsing rules of the HTML standard; it can stop reading for a while. */

import { once } from 'node:events';
import { get as getHttp, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getHttps, type RequestOptions as TlsRequestOptions } from 'node:https';
import { StringDecoder } from 'node:string_decoder';

export interface SentEvent {
  readonly event: string;
  /** The last id that there was, as it stands for a reconnect. */
  readonly id: string;
  readonly data: string;
}

export class SseClient {
  readonly events: SentEvent[] = [];
  comments = 0;
  retryMs: number | undefined;
  lastEventId = '';
  /** The answer is over; `cutOff` when the connection broke in the middle of it. */
  ended = false;
  cutOff = false;
  readonly response: IncomingMessage;
  private readonly decoder = new StringDecoder('utf8');
  /** What came of a line that is not over yet: a line may be some megabytes, in hundreds of pieces. */
  private rest: string[] = [];
  private event = '';
  private id = '';
  private data: string[] = [];

  private constructor(response: IncomingMessage) {
    this.response = response;
    this.response.on('data', (bytes: Buffer) => this.take(this.decoder.write(bytes)));
    this.response.on('end', () => {
      this.ended = true;
    });
    this.response.on('error', () => {
      this.cutOff = true;
      this.ended = true;
    });
  }

  /** Resolves when the headers are there. With `paused` it reads no more than these for now. */
  static async open(url: string, options: TlsRequestOptions & { readonly paused?: boolean } = {}): Promise<SseClient> {
    const { paused = false, ...more } = options;
    const settings: RequestOptions = { agent: false, ...more };
    const request = url.startsWith('https') ? getHttps(url, settings) : getHttp(url, settings);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const client = new SseClient(response);
    if (paused) response.pause();
    return client;
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  /** Ids of the intervals so far. */
  get ids(): number[] {
    return this.events.filter(({ event }) => event === 'interval').map(({ id }) => Number(id));
  }

  close(): void {
    this.response.destroy();
  }

  private take(text: string): void {
    const [first, ...lines] = text.split('\n');
    this.rest.push(first);
    for (const line of lines) {
      this.line(this.rest.join(''));
      this.rest = [line];
    }
  }

  private line(line: string): void {
    if (line === '') {
      this.lastEventId = this.id;
      if (this.data.length > 0) this.events.push({ event: this.event, id: this.id, data: this.data.join('\n') });
      this.event = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === '') this.comments += 1;
    else if (field === 'event') this.event = value;
    else if (field === 'id') this.id = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'retry') this.retryMs = Number(value);
    else throw new Error(`not a field of an event: ${JSON.stringify(line)}`);
  }
}
