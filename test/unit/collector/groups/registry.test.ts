import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { type DefinedGroup, defineGroup, suspendGroup } from '../../../../src/collector/groups/groupRecord.js';
import {
  type FileGroup,
  type FileTransition,
  GroupRegistry,
  type Transition,
} from '../../../../src/collector/groups/registry.js';
import type { StateEntry } from '../../../../src/collector/state/stateFormat.js';
import { parseGroup } from '../../../../src/config/group/group.js';
import { type Random, seededRandom } from '../../../support/harness/random.js';

const NAMES = ['a', 'b', 'c', 'd'];
const VERSIONS = [1, 2, 3];
const REFUSED = 'no privilege';

const groupOf = (name: string, version: number) => parseGroup({ targets: [`10.0.0.${version}`] }, name);
const versionOf = (text: string): number => Number(/10\.0\.0\.(\d)/.exec(text)?.[1]);

/** All definitions that the tests use. */
const definitions = new Map<string, DefinedGroup>();
const defined = (origin: 'file' | 'api', name: string, version: number): DefinedGroup => {
  const group = definitions.get(`${origin} ${name} ${version}`);
  if (group === undefined) throw new Error(`no definition of ${name}`);
  return group;
};
const inFile = (name: string, version: number, refused = false): FileGroup => ({
  ...defined('file', name, version),
  refused: refused ? REFUSED : undefined,
});

/** The model of a name, as simple as possible. */
interface Meaning {
  file: { readonly version: number; readonly refused: boolean } | undefined;
  /** Version of the file's group that REST removed. */
  removed: number | undefined;
  live: { readonly version: number; readonly suspended: boolean } | undefined;
}

const usable = ({ file }: Meaning): number | undefined => (file?.refused === false ? file.version : undefined);

/** The group in force: its origin and version. */
function inForce(meaning: Meaning): string | undefined {
  const { live, removed } = meaning;
  if (live !== undefined) return live.suspended ? undefined : `api ${live.version}`;
  const version = usable(meaning);
  return version === undefined || version === removed ? undefined : `file ${version}`;
}

/**
 * A registry, a deployment and a state directory that carry transitions out at once, and the model that they have to
 * agree with.
 */
class Machine {
  readonly model = new Map<string, Meaning>(
    NAMES.map((name) => [name, { file: undefined, removed: undefined, live: undefined }]),
  );
  registry = new GroupRegistry();
  /** Of the deployment: origin and version. */
  private deployed = new Map<string, string>();
  private readonly state = new Map<string, StateEntry>();
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  meaning(name: string): Meaning {
    const meaning = this.model.get(name);
    if (meaning === undefined) throw new Error(`no name ${name}`);
    return meaning;
  }

  /** True when it was carried out; one time in four the deployment refuses it. */
  carryOut(transition: Transition, mayFail = true): boolean {
    for (const { name, before } of transition.steps)
      expect(before && `${before.origin} ${versionOf(before.text)}`, `before of ${name}`).to.equal(
        this.deployed.get(name),
      );
    if (mayFail && this.random.below(4) === 0) {
      this.registry.inForce([]);
      return false;
    }
    for (const { name, after } of transition.steps) {
      if (after === undefined) this.deployed.delete(name);
      else this.deployed.set(name, `${after.origin} ${versionOf(after.text)}`);
    }
    for (const [name, entry] of transition.entries) {
      if (entry === undefined) this.state.delete(name);
      else this.state.set(name, entry);
    }
    this.registry.inForce(transition.steps);
    this.registry.commit(transition);
    return true;
  }

  put(name: string, version: number): void {
    if (!this.carryOut(this.registry.put(defined('api', name, version)))) return;
    Object.assign(this.meaning(name), { live: { version, suspended: false }, removed: undefined });
  }

  remove(name: string): void {
    const meaning = this.meaning(name);
    if (inForce(meaning) === undefined && meaning.live === undefined) {
      expectFailure('LLAMA_GROUP_UNKNOWN', () => this.registry.remove(name));
      return;
    }
    if (!this.carryOut(this.registry.remove(name))) return;
    Object.assign(meaning, { live: undefined, removed: usable(meaning) });
  }

  revert(name: string): void {
    const meaning = this.meaning(name);
    const known = inForce(meaning) !== undefined || meaning.live !== undefined;
    if (usable(meaning) === undefined || inForce(meaning)?.startsWith('file')) {
      expectFailure(known ? 'LLAMA_GROUP_CONFLICT' : 'LLAMA_GROUP_UNKNOWN', () => this.registry.revert(name));
      return;
    }
    if (!this.carryOut(this.registry.revert(name))) return;
    Object.assign(meaning, { live: undefined, removed: undefined });
  }

  applyFile(file: ReadonlyMap<string, NonNullable<Meaning['file']>>, isStart = false): void {
    const groups = [...file].map(([name, { version, refused }]) => inFile(name, version, refused));
    const transition = this.registry.applyFile(groups);
    const before = new Map([...this.model].map(([name, meaning]) => [name, { ...meaning }]));
    if (!this.carryOut(transition, !isStart)) return;
    for (const [name, meaning] of this.model) {
      meaning.file = file.get(name);
      if (meaning.removed !== usable(meaning)) meaning.removed = undefined;
    }
    if (!isStart) this.checkReport(before, transition);
  }

  /**
   * A new process finds what the state directory keeps, and the same file. One live group in three does not fit for
   * now.
   */
  restart(): void {
    this.registry = new GroupRegistry();
    this.deployed = new Map();
    for (const [name, entry] of this.state) {
      if (entry.kind === 'removed') this.registry.restoreRemoval(name, entry.digest);
      else this.registry.suspend(suspendGroup(name, groupOf(name, versionOf(entry.text)), entry.text, 'not yet'));
    }
    const file = [...this.model].flatMap(([name, { file: one }]) => (one === undefined ? [] : [[name, one] as const]));
    this.applyFile(new Map(file), true);
    for (const meaning of this.model.values())
      if (meaning.live !== undefined) meaning.live = { ...meaning.live, suspended: true };
    for (const name of NAMES) if (this.random.below(3) > 0) this.resume(name);
  }

  resume(name: string): void {
    const { live } = this.meaning(name);
    if (live?.suspended !== true) return;
    if (this.carryOut(this.registry.resume(defined('api', name, live.version))))
      this.meaning(name).live = { ...live, suspended: false };
  }

  check(): void {
    const { registry } = this;
    const wanted = new Map(NAMES.map((name) => [name, inForce(this.meaning(name))]));
    const active = new Map(
      registry.active().map(({ group, origin, text }) => [group.name, `${origin} ${versionOf(text)}`]),
    );
    for (const [name, meaning] of this.model) {
      const { live, removed, file } = meaning;
      expect(active.get(name), `${name} in force`).to.equal(wanted.get(name));
      expect(this.deployed.get(name), `${name} deployed`).to.equal(wanted.get(name));
      const shown = registry.suspendedOf(name);
      const refused = live === undefined && file?.refused === true;
      expect(shown?.origin, `${name} suspended`).to.equal(
        live?.suspended === true ? 'api' : refused ? 'file' : undefined,
      );
      if (refused) expect(shown?.reason).to.equal(REFUSED);
      const { text, digest } = registry.fileGroup(name) ?? {};
      expect(text && versionOf(text), `${name} in the file`).to.equal(usable(meaning));
      expect(registry.removed().includes(name), `${name} removed`).to.equal(removed !== undefined);
      const entry = this.state.get(name);
      expect(entry?.kind, `${name} kept`).to.equal(
        live !== undefined ? 'group' : removed !== undefined ? 'removed' : undefined,
      );
      if (entry?.kind === 'group') expect(versionOf(entry.text)).to.equal(live?.version);
      if (entry?.kind === 'removed') expect(entry.digest).to.equal(digest);
      const empty = [live, removed, file].every((one) => one === undefined);
      expect(registry.get(name) === undefined, `${name} has no record`).to.equal(empty);
    }
    expect(registry.suspended().map(({ name }) => name)).to.have.members(
      NAMES.filter((name) => registry.suspendedOf(name) !== undefined),
    );
  }

  private checkReport(before: ReadonlyMap<string, Meaning>, { report, hidden }: FileTransition): void {
    const expected = { added: [], changed: [], removed: [], kept: [] } as Record<keyof typeof report, string[]>;
    const unseen: string[] = [];
    for (const [name, now] of this.model) {
      const old = before.get(name) ?? now;
      const [was, is] = [inForce(old), inForce(now)];
      const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
      if (was !== is) expected[change].push(name);
      else if (!was?.startsWith('file') && (usable(old) ?? usable(now)) !== undefined) expected.kept.push(name);
      if (expected.kept.includes(name) && usable(now) !== undefined && usable(now) !== usable(old)) unseen.push(name);
    }
    for (const key of Object.keys(expected) as (keyof typeof report)[])
      expect(report[key], key).to.have.members(expected[key]);
    expect([...hidden.keys()]).to.have.members(unseen);
  }
}

function expectFailure(code: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).to.be.instanceOf(LlamaError);
    expect((error as LlamaError).code).to.equal(code);
    return;
  }
  throw new Error(`found no failure, expected ${code}`);
}

describe('GroupRegistry', () => {
  before(async () => {
    for (const origin of ['file', 'api'] as const)
      for (const name of NAMES)
        for (const version of VERSIONS)
          definitions.set(`${origin} ${name} ${version}`, await defineGroup(groupOf(name, version), origin));
  });

  it('agrees with a simple model after any sequence of changes, failures and restarts', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed);
      const one = <T>(list: readonly T[]): T => list[random.below(list.length)];
      const machine = new Machine(random);
      const log: string[] = [];
      try {
        for (let step = 0; step < 50; step++) {
          const name = one(NAMES);
          const act = one(['put', 'put', 'remove', 'remove', 'revert', 'file', 'file', 'resume', 'restart'] as const);
          log.push(`${act} ${name}`);
          if (act === 'put') machine.put(name, one(VERSIONS));
          else if (act === 'remove') machine.remove(name);
          else if (act === 'revert') machine.revert(name);
          else if (act === 'resume') machine.resume(name);
          else if (act === 'restart') machine.restart();
          else {
            const file = NAMES.filter(() => random.below(4) > 0);
            machine.applyFile(
              new Map(file.map((each) => [each, { version: one(VERSIONS), refused: random.below(6) === 0 }])),
            );
          }
          machine.check();
        }
      } catch (error) {
        throw new Error(`seed ${seed}: ${log.join(', ')}`, { cause: error });
      }
    }
  });

  it('changes nothing before it hears of the outcome', () => {
    const registry = new GroupRegistry();
    registry.put(defined('api', 'a', 1));
    registry.applyFile([inFile('b', 1)]);
    expect([registry.active(), registry.file(), registry.get('a')]).to.deep.equal([[], [], undefined]);
  });

  it('notes the steps that a failed change could not take back', () => {
    const registry = new GroupRegistry();
    const { steps } = registry.applyFile([inFile('a', 1), inFile('b', 1)]);
    registry.inForce(steps.slice(0, 1));
    expect(registry.active().map(({ group }) => group.name)).to.deep.equal(['a']);
    expect(registry.applyFile([inFile('a', 1), inFile('b', 1)]).report).to.deep.include({ added: ['b'], changed: [] });
  });

  it('lists groups in the order in which they came into force', () => {
    const registry = new GroupRegistry();
    const run = (transition: Transition): void => {
      registry.inForce(transition.steps);
      registry.commit(transition);
    };
    run(registry.applyFile([inFile('a', 1), inFile('b', 1)]));
    run(registry.put(defined('api', 'c', 1)));
    run(registry.put(defined('api', 'a', 2)));
    expect(registry.active().map(({ group }) => group.name)).to.deep.equal(['a', 'b', 'c']);
    run(registry.remove('a'));
    run(registry.revert('a'));
    expect(registry.active().map(({ group }) => group.name)).to.deep.equal(['b', 'c', 'a']);
  });

  it('keeps the definition and the tag of a group whose source gives other targets', () => {
    const registry = new GroupRegistry();
    const put = registry.put(defined('api', 'a', 1));
    registry.inForce(put.steps);
    const active = registry.get('a')?.active;
    if (active === undefined) throw new Error('a is not in force');
    const retarget = registry.retarget(active, groupOf('a', 2));
    registry.inForce(retarget.steps);
    const { group, defined: definition, etag } = registry.get('a')?.active ?? {};
    expect(group?.targets[0]?.address).to.equal('10.0.0.2');
    expect([definition, etag]).to.deep.equal([active.defined, active.etag]);
    expect(retarget.entries.size + retarget.changes.size).to.equal(0);
  });

  it('shows a refused group of the config file again when the live group that hid it is removed', () => {
    const registry = new GroupRegistry();
    const run = (transition: Transition): void => {
      registry.inForce(transition.steps);
      registry.commit(transition);
    };
    run(registry.applyFile([inFile('a', 1, true)]));
    run(registry.put(defined('api', 'a', 2)));
    expect(registry.suspended()).to.deep.equal([]);
    run(registry.remove('a'));
    expect(registry.suspended().map(({ name, origin, reason }) => [name, origin, reason])).to.deep.equal([
      ['a', 'file', REFUSED],
    ]);
  });
});
