/**
 * Real databases for tests: InfluxDB 1 and VictoriaMetrics of Debian's packages, on the loopback of this host or of a namespace, with their
 * files in a temporary directory.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, type Spawner } from './process.js';

const START_MS = 20_000;

/** Where a server runs, and how it is asked there. */
export interface Place {
  readonly spawn: Spawner;
  request(
    method: string,
    url: string,
    body?: undefined,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: string }>;
}

const HERE: Place = {
  spawn,
  async request(method, url, _body, headers = {}) {
    const response = await fetch(url, { method, headers });
    return { status: response.status, body: await response.text() };
  },
};

export class DatabaseServer {
  readonly port: number;
  readonly dir: string;
  private readonly command: string;
  private readonly args: readonly string[];
  private readonly env: Readonly<Record<string, string>>;
  private readonly ready: string;
  private readonly where: Place;
  private running: Running | undefined;

  constructor(
    at: { port: number; dir: string },
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    /** Path that answers 2xx once the server is there. */
    ready: string,
    where: Place = HERE,
  ) {
    this.port = at.port;
    this.dir = at.dir;
    this.command = command;
    this.args = args;
    this.env = env;
    this.ready = ready;
    this.where = where;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process, again after `stop` or `kill`, on the same port and files. Resolves when it answers. */
  async start(): Promise<void> {
    const running = new Running(
      this.where.spawn(this.command, this.args, {
        env: { ...process.env, ...this.env },
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
    this.running = running;
    await running.until(
      `${this.command} answers`,
      async () => {
        const { status } = await this.request('GET', this.ready);
        return status >= 200 && status <= 299;
      },
      START_MS,
    );
  }

  /** Whatever the status. */
  request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly body: string }> {
    return this.where.request(method, `${this.url}${path}`, undefined, headers);
  }

  /** Ends the process; its files stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.running?.stop(signal, START_MS);
    this.running = undefined;
  }

  /** SIGSTOP: it takes connections and never answers. `SIGCONT` ends that. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.running?.kill(signal);
  }

  /** Ends the process and removes its files. */
  async remove(): Promise<void> {
    this.running?.kill('SIGCONT');
    await this.stop('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** InfluxDB 1. `env` sets options, `INFLUXDB_HTTP_AUTH_ENABLED: 'true'` for one. */
export async function startInfluxd(env: Readonly<Record<string, string>> = {}, where?: Place): Promise<DatabaseServer> {
  const at = await place('influxd');
  const server = new DatabaseServer(
    at,
    'influxd',
    [],
    {
      HOME: at.dir,
      INFLUXDB_DATA_DIR: join(at.dir, 'data'),
      INFLUXDB_META_DIR: join(at.dir, 'meta'),
      INFLUXDB_DATA_WAL_DIR: join(at.dir, 'wal'),
      INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${at.port}`,
      INFLUXDB_BIND_ADDRESS: '127.0.0.1:0',
      INFLUXDB_REPORTING_DISABLED: 'true',
      INFLUXDB_MONITOR_STORE_ENABLED: 'false',
      ...env,
    },
    '/ping',
    where,
  );
  await server.start();
  return server;
}

/** VictoriaMetrics; it shows what was written after about a second, at once with `GET /internal/force_flush`. */
export async function startVictoriaMetrics(args: readonly string[] = [], where?: Place): Promise<DatabaseServer> {
  const at = await place('victoria-metrics');
  const server = new DatabaseServer(
    at,
    'victoria-metrics',
    [
      '-storageDataPath',
      join(at.dir, 'data'),
      '-httpListenAddr',
      `127.0.0.1:${at.port}`,
      '-retentionPeriod',
      '100y',
      ...args,
    ],
    {},
    '/health',
    where,
  );
  await server.start();
  return server;
}

export interface Series {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | null)[])[];
}

/** Runs InfluxQL, and gives the series of its first statement; times in epoch ms. */
export async function influxQuery(
  server: DatabaseServer,
  query: string,
  options: { db?: string; user?: string; password?: string } = {},
): Promise<readonly Series[]> {
  const { db, user, password } = options;
  const parameters = new URLSearchParams({ q: query, epoch: 'ms', ...(db === undefined ? {} : { db }) });
  const headers: Record<string, string> =
    user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
  const { body } = await server.request('POST', `/query?${parameters}`, headers);
  const answer = JSON.parse(body) as { error?: string; results?: { error?: string; series?: Series[] }[] };
  const error = answer.error ?? answer.results?.[0]?.error;
  if (error !== undefined) throw new Error(`${query}: ${error}`);
  return answer.results?.[0]?.series ?? [];
}

export interface Exported {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  readonly timestamps: readonly number[];
}

/** All samples of the series that `match` selects, such as `{__name__=~"raw_stats_.*"}`. */
export async function victoriaExport(server: DatabaseServer, match: string): Promise<readonly Exported[]> {
  await server.request('GET', '/internal/force_flush');
  const { status, body } = await server.request('GET', `/api/v1/export?${new URLSearchParams({ 'match[]': match })}`);
  if (status !== 200) throw new Error(`${match}: ${status} ${body}`);
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Exported);
}

async function place(name: string): Promise<{ port: number; dir: string }> {
  return { port: await freePort(), dir: await mkdtemp(join(tmpdir(), `llama-${name}-`)) };
}

/** These servers do not tell which port they got when they are asked for any. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
