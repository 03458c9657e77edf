/** The process behind `HttpClient`: reads requests from stdin, fetches, writes answers to stdout; a line of JSON each. Ends with its stdin. */

import { createInterface } from 'node:readline';
import type { AgentRequest, AgentResponse } from './http.js';

/** Longer than anything that a test may wait for, a collector that is stopped for some seconds included. */
const TIMEOUT_MS = 15_000;

async function answer({ id, method, url, headers, body }: AgentRequest): Promise<AgentResponse> {
  try {
    const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { id, status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { id, error: `${method} ${url}: ${error instanceof Error ? error.message : error}${cause}` };
  }
}

createInterface(process.stdin).on('line', (line) => {
  void answer(JSON.parse(line) as AgentRequest).then((response) => console.log(JSON.stringify(response)));
});
