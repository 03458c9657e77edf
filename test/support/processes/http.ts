/**
 * HTTP to a server on this host, or inside a namespace of the lab.
 *
 * A process can't fetch from a namespace that it is not in. So one small process per namespace stays there and fetches what it is told on its
 * stdin; that costs a millisecond a request, and not the 100 ms of a process each.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../harness/wait.js';
import { Running, type Spawner } from './process.js';

const AGENT = fileURLToPath(new URL('./fetch.js', import.meta.url));

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A line to the agent, and a line back. */
export type AgentRequest = HttpRequest & { readonly id: number };
export type AgentResponse = { readonly id: number } & (HttpResponse | { readonly error: string });

interface Pending {
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: Error) => void;
}

export class HttpClient {
  private readonly agent: Running;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;

  /** `at` says from where to fetch; the default is this host. */
  constructor(at: Spawner = spawn) {
    this.agent = new Running(at(process.execPath, [AGENT], { stdio: ['pipe', 'pipe', 'pipe'] }));
    if (this.agent.child.stdout === null) throw new Error('the agent has no stdout');
    createInterface(this.agent.child.stdout).on('line', (line) => this.settle(JSON.parse(line) as AgentResponse));
    // Writing to an agent that has ended is told by `exited`, for each request that waits.
    this.agent.child.stdin?.on('error', () => {});
    this.agent.exited.then(
      () => this.rejectAll(),
      () => this.rejectAll(),
    );
  }

  request(
    method: string,
    url: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> {
    const id = ++this.lastId;
    const request: AgentRequest = {
      id,
      method,
      url,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    };
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.agent.child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Rejects unless the answer is a 2xx. `T` is what the contract says the body is; it is not checked here. */
  async json<T>(method: string, url: string, body?: unknown): Promise<T> {
    const response = await this.request(method, url, body);
    if (response.status < 200 || response.status > 299)
      throw new Error(`${method} ${url}: status ${response.status}: ${response.body}`);
    return (response.body === '' ? undefined : JSON.parse(response.body)) as T;
  }

  async waitForHttp(url: string, timeoutMs: number): Promise<void> {
    const ok = async (): Promise<boolean> => (await this.request('GET', url)).status === 200;
    await waitFor(`${url} answers 200`, ok, timeoutMs);
  }

  async close(): Promise<void> {
    this.agent.child.stdin?.end();
    await this.agent.stop();
  }

  private settle(response: AgentResponse): void {
    const pending = this.pending.get(response.id);
    this.pending.delete(response.id);
    if ('error' in response) pending?.reject(new Error(response.error));
    else pending?.resolve(response);
  }

  private rejectAll(): void {
    for (const { reject } of this.pending.values())
      reject(new Error(`the fetching process ended: ${this.agent.stderr}`));
    this.pending.clear();
  }
}

/** A TCP port of the loopback address that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
