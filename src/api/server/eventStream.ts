/**
 * Server-sent events (the EventStream format of the HTML standard) to one reader, at the reader's pace. It knows
 * nothing of what is sent: the next event is fetched by the caller when there is room for it, so a reader that is slow
 * costs one event in memory and no queue.
 */

import { Readable } from 'node:stream';
import { Breather } from '../../base/yielding.js';

/** Content type of the format; it is UTF-8 always. */
export const EVENT_STREAM_TYPE = 'text/event-stream';

/**
 * What intermediaries must know: nothing is to be changed (compressed, say), and nothing held back until there is more
 * of it.
 */
export const EVENT_STREAM_HEADERS = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' } as const;

/** Proxies close a connection that says nothing for a minute, or half of one. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is gone; should it live, it comes back with its last id. */
const STALLED_MS = 60_000;
/** After how long a reader should come back when the stream ended. */
const RETRY_MS = 1_000;
/** Most bytes that are handed on at once: with TLS each takes memory again. */
const PIECE_BYTES = 64 * 1024;

const LF = 10;
const CR = 13;
const END_OF_EVENT = Buffer.from('\n\n');
const HEARTBEAT = Buffer.from(':\n\n');

export interface EventStreamOptions {
  /** How long nothing may be sent before a comment is. */
  readonly heartbeatMs?: number;
  /** How long a reader may take nothing before the connection is closed. */
  readonly stalledMs?: number;
}

export interface ServerEvent {
  readonly event: string;
  /** What the reader says in `Last-Event-ID` when it comes back; without one the id of the event before holds on. */
  readonly id?: string | number;
  /**
   * Text may have several lines. Bytes come as they are made and may not have line ends: JSON without indentation has
   * none.
   */
  readonly data: string | AsyncIterable<Buffer>;
}

export class EventStream {
  /** The body of the answer. Whoever sends it destroys it when the reader leaves. */
  readonly body: Readable;
  /** Resolves when the stream is over, whoever ended it; everything that was sent has then been taken or is lost. */
  readonly closed: Promise<void>;
  private readonly stalledMs: number;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly breather = new Breather();
  private ended = false;
  private sending = false;
  /** Lets a `write` that waits for the reader go on. */
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
    // It is known through `closed`; nobody else listens for it when the reader left before the answer began.
    this.body.on('error', () => {});
    // Besides what it says, this sends the headers: a reader must know that it is connected before there is an event.
    this.body.push(`retry: ${RETRY_MS}\n\n`);
  }

  get open(): boolean {
    return !this.ended;
  }

  /**
   * Sends one event. Resolves when there is room for the next: true, or false when the stream is over, and then the
   * event may have been cut off, which a reader has to ignore. One at a time.
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
      // What is out already can't be taken back: the reader ignores an event without an end.
      this.body.destroy();
      throw error;
    } finally {
      this.sending = false;
      this.heartbeat.refresh();
    }
  }

  /** Ends the stream after what was sent; an event that is being sent is cut off. The reader may come back for more. */
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

  /** Waits for the reader to take what it was given, or for the end. */
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

  /** A reader that has not taken what there is needs no sign of life as well. */
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
