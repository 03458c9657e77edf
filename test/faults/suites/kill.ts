/**
 * `kill -9` at random instants while many clients create, change and delete groups: after each restart exactly the acknowledged changes are
 * there. A request that got no answer may or may not have happened.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Command, endCommands, llama } from '../../support/command.js';
import { seededRandom } from '../../support/random.js';
import { waitFor } from '../../support/wait.js';

const CLIENTS = 20;
/** Each client has names of its own, so that it knows what must be there whatever the others do. */
const NAMES_A_CLIENT = 3;
const FILE_GROUPS = 4;

/** Tag of a group's only target, which says which change made it; null: there is no such group. */
type Content = string | null;

export interface KillOptions {
  readonly requests: number;
  readonly kills: number;
  readonly seed: number;
}

export function killSuite({ requests, kills, seed }: KillOptions): void {
  describe(`${requests} live changes by ${CLIENTS} clients, and kill -9 ${kills} times (seed ${seed})`, function () {
    this.timeout(60_000 + requests * 200);
    let folder: string;
    let file: string;
    let collector: Command;
    let api: string;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'llama-kill-'));
      file = join(folder, 'c.yaml');
    });
    after(async () => {
      await endCommands();
      rmSync(folder, { recursive: true });
    });

    const spec = (content: string) => ({
      period: '10s',
      timeout: '100ms',
      port: 9,
      targets: [{ address: '127.0.0.1', tags: { content } }],
    });
    async function start(): Promise<void> {
      collector = llama(['collector', '--config', file, '--state-dir', join(folder, 'state')]);
      ({ api } = (await collector.logged('measuring')) as { api: string });
    }

    it('loses no acknowledged change and shows none that was refused', async () => {
      const random = seededRandom(seed);
      const names = Array.from({ length: CLIENTS * NAMES_A_CLIENT }, (_, i) =>
        i < FILE_GROUPS ? `file${i}` : `g${i}`,
      );
      const groups = Object.fromEntries(names.slice(0, FILE_GROUPS).map((name) => [name, spec('file')]));
      writeFileSync(
        file,
        JSON.stringify({
          collector: { name: 'kill', workers: 1 },
          source: { ports: 1 },
          api: { listen: '127.0.0.1:0' },
          groups,
        }),
      );
      /** What a name may hold: one content, or several while a request has no answer. */
      const may = new Map<string, Set<Content>>(
        names.map((name) => [name, new Set<Content>([name in groups ? 'file' : null])]),
      );
      let sent = 0;
      let answered = 0;
      let unanswered = 0;

      /** One request; false when the collector died meanwhile. */
      async function request(client: number): Promise<boolean> {
        const name = names[client + CLIENTS * random.below(NAMES_A_CLIENT)];
        const content = `c${++sent}`;
        const known = may.get(name) ?? new Set<Content>();
        const kind = random.below(4);
        const [method, url, body, wanted] = (
          [
            ['POST', '/v1/groups', { name, ...spec(content) }, content],
            ['PUT', `/v1/groups/${name}`, spec(content), content],
            ['DELETE', `/v1/groups/${name}`, undefined, null],
            ['PATCH', `/v1/groups/${name}/targets`, { add: spec(content).targets }, content],
          ] as const
        )[kind];
        const exists = !known.has(null);
        const sure = known.size === 1 || !known.has(null);
        // Before the request: from now on either may be found.
        const before = new Set(known);
        const possible =
          method === 'POST' ? known.has(null) : method === 'PUT' || [...known].some((one) => one !== null);
        if (possible) known.add(wanted);
        let status: number;
        try {
          const response = await fetch(api + url, {
            method,
            ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
          });
          status = response.status;
          await response.arrayBuffer();
        } catch {
          unanswered += 1;
          return false;
        }
        answered += 1;
        if (status < 300) may.set(name, new Set([wanted]));
        else {
          const expected = method === 'POST' ? 409 : 404;
          expect(status, `${method} ${name}`).to.equal(expected);
          // A refusal tells what is there: something for a POST, nothing for the others.
          may.set(name, new Set([...before].filter((one) => (one === null) === (method !== 'POST'))));
        }
        if (sure)
          expect(status < 300, `${method} ${name} ${exists}`).to.equal(
            method === 'PUT' || exists === (method !== 'POST'),
          );
        return true;
      }

      async function compare(): Promise<void> {
        const list = (await (await fetch(`${api}/v1/groups`)).json()) as { groups: { name: string }[] };
        const there = new Set(list.groups.map(({ name }) => name));
        for (const [name, contents] of may) {
          let found: Content = null;
          if (there.has(name)) {
            const group = (await (await fetch(`${api}/v1/groups/${name}`)).json()) as ReturnType<typeof spec>;
            found = group.targets[0].tags.content;
          }
          expect([...contents], `after a restart ${name} holds ${found}`).to.include(found);
          may.set(name, new Set([found]));
        }
        expect([...there].filter((name) => !may.has(name))).to.deep.equal([]);
      }

      const round = Math.ceil(requests / (kills + 1));
      for (let kill = 0; kill <= kills; kill++) {
        await start();
        await compare();
        const until = Math.min(requests, (kill + 1) * round);
        let alive = true;
        const clients = Array.from({ length: CLIENTS }, async (_, client) => {
          while (alive && sent < until) if (!(await request(client))) return;
        });
        // At a random instant of the round, in the middle of requests.
        const killAt = until - round + 1 + random.below(round - 1);
        await waitFor('the instant of the kill', () => sent >= killAt, 60_000, 1);
        await delay(random.below(8));
        collector.signal('SIGKILL');
        await collector.exit();
        alive = false;
        await Promise.all(clients);
      }
      await start();
      await compare();
      console.log(`        ${answered} answered, ${unanswered} without an answer, ${kills + 1} times killed`);
      expect(unanswered).to.be.greaterThan(0);
      expect(collector.log().filter(({ msg }) => String(msg).startsWith('a damaged'))).to.deep.equal([]);
    });
  });
}
