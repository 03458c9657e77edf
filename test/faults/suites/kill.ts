/**
 * `kill -9` at random instants while many clients create, change and delete groups, and while the collector starts:
 * after each restart exactly the acknowledged changes are there. A request that got no answer may or may not have
 * happened.
 */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { KEPT_PLACE } from '../../../src/collector/state/keptPlace.js';
import { KEPT_RESULTS } from '../../../src/collector/state/keptResults.js';
import { seededRandom } from '../../support/harness/random.js';
import { waitFor } from '../../support/harness/wait.js';
import { type Command, endCommands, llama } from '../../support/processes/command.js';

const CLIENTS = 20;
/** Each client has names of its own, so that it knows what must be there whatever the others do. */
const NAMES_A_CLIENT = 3;
const FILE_GROUPS = 4;

/** Tag of a group's only target, which says which change made it; null: there is no such group. */
type Content = string | null;

/** Of the program on an idle machine; a kill during the start falls into this. */
const START_MS = 600;

export interface KillOptions {
  /** How many requests get an answer in all. */
  readonly requests: number;
  /** Kills in the middle of requests; there is one more at the end, when nothing is under way. */
  readonly kills: number;
  /** Kills before the collector has told that it measures. */
  readonly startKills: number;
  readonly seed: number;
}

export function killSuite({ requests, kills, startKills, seed }: KillOptions): void {
  const times = `${kills + 1} times, ${startKills} times while it starts`;
  describe(`${requests} live changes by ${CLIENTS} clients, and kill -9 ${times} (seed ${seed})`, function () {
    this.timeout(60_000 + requests * 200);
    let folder: string;
    let state: string;
    let file: string;
    let collector: Command;
    let api: string;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'llama-kill-'));
      file = join(folder, 'c.yaml');
      state = join(folder, 'state');
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
    const spawn = (): Command => llama(['collector', '--config', file, '--state-dir', state]);
    async function start(): Promise<void> {
      collector = spawn();
      ({ api } = (await collector.logged('measuring')) as { api: string });
    }
    async function startAndKill(afterMs: number): Promise<void> {
      const starting = spawn();
      await delay(afterMs);
      starting.signal('SIGKILL');
      await starting.exit();
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
      let changes = 0;
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
        if (status < 300) {
          changes += 1;
          may.set(name, new Set([wanted]));
        } else {
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
            expect(group, name).to.deep.include({ ...spec(found), targets: [{ ...group.targets[0] }] });
          }
          expect([...contents], `after a restart ${name} holds ${found}`).to.include(found);
          may.set(name, new Set([found]));
        }
        expect([...there].filter((name) => !may.has(name))).to.deep.equal([]);
        const files = readdirSync(state).filter(
          (one) => one !== 'lock' && one !== KEPT_RESULTS && one !== KEPT_PLACE && !one.endsWith('.group.json'),
        );
        expect(files, 'what an interrupted change left is cleared away, and nothing is damaged').to.deep.equal([]);
      }

      const answersAtKill = Array.from({ length: kills }, () => 1 + random.below(requests - 1)).sort((a, b) => a - b);
      const killedAtStart = new Set<number>();
      while (killedAtStart.size < startKills) killedAtStart.add(random.below(kills + 1));
      for (const [index, until] of [...answersAtKill, requests].entries()) {
        await start();
        await compare();
        const last = until === requests;
        let alive = true;
        const clients = Array.from({ length: CLIENTS }, async (_, client) => {
          while (alive && !(last && answered >= until)) if (!(await request(client))) return;
        });
        await waitFor(`${until} answers`, () => answered >= until, 60_000, 1);
        // In the middle of requests, but for the last time.
        if (last) await Promise.all(clients);
        else await delay(random.below(8));
        collector.signal('SIGKILL');
        await collector.exit();
        alive = false;
        await Promise.all(clients);
        if (killedAtStart.has(index)) await startAndKill(random.below(START_MS));
      }
      await start();
      await compare();
      console.log(`        ${answered} answered, ${changes} of them changes, ${unanswered} requests without an answer`);
      expect(answered).to.be.at.least(requests);
      expect(changes).to.be.greaterThan(requests / 4);
      expect(unanswered).to.be.greaterThan(0);
      expect(collector.log().filter(({ msg }) => String(msg).startsWith('a damaged'))).to.deep.equal([]);
    });
  });
}
