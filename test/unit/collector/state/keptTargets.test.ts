/**
 * The last good targets of sources in the state directory: when they are written, what comes back, and what a bad disk
 * or file does.
 */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Collector } from '../../../../src/collector/collector.js';
import { AGAIN_MS, AGE_MS, KeptTargets, RETRY_MS, SETTLE_MS } from '../../../../src/collector/state/keptTargets.js';
import {
  readKeptTargets,
  sourceIdentity,
  writeKeptTargets,
} from '../../../../src/collector/state/keptTargetsFormat.js';
import { StateDirectory } from '../../../../src/collector/state/state.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { parseGroup } from '../../../../src/config/group/group.js';
import type { TargetSource } from '../../../../src/config/types.js';
import type { Entry } from '../../../../src/targets/source.js';
import { FakeTiming } from '../../../support/fakes/timing.js';
import { needs } from '../../../support/harness/needs.js';
import { seededRandom } from '../../../support/harness/random.js';
import { waitFor } from '../../../support/harness/wait.js';

const FROM: TargetSource = { kind: 'file', path: '/targets', refreshMs: 30_000, allowEmpty: false };
const now = async (): Promise<void> => undefined;
const entry = (address: string, more: Partial<Entry> = {}): Entry => ({
  address,
  family: address.includes(':') ? 6 : 4,
  port: null,
  tags: {},
  ...more,
});
const ENTRIES = [
  entry('10.0.0.1'),
  entry('10.0.0.2', { port: 8200, tags: { rack: 'ü\n1' } }),
  entry('2001:db8::1', { tags: { rack: 'r2' } }),
];

describe('the text of kept targets', () => {
  const given = { name: 'mesh', source: sourceIdentity(FROM), updatedAtMs: 1_700_000_000_000, entries: ENTRIES };

  it('has these bytes', async () => {
    const { text } = await writeKeptTargets({ ...given, entries: [ENTRIES[0]] }, now);
    expect(text).to.match(/^\{"format":"llama-targets","version":1,"sha256":"[0-9a-f]{64}","entry":/);
    expect(JSON.parse(text).entry).to.deep.equal({
      name: 'mesh',
      source: '["file","/targets"]',
      updatedAtMs: 1_700_000_000_000,
      targets: [{ address: '10.0.0.1' }],
    });
  });

  it('reads back unchanged, for any number of targets, and yields in between', async () => {
    const many = Array.from({ length: 1_001 }, (_, i) => entry(`10.1.${i >> 8}.${i & 255}`));
    for (const entries of [[], ENTRIES, many]) {
      let pauses = 0;
      const pause = async (): Promise<void> => void pauses++;
      const { text } = await writeKeptTargets({ ...given, entries }, pause);
      expect(await readKeptTargets(text, pause)).to.deep.equal({ ...given, entries });
      expect(pauses).to.equal(entries === many ? 8 : 0);
    }
  });

  it('has a digest that changes with the targets and with the source, and not with the time', async () => {
    const digest = async (more: object): Promise<string> => (await writeKeptTargets({ ...given, ...more }, now)).digest;
    expect(await digest({ updatedAtMs: 5 })).to.equal(await digest({}));
    expect(await digest({ entries: ENTRIES.slice(1) })).not.to.equal(await digest({}));
    expect(await digest({ source: 'x' })).not.to.equal(await digest({}));
  });

  it('is of the same source when only the times of asking change', () => {
    expect(sourceIdentity({ ...FROM, refreshMs: 1_000, allowEmpty: true })).to.equal(sourceIdentity(FROM));
    expect(sourceIdentity({ ...FROM, path: '/other' })).not.to.equal(sourceIdentity(FROM));
    const dns: TargetSource = { kind: 'dns', name: 'a.example', type: 'A', refreshMs: null, allowEmpty: false };
    expect(sourceIdentity({ ...dns, type: 'SRV' })).not.to.equal(sourceIdentity(dns));
  });

  it('is found damaged whatever single character is changed or cut, and never throws', async () => {
    const random = seededRandom(11);
    const { text } = await writeKeptTargets(given, now);
    for (let i = 0; i < 3000; i++) {
      const at = random.below(text.length);
      const other = String.fromCharCode(32 + random.below(95));
      const spoiled = i % 2 === 0 ? text.slice(0, at) : `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      if (spoiled !== text) expect(await readKeptTargets(spoiled, now), spoiled).to.have.property('damage');
    }
  });
});

describe('targets of sources in the state directory', () => {
  let folder: string;
  let dir: string;
  let logged: Record<string, unknown>[];
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-kept-'));
    dir = join(folder, 'state');
    logged = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (name = 'mesh'): string => join(dir, `${name}.targets.json`);

  describe('when they are written', () => {
    let directory: StateDirectory;
    let timing: FakeTiming;
    let kept: KeptTargets;

    beforeEach(async () => {
      directory = await StateDirectory.open(dir, logger);
      timing = new FakeTiming();
      kept = new KeptTargets({ directory, logger, timing });
    });
    afterEach(async () => {
      await kept.close();
      await directory.close();
    });
    const written = (): string | undefined => (existsSync(file()) ? readFileSync(file(), 'utf8') : undefined);
    /** Runs what is due next, and waits until the file is another one. */
    async function nextWriting(): Promise<void> {
      const before = written();
      await timing.next();
      await kept.settled();
      expect(written()).not.to.equal(before);
    }

    it('is a moment after a change, once for several, and not again within a while', async () => {
      kept.keep('mesh', FROM, ENTRIES.slice(0, 1));
      kept.keep('mesh', FROM, ENTRIES);
      expect(timing.waitMs).to.equal(SETTLE_MS);
      await nextWriting();
      expect(await kept.load('mesh', FROM)).to.deep.include({ entries: ENTRIES });
      expect(statSync(file()).mode & 0o777).to.equal(0o600);
      kept.keep('mesh', FROM, ENTRIES.slice(1));
      expect(timing.waitMs).to.equal(AGAIN_MS);
      await nextWriting();
      expect(await kept.load('mesh', FROM)).to.deep.include({ entries: ENTRIES.slice(1) });
      expect(readdirSync(dir).sort()).to.deep.equal(['lock', 'mesh.targets.json']);
    });

    it('is not for an answer that says the same, but for its age now and then', async () => {
      kept.keep('mesh', FROM, ENTRIES);
      await nextWriting();
      const { ino } = statSync(file());
      timing.now += 60_000;
      kept.keep('mesh', FROM, ENTRIES);
      expect(timing.waitMs, 'the very same answer').to.equal(undefined);
      kept.keep('mesh', FROM, [...ENTRIES]);
      await timing.next();
      await kept.settled();
      expect(statSync(file()).ino, 'an answer with the same targets').to.equal(ino);
      timing.now += AGE_MS;
      const { now: updatedAtMs } = timing;
      kept.keep('mesh', FROM, ENTRIES);
      await nextWriting();
      expect(await kept.load('mesh', FROM)).to.deep.include({ updatedAtMs });
    });

    it('is tried again after a failure, which is counted, told once and shown until then', async () => {
      mkdirSync(`${file()}.new`);
      kept.keep('mesh', FROM, ENTRIES);
      for (let failures = 1; failures <= 2; failures++) {
        await timing.next();
        await kept.settled();
        expect(kept.status('mesh').failures).to.equal(failures);
        expect(kept.status('mesh').error).to.match(/EISDIR/);
        expect(timing.waitMs).to.equal(RETRY_MS);
      }
      expect(logged.filter(({ msg }) => /^targets cannot be kept/.test(String(msg)))).to.have.lengthOf(1);
      rmSync(`${file()}.new`, { recursive: true });
      await nextWriting();
      expect(kept.status('mesh')).to.deep.equal({ failures: 2, error: null });
    });

    it('is at the end at the latest, and not afterwards', async () => {
      kept.keep('mesh', FROM, ENTRIES);
      await kept.close();
      expect(written()).to.include('10.0.0.2');
      kept.keep('mesh', FROM, []);
      expect(timing.timers.size).to.equal(0);
    });

    it('is never for a group that was forgotten meanwhile, whose file goes', async () => {
      kept.keep('mesh', FROM, ENTRIES);
      await nextWriting();
      kept.keep('mesh', FROM, []);
      kept.forget('mesh');
      expect(timing.waitMs).to.equal(undefined);
      await waitFor('the file is gone', () => !existsSync(file()));
    });

    it('are quarantined when damaged, of another form or of another group; those of another source are removed', async () => {
      const { text } = await writeKeptTargets(
        { name: 'mesh', source: sourceIdentity(FROM), updatedAtMs: 1, entries: ENTRIES },
        now,
      );
      for (const [name, spoiled] of [
        ['mesh', text.slice(0, 200)],
        ['newer', text.replace('"version":1', '"version":2')],
        ['other', text],
      ] as const) {
        writeFileSync(file(name), spoiled);
        expect(await kept.load(name, FROM), name).to.equal(undefined);
        expect(readdirSync(dir).filter((one) => one.startsWith(`${name}.targets.json`))[0]).to.match(
          /\.damaged-\d{4}-/,
        );
      }
      expect(JSON.stringify(logged)).to.match(/end is missing.*newer version of LLAMA.*holds the targets of mesh/);
      writeFileSync(file(), text);
      await kept.names();
      expect(await kept.load('mesh', { ...FROM, path: '/other' })).to.equal(undefined);
      await waitFor('the file is gone', () => !existsSync(file()));
      expect(await kept.load('mesh', FROM)).to.equal(undefined);
    });
  });

  describe('with a collector', () => {
    const [A, B] = ['127.0.8.1', '127.0.8.2'];
    let source: string;
    let collector: Collector | undefined;

    beforeEach(() => {
      source = join(folder, 'hosts.json');
    });
    afterEach(() => end());

    async function end(): Promise<void> {
      await collector?.close(0);
      collector = undefined;
    }
    async function start(groups: object = { mesh: { fromFile: { path: source } } }, more: object = {}): Promise<void> {
      await end();
      const text = JSON.stringify({
        collector: { name: 'test', workers: 1, interval: '100ms', ...more },
        source: { ports: 1 },
        api: { listen: '127.0.0.1:0', allowedDirectories: [folder] },
        stateDir: dir,
        groups,
      });
      collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger });
      await collector.measure();
    }
    const write = (...targets: string[]): void =>
      writeFileSync(source, JSON.stringify([{ targets, labels: { rack: 'r1' } }]));
    const addresses = (name = 'mesh'): string[] | undefined =>
      collector?.group(name)?.targets.map(({ address }) => address);
    const status = () => collector?.discoveryStatus('mesh');
    const until = (...wanted: string[]) =>
      waitFor(`${wanted} in force`, () => JSON.stringify(addresses()) === JSON.stringify(wanted));
    /** A run with A and B in force, and an end; then the source is down. */
    async function earlierRun(groups?: object): Promise<void> {
      write(A, B);
      await start(groups);
      await until(A, B);
      await end();
      expect(existsSync(file())).to.equal(true);
      rmSync(source);
    }

    it('are probed after a restart while the source is down; their age and the error are shown', async () => {
      await earlierRun();
      const endedMs = Date.now();
      await start();
      expect(addresses()).to.deep.equal([A, B]);
      expect(collector?.group('mesh')?.targets[0].tags).to.deep.equal({ rack: 'r1' });
      await waitFor('the error', () => status()?.error?.includes('there is no such file'));
      expect(status()).to.deep.include({ targets: 2, restored: true, keepError: null });
      expect(Date.parse(status()?.updatedAt ?? '')).to.be.at.most(endedMs);
      expect(collector?.status().warnings.join()).to.match(/its targets are not up to date/);
      const before = status()?.ageMs ?? 0;
      await waitFor('it gets older', () => (status()?.ageMs ?? 0) > before);
      write(B);
      await until(B);
      await waitFor('the age of the new answer', () => status()?.restored === false);
      expect(status()?.error).to.equal(null);
    });

    it('neither delay nor replace the current answer of the source', async () => {
      await earlierRun();
      write(B);
      await start();
      await until(B);
      await waitFor('its age', () => status()?.restored === false);
    });

    it('are there again for a live group, and when only the time of asking has changed', async () => {
      await start({});
      const live = parseGroup({ fromFile: { path: source } }, 'mesh');
      write(A, B);
      await collector?.changeGroup('mesh', () => live);
      await until(A, B);
      await end();
      rmSync(source);
      await start({});
      expect(addresses()).to.deep.equal([A, B]);
      await collector?.changeGroup('mesh', () => undefined);
      await waitFor('the file is gone', () => !existsSync(file()));
      await earlierRun();
      await start({ mesh: { fromFile: { path: source, refresh: '5s' } } });
      expect(addresses()).to.deep.equal([A, B]);
    }).timeout(10_000);

    it('are gone with the group, with its source, and when the group is no more at the next start', async () => {
      await earlierRun();
      await start({ mesh: { fromFile: { path: join(folder, 'elsewhere') } } });
      expect(addresses()).to.deep.equal([]);
      await waitFor('the file is gone', () => !existsSync(file()));
      for (const groups of [{}, { mesh: { targets: [A] } }]) {
        await earlierRun();
        await start(groups);
        await waitFor('the file is gone', () => !existsSync(file()));
      }
      await earlierRun();
      await start();
      await collector?.changeGroup('mesh', () => undefined);
      await waitFor('the file is gone', () => !existsSync(file()));
    }).timeout(10_000);

    it('do not keep other groups from being measured when they no longer fit', async () => {
      await earlierRun();
      await start(
        { mesh: { fromFile: { path: source } }, west: { targets: ['127.0.0.1'] } },
        { maxProbesPerSecond: 2 },
      );
      expect([addresses(), addresses('west')]).to.deep.equal([[], ['127.0.0.1']]);
      expect(JSON.stringify(logged)).to.match(/found 2 targets, which can't be put in force/);
      expect(existsSync(file())).to.equal(true);
    });

    it('that are damaged are set aside, and the collector starts', async () => {
      await earlierRun();
      writeFileSync(file(), readFileSync(file(), 'utf8').replace(A, B));
      await start();
      expect(addresses()).to.deep.equal([]);
      expect(readdirSync(dir).join()).to.match(/mesh\.targets\.json\.damaged-/);
    });

    it('on a full disk cost a warning and a count, and the measurement goes on', async function () {
      needs(this, 'root');
      mkdirSync(dir);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'llama-test', dir], { encoding: 'utf8' });
      if (mounted.status !== 0) throw new Error(mounted.stderr);
      try {
        write(A);
        await start();
        await until(A);
        writeFileSync(join(dir, 'ballast'), Buffer.alloc(60_000));
        const many = Array.from({ length: 500 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
        write(...many);
        await waitFor('the failure', () => (status()?.keepFailures ?? 0) > 0, 15_000);
        expect(addresses()).to.have.lengthOf(500);
        expect(status()?.keepError).to.match(/ENOSPC/);
        expect(collector?.status().warnings.join()).to.match(/group mesh: its targets cannot be kept.*ENOSPC/);
        const sent = (): number => collector?.status().totals.sent ?? 0;
        const before = sent();
        await waitFor('every target is probed twice', () => sent() >= before + 1_000);
      } finally {
        await end();
        spawnSync('umount', [dir]);
      }
    }).timeout(25_000);
  });
});
