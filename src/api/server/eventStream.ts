/**
 * Server-sent events (the EventStream format of the HTML standard) to one reader, at the reader's pace. Independent of
 * the content: the caller fetches the next event when there is capacity for it, so a slow reader costs one event in
 * memory and no queue.
 */

import { Readable } from 'node:stream';
import { Breather } from '../../base/yielding.js';

/** Content type of the format; it is UTF-8 always. */
export const EVENT_STREAM_TYPE = 'text/event-stream';

/** For intermediaries: do not change the stream (compress it, for instance), and do not buffer it. */
export const EVENT_STREAM_HEADERS = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' } as const;

/** Proxies close an idle connection after a minute, or half of one. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes no data for this time is disconnected; a live one reconnects with its last id. */
const STALLED_MS = 60_000;
/** After how long a reader should come back when the stream ended. */
const RETRY_MS = 1_000;
/** Most bytes that are passed on at once: with TLS each takes memory again. */
const PIECE_BYTES = 64 * 1024;

const LF = 10;
const CR = 13;
const END_OF_EVENT = Buffer.from('\n\n');
const HEARTBEAT = Buffer.from(':\n\n');

export interface EventStreamOptions {
  /** Idle time after which a comment is sent. */
  readonly heartbeatMs?: number;
  /** How long a reader may take no data before the connection is closed. */
  readonly stalledMs?: number;
}

export interface ServerEvent {
  readonly event: string;
  /**
   * The reader sends it as `Last-Event-ID` when it reconnects; without one the id of the event before stays in effect.
   */
  readonly id?: string | number;
  /**
   * Text may have several lines. Bytes come as they are made and may not have line ends: JSON without indentation has
   * none.
   */
  readonly data: string | AsyncIterable<Buffer>;
}

export class EventStream {
  /** The body of the answer. The sender destroys it when the reader leaves. */
  readonly body: Readable;
  /** Resolves when the stream is over, whichever side ended it; everything sent has then been taken or is lost. */
  readonly closed: Promise<void>;
  private readonly stalledMs: number;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly breather = new Breather();
  private ended = false;
  private sending = false;
  /** Resumes a `write` that waits for the reader. */
  private goOn: (() => void) | undefined;

  constructor({ heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS }: EventStreamOptions = {}) {
    this.stalledMs = stalledMs;
    this.body = new Readable({ highWaterMark: PIECE_BYTES, read: () => this.goOn?.() });
    this.heartbeat = setInterval(() => this.beat(), heartbeatMs);
    this.closed = new Promise((resolve) => {
      this.body.once('close', () => {
        this.ended = true;
        clearInterval(this.heartbeat);
        this.goOn?.();
        resolve();
      });
    });
    // The error is reported through `closed`; when the reader left before the answer began, there is no other listener.
    this.body.on('error', () => {});
    // This also sends the headers: a reader must know that it is connected before the first event.
    this.body.push(`retry: ${RETRY_MS}\n\n`);
  }

  get open(): boolean {
    return !this.ended;
  }

  /**
   * Sends one event. Resolves when there is capacity for the next: true, or false when the stream is over. The event
   * may then have been cut off, and a reader ignores it. One call at a time.
   */
  async send({ event, id, data }: ServerEvent): Promise<boolean> {
    if (this.sending) throw new Error('an event is being sent already: wait for it');
    this.sending = true;
    try {
      const head = `event: ${oneLine(event)}\n${id === undefined ? '' : `id: ${oneLine(String(id))}\n`}data: `;
      if (typeof data === 'string') {
        await this.write(Buffer.from(head + data.replaceAll(/\r\n|\r|\n/g, '\ndata: ')));
      } else {
        await this.write(Buffer.from(head));
        for await (const bytes of data) {
          if (bytes.includes(LF) || bytes.includes(CR)) throw new Error('found a line end in the data of an event');
          if (!(await this.write(bytes))) break;
        }
      }
      return await this.write(END_OF_EVENT);
    } catch (error) {
      // Sent bytes can't be taken back: the reader ignores an event without an end.
      this.body.destroy();
      throw error;
    } finally {
      this.sending = false;
      this.heartbeat.refresh();
    }
  }

  /** Ends the stream after the sent data; an event in progress is cut off. The reader may reconnect. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.heartbeat);
    this.body.push(null);
    this.goOn?.();
    const stalled = setTimeout(() => this.body.destroy(), this.stalledMs);
    void this.closed.then(() => clearTimeout(stalled));
  }

  private async write(bytes: Buffer): Promise<boolean> {
    for (let from = 0; from < bytes.length && !this.ended; from += PIECE_BYTES) {
      if (!this.body.push(bytes.subarray(from, from + PIECE_BYTES))) await this.room();
      if (this.breather.dueNow) await this.breather.breathe();
    }
    return !this.ended;
  }

  /** Waits until the reader has taken its data, or for the end. */
  private room(): Promise<void> {
    return new Promise((resolve) => {
      const stalled = setTimeout(() => this.body.destroy(), this.stalledMs);
      this.goOn = () => {
        clearTimeout(stalled);
        this.goOn = undefined;
        resolve();
      };
    });
  }

  /** A reader that still has unread data needs no heartbeat. */
  private beat(): void {
    if (!this.sending && !this.ended && this.body.readableLength === 0) this.body.push(HEARTBEAT);
  }
}

/** A field of its own line. */
function oneLine(text: string): string {
  if (/[\r\n\0]/.test(text))
    throw new Error(`found a line end in ${JSON.stringify(text)}, which is a name or id of an event`);
  return text;
}
