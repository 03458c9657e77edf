/** The news of `GET /v1/stream`: that an interval is finished. Ends when the connection does, or when nothing came for so long that it must have. */

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { systemNames } from '../../net/names.js';
import { schemeAdvice } from '../../net/schemeAdvice.js';
import type { ServiceClient } from './client.js';

/** The service sends a comment after 15 s of silence: this is two of them missed. */
const SILENCE_MS = 40_000;
const CONNECT_MS = 5_000;
const STREAM = 'v1/stream';
/** No target has it, so the events come without results, which are fetched in other ways. */
const NO_TARGET = '0.0.0.0';
const BODY_MOST = 10_000;

export interface News {
  /** The stream is open: what is finished from now on will be told. */
  readonly opened: () => void;
  /** An interval is finished, or several. */
  readonly finished: () => void;
}

/**
 * Follows the stream until it ends, which is always an error: it resolves never, and rejects with a reason for people.
 * Nothing is called after `signal`.
 */
export function follow(client: ServiceClient, news: News, signal: AbortSignal): Promise<never> {
  const url = client.address(STREAM, { target: NO_TARGET });
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((_, reject) => {
    const headers = { ...client.headers, accept: 'text/event-stream' };
    const request = send(url, { headers, agent: false, signal, lookup: systemNames.lookup });
    const silence = setTimeout(() => request.destroy(new Error('it takes no connections')), CONNECT_MS);
    const fail = (error: Error): void => {
      clearTimeout(silence);
      request.destroy();
      reject(error);
    };
    request.once('error', (cause) => fail(new Error(schemeAdvice(url.protocol, cause) ?? cause.message, { cause })));
    request.once('response', (response) => {
      if (response.statusCode !== 200) {
        refusal(response).then((body) => fail(client.refused(STREAM, response.statusCode ?? 0, body)), fail);
        return;
      }
      const heard = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => fail(new Error(`silent for ${SILENCE_MS / 1_000} s`)), SILENCE_MS);
      };
      clearTimeout(silence);
      let timer = setTimeout(() => {}, 0);
      heard();
      const events = new EventNames();
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        heard();
        if (!signal.aborted && events.take(text)) news.finished();
      });
      response.once('error', fail);
      response.once('close', () => {
        clearTimeout(timer);
        fail(new Error('the connection was closed'));
      });
      news.opened();
    });
    request.end();
  });
}

async function refusal(response: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk;
    if (body.length > BODY_MOST) break;
  }
  return body;
}

/** Of the format only as much as tells that an event "interval" or "gap" ended; the data are skipped, not kept. */
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
