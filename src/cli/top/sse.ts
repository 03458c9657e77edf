/**
 * The events of `GET /v1/stream`: an interval is finished. Ends with the connection, or after a silence that only a
 * dead connection explains.
 */

import type { ServiceClient } from './client.js';

/** The service sends a comment after 15 s of silence: this is two of them missed. */
const SILENCE_MS = 40_000;
const STREAM = 'v1/stream';
/** No target has it, so the events come without results, which are fetched in other ways. */
const NO_TARGET = '0.0.0.0';

interface News {
  /** The stream is open: intervals that finish from now on will be reported. */
  readonly opened: () => void;
  /** An interval is finished, or several. */
  readonly finished: () => void;
}

/**
 * Follows the stream until it ends, which is always an error: it never resolves, and rejects with a reason for people.
 * No call-back comes after `signal`.
 */
export async function follow(client: ServiceClient, news: News, signal: AbortSignal): Promise<never> {
  const response = await client.open(STREAM, { target: NO_TARGET }, 'text/event-stream', signal);
  signal.throwIfAborted();
  return new Promise((_, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(silence);
      response.destroy();
      reject(error);
    };
    const silence = setTimeout(() => fail(new Error(`silent for ${SILENCE_MS / 1_000} s`)), SILENCE_MS);
    const events = new EventNames();
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      silence.refresh();
      if (!signal.aborted && events.take(text)) news.finished();
    });
    response.once('error', fail);
    response.once('close', () => fail(new Error('the connection was closed')));
    news.opened();
  });
}

/**
 * Parses only as much of the format as shows the end of an event "interval" or "gap"; the data are skipped, not kept.
 */
class EventNames {
  private line = '';
  private named = false;

  /** Whether one ended in this piece. */
  take(text: string): boolean {
    let ended = false;
    for (const [i, part] of text.split('\n').entries()) {
      if (i > 0) {
        if (this.line === '') {
          ended ||= this.named;
          this.named = false;
        } else if (this.line === 'event: interval' || this.line === 'event: gap') this.named = true;
        this.line = '';
      }
      // A line is only ever compared with short ones.
      if (this.line.length < 100) this.line += part.slice(0, 100);
    }
    return ended;
  }
}
