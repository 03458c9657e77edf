/**
 * The commands of the documents, as they stand in the pages: `llama` and `curl` against a collector and a scraper on
 * their usual ports, in a namespace without any route. So no probe leaves it.
 */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { codeBlocks, page } from '../support/harness/documents.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { CLI, Running } from '../support/processes/process.js';
import { Namespaces } from './namespaces.js';

/** In the order in which a reader would meet them: what one changes the next may read. */
const PAGES = [
  'README.md',
  'docs/tutorial/two-hosts.md',
  'docs/guide/live-groups.md',
  'docs/guide/reading-results.md',
  'docs/guide/source-ports.md',
  'docs/guide/scraper.md',
  'docs/tutorial/scraper-and-influxdb.md',
];
const COLLECTOR = 'http://127.0.0.1:5000';
const SCRAPER = 'http://127.0.0.1:5050';
const WAIT_MS = 20_000;
/** A stream without an end is read for this long. */
const STREAM_S = 4;
const CURL_TIMED_OUT = 28;

/**
 * Commands that talk to the two services, each in one line. InfluxDB is not there, and live pictures end with their
 * terminal only.
 */
function commandsOf(path: string): string[] {
  return codeBlocks(page(path), 'sh')
    .flatMap((block) => block.replaceAll(/ *\\\n */g, ' ').split('\n'))
    .filter((line) => /^curl |^llama top |^llama top$|^llama check llama\.yaml/.test(line.trim()))
    .filter((line) => !line.includes(':8086') && !/\/\/(?!127\.0\.0\.1)/.test(line));
}

describe('commands of the documents', function () {
  this.timeout(90_000);
  const namespaces = new Namespaces();
  const folder = mkdtempSync(join(tmpdir(), 'llama-commands-'));
  const running: Running[] = [];

  function start(name: string, config: string, command: string): void {
    writeFileSync(join(folder, name), config);
    const env = { ...process.env, LLAMA_COLLECTOR_INTERVAL: '1s' };
    const args = [CLI, command, '--config', join(folder, name)];
    running.push(new Running(namespaces.spawn('host', process.execPath, args, { env })));
  }

  /** Rejects when the command fails, also by the status of an HTTP answer. */
  function bash(line: string): Promise<string> {
    const endless = line.includes('/v1/stream') && !line.includes('limit=');
    const script = `cd ${folder}; PATH=${folder}:$PATH; set -o pipefail
      curl() { command curl --fail-with-body ${endless ? `--max-time ${STREAM_S}` : ''} "$@"; }
      ${line.trim()}${endless ? ` || [ $? = ${CURL_TIMED_OUT} ]` : ''}`;
    return namespaces.exec('host', 'bash', ['-c', script]);
  }

  before(async function () {
    needs(this, 'root', 'ip', 'curl');
    await namespaces.add(['host']);
    await namespaces.exec('host', 'ip', ['link', 'set', 'lo', 'up']);
    writeFileSync(join(folder, 'llama'), `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`);
    chmodSync(join(folder, 'llama'), 0o755);
    const [config] = codeBlocks(page('README.md'), 'yaml');
    start('llama.yaml', config, 'collector');
    const writers = `[{ kind: file, dir: ${join(folder, 'points')} }]`;
    start('scraper.yaml', `collectors: ["${COLLECTOR}"]\nwriters: ${writers}\n`, 'scraper');
    for (const url of [COLLECTOR, SCRAPER])
      await waitFor(`${url} is ready`, async () => (await bash(`curl -s ${url}/readyz`)) !== '', WAIT_MS, 200);
  });

  after(async () => {
    await Promise.all(running.map((one) => one.stop()));
    await namespaces.destroy();
    rmSync(folder, { recursive: true });
  });

  for (const path of PAGES)
    it(`succeed in ${path}`, async () => {
      const commands = commandsOf(path);
      expect(commands).not.to.have.length(0);
      for (const command of commands) {
        const out = await bash(command);
        if (!command.includes('-X DELETE')) expect(out, command).not.to.equal('');
      }
    });
});
