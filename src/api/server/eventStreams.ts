/**
 * The readers of event streams: a limited number, known while they are there, so that the end of the server is the end
 * of their streams.
 */

import type { FastifyInstance, FastifyReply } from 'fastify';
import { atMost } from '../../base/atMost.js';
import { LlamaError } from '../../base/errors.js';
import { EVENT_STREAM_HEADERS, EVENT_STREAM_TYPE, EventStream, type EventStreamOptions } from './eventStream.js';

/** A rejected reader may be admitted soon: streams end at every reconnect. */
const RETRY_AFTER_S = 10;
/** Time for readers to take the last data when the server closes; part of the 2 s that closing may take. */
const END_MS = 100;

export class EventStreams {
  private readonly readers = new Set<EventStream>();
  private readonly most: number;
  private readonly option: string;
  private readonly settings: EventStreamOptions;
  private closing = false;
  /** Readers that were turned away since the start. */
  refused = 0;
  /** Number of gaps reported to readers. */
  gaps = 0;

  /** At most `most` at a time; `option` is the name of that limit in error messages. They end when `app` closes. */
  constructor(app: FastifyInstance, most: number, option: string, settings: EventStreamOptions = {}) {
    this.most = most;
    this.option = option;
    this.settings = settings;
    app.addHook('preClose', () => this.end());
  }

  /** How many there are. */
  get open(): number {
    return this.readers.size;
  }

  /** Begins to answer with a new stream: send its body. @throws LlamaError `LLAMA_STREAMS_FULL`, with Retry-After. */
  begin(reply: FastifyReply): EventStream {
    if (this.readers.size >= this.most || this.closing) {
      this.refused += 1;
      reply.header('retry-after', RETRY_AFTER_S);
      throw new LlamaError(
        'LLAMA_STREAMS_FULL',
        `found ${this.readers.size} streams open, expected fewer than ${this.most} (${this.option}); wait as long as the header Retry-After says, or ask for /v1/results from time to time`,
      );
    }
    const stream = new EventStream(this.settings);
    this.readers.add(stream);
    void stream.closed.then(() => this.readers.delete(stream));
    reply.type(EVENT_STREAM_TYPE).headers(EVENT_STREAM_HEADERS);
    return stream;
  }

  private async end(): Promise<void> {
    this.closing = true;
    const ended = Array.from(this.readers, (stream) => {
      stream.end();
      return stream.closed;
    });
    await atMost(Promise.all(ended), END_MS);
  }
}
