/**
 * The HTTP interfaces against their own documents, by Schemathesis: cases that it makes up from `/openapi.json`, right
 * ones and wrong ones. It makes groups, and those send packets and open URLs: everything runs in a namespace that has
 * loopback only and no route, which is checked first.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { needs, schemathesis } from '../../support/harness/needs.js';
import { CLI, Running } from '../../support/processes/process.js';
import { Namespaces } from '../namespaces.js';

const START_MS = 60_000;
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];
/** An answer without an end; what it sends is held against its schema elsewhere. */
const ENDLESS = '/v1/stream';

export interface OpenApiSize {
  /** Cases of each kind for each operation. */
  readonly examples: number;
  /** Of each service. */
  readonly seconds: number;
  readonly seed: number;
}

export function openApiSuite({ examples, seconds, seed }: OpenApiSize): void {
  describe('the services hold to their documents', function () {
    this.timeout(2 * (seconds * 4 + 120) * 1_000);
    const namespaces = new Namespaces();
    let folder: string;

    before(async function () {
      needs(this, 'root', 'ip', 'schemathesis');
      folder = mkdtempSync(join(tmpdir(), 'llama-openapi-'));
      mkdirSync(join(folder, 'lists'));
      await namespaces.add(['alone']);
      await namespaces.exec('alone', 'ip', ['link', 'set', 'lo', 'up']);
      await mustBeAlone();
      const collector = {
        collector: { name: 'a', interval: '1s', workers: 1, maxProbesPerSecond: 500, probeMemory: '8MiB' },
        source: { ports: 2 },
        // Schemathesis asks more often than any client.
        api: { rateLimit: 0, allowedDirectories: [join(folder, 'lists')], allowedUrls: ['http://127.0.0.1:9/'] },
        stateDir: join(folder, 'collector'),
        groups: { west: { period: '1s', timeout: '100ms', targets: ['127.0.0.1'] } },
      };
      const scraper = {
        scraper: { rateLimit: 0 },
        stateDir: join(folder, 'scraper'),
        collectors: ['http://127.0.0.1:5000'],
        writers: [{ kind: 'file', dir: join(folder, 'points') }],
      };
      await start('collector', collector, '"measuring"');
      await start('scraper', scraper, '"scraping"');
    });
    after(async () => {
      await namespaces.destroy();
      if (folder !== undefined) rmSync(folder, { recursive: true });
    });

    /** Nothing that a made-up group does may leave this host. */
    async function mustBeAlone(): Promise<void> {
      const links = (await namespaces.exec('alone', 'ip', ['-o', 'link', 'show', 'up'])).trim().split('\n');
      expect(links, 'interfaces').to.have.length(1);
      expect(links[0]).to.match(/^1: lo:/);
      for (const family of ['-4', '-6']) {
        const routes = (await namespaces.exec('alone', 'ip', [family, 'route', 'show', 'table', 'all'])).trim();
        for (const route of routes === '' ? [] : routes.split('\n')) expect(route, 'a route').to.match(/ dev lo /);
      }
    }

    async function start(command: string, config: object, says: string): Promise<void> {
      const file = join(folder, `${command}.yaml`);
      writeFileSync(file, JSON.stringify(config));
      const child = namespaces.spawn('alone', process.execPath, [CLI, command, '--config', file], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const running = new Running(child);
      await running.until(`the ${command} runs`, () => running.stderr.includes(says), START_MS);
    }

    for (const [service, port] of [
      ['collector', 5000],
      ['scraper', 5050],
    ] as const)
      it(`the ${service} fails in none of the cases, and answers each as documented`, async () => {
        const args = [
          ...['run', `http://127.0.0.1:${port}/openapi.json`, '--checks', CHECKS.join(), '--exclude-path', ENDLESS],
          ...['--phases', 'examples,coverage,fuzzing', '--max-examples', String(examples), '--seed', String(seed)],
          ...[
            '--max-time',
            String(seconds),
            '--request-timeout',
            '20',
            '--generation-database',
            'none',
            '--warnings',
            'off',
          ],
          ...['--workers', '1', '--no-color', '--no-shrink'],
        ];
        const running = new Running(
          namespaces.spawn('alone', schemathesis(), args, {
            cwd: folder,
            stdio: ['ignore', 'pipe', 'pipe'],
          }),
        );
        const { code } = await running.exited;
        expect(code, `${running.stdout}\n${running.stderr}`.slice(-8_000)).to.equal(0);
        expect(running.stdout).to.match(/passed/);
      });
  });
}
