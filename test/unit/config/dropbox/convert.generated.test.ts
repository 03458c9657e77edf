/**
 * Generated configurations of LLAMA's full form: each probe that LLAMA would send is sent, and whatever is not carried
 * over is named.
 */

import { expect } from 'chai';
import { NS_PER_MS } from '../../../../src/base/units.js';
import { type LoadedConfig, printConfig, readConfig } from '../../../../src/config/collector/config.js';
import { groupFigures } from '../../../../src/config/group/limits.js';
import { seededRandom } from '../../../support/harness/random.js';

type Random = ReturnType<typeof seededRandom>;
type Entry<Value> = readonly [name: string, value: Value];

interface Port {
  readonly ip?: string;
  readonly port?: number;
  readonly tos?: number;
  readonly timeout?: number;
}
interface Use {
  readonly port: string;
  readonly count: number;
}
interface Target {
  readonly ip: string;
  readonly port: number;
}
interface Test {
  readonly targets: string;
  readonly port_group: string;
  readonly rate_limit: string;
}

/** A configuration, in the shape of the file. Names are unique in their section. */
interface Legacy {
  readonly ports: readonly Entry<Port>[];
  readonly portGroups: readonly Entry<readonly Use[]>[];
  readonly rateLimits: readonly Entry<{ readonly cps: number }>[];
  readonly targets: readonly Entry<readonly Target[]>[];
  readonly tests: readonly Test[];
  /** A key that LLAMA does not know, in each section. */
  readonly junk: string;
}

const NAMES = ['default', '__proto__', 'constructor', 'west coast', 'a.b', 'Übersee', '-', '1', 'x'.repeat(70)];
const CPS = [0.5, 1, 3, 4, 7.3, 250];
const BUDGET = { LLAMA_COLLECTOR_MAX_PROBES_PER_SECOND: '10000000', LLAMA_COLLECTOR_PROBE_MEMORY: '4GiB' };
const DEFAULT_TIMEOUT_MS = 1000;

const one = <Value>(random: Random, values: readonly Value[]): Value => values[random.below(values.length)];

function named<Value>(random: Random, most: number, make: (index: number) => Value): Entry<Value>[] {
  const first = random.below(NAMES.length);
  return Array.from({ length: 1 + random.below(most) }, (_, i) => [NAMES[(first + i) % NAMES.length], make(i)]);
}

function generate(random: Random): Legacy {
  const maybe = <Value>(value: Value): Value | undefined => (random.below(3) === 0 ? undefined : value);
  const ports = named(random, 4, (i): Port => {
    const ip = maybe(one(random, ['0.0.0.0', '10.0.0.9', '[::]', 'localhost']));
    const port = random.below(3) === 0 ? 4000 + i : maybe(0);
    const tos = maybe(one(random, [0, 184, 185, 32, 255]));
    const timeout = maybe(one(random, [200, DEFAULT_TIMEOUT_MS]));
    return {
      ...(ip === undefined ? {} : { ip }),
      ...(port === undefined ? {} : { port }),
      ...(tos === undefined ? {} : { tos }),
      ...(timeout === undefined ? {} : { timeout }),
    };
  });
  const fixed = new Set(ports.filter(([, { port = 0 }]) => port !== 0).map(([name]) => name));
  const portGroups = named(random, 3, () => {
    const uses: Use[] = [];
    while (uses.every(({ count }) => count === 0)) {
      for (let n = 1 + random.below(4); n > 0; n--) {
        const [port] = one(random, ports);
        // One that has a number of its own can be opened once.
        if (!fixed.has(port)) uses.push({ port, count: random.below(6) });
        else if (!uses.some((use) => use.port === port)) uses.push({ port, count: 1 });
      }
    }
    return uses;
  });
  const rateLimits = named(random, 3, () => ({ cps: one(random, CPS) }));
  const targets = named(random, 3, () =>
    Array.from({ length: 1 + random.below(3) }, (_, i) => ({ ip: `10.1.${random.below(2)}.${i + 1}`, port: 8100 })),
  );
  const tests = Array.from({ length: 1 + random.below(4) }, () => ({
    targets: one(random, targets)[0],
    port_group: one(random, portGroups)[0],
    rate_limit: one(random, rateLimits)[0],
  }));
  return { ports, portGroups, rateLimits, targets, tests, junk: `junk${random.below(1000)}` };
}

/** JSON is YAML. */
function textOf({ ports, portGroups, rateLimits, targets, tests, junk }: Legacy): string {
  const extra = { [junk]: 1 };
  const inEach = (entries: readonly Entry<object>[]) =>
    Object.fromEntries(entries.map(([name, value]) => [name, { ...value, ...extra }]));
  const lists = (entries: readonly Entry<readonly object[]>[]) =>
    Object.fromEntries(entries.map(([name, list]) => [name, list.map((value) => ({ ...value, ...extra }))]));
  return JSON.stringify({
    summarization: { interval: 30, handlers: 2, ...extra },
    api: { bind: '127.0.0.1:5000', ...extra },
    ports: inEach(ports),
    port_groups: lists(portGroups),
    rate_limits: inEach(rateLimits),
    targets: lists(targets),
    tests: tests.map((test) => ({ ...test, ...extra })),
    ...extra,
  });
}

const entryOf = <Value>(entries: readonly Entry<Value>[], name: string): Value => {
  const entry = entries.find(([known]) => known === name);
  if (entry === undefined) throw new Error(`no ${name}`);
  return entry[1];
};

/** What LLAMA sends: probes a second by target, DSCP and timeout. */
function wantedRates(legacy: Legacy): Map<string, number> {
  const rates = new Map<string, number>();
  for (const test of legacy.tests) {
    const { cps } = entryOf(legacy.rateLimits, test.rate_limit);
    for (const { ip, port } of entryOf(legacy.targets, test.targets))
      for (const use of entryOf(legacy.portGroups, test.port_group)) {
        const { tos = 0, timeout = DEFAULT_TIMEOUT_MS } = entryOf(legacy.ports, use.port);
        const key = `${ip} ${port} ${tos >> 2} ${timeout}`;
        if (use.count > 0) rates.set(key, (rates.get(key) ?? 0) + use.count * cps);
      }
  }
  return rates;
}

function plannedRates({ config }: LoadedConfig): Map<string, number> {
  const rates = new Map<string, number>();
  for (const group of config.groups) {
    const { probesPerSecond, streams } = groupFigures(group, config.source.ports);
    for (const { address, port } of group.targets)
      for (const { dscp } of group.classes) {
        const key = `${address} ${port} ${dscp} ${group.timeoutNs / NS_PER_MS}`;
        rates.set(key, (rates.get(key) ?? 0) + probesPerSecond / streams);
      }
  }
  return rates;
}

/** The ports that tests open, and of each test and class their numbers. */
function opened(legacy: Legacy): { readonly ports: readonly Port[]; readonly numbers: readonly number[][] } {
  const ports = new Set<Port>();
  const numbers = new Map<string, number[]>();
  for (const [i, test] of legacy.tests.entries())
    for (const { port: name, count } of entryOf(legacy.portGroups, test.port_group)) {
      if (count === 0) continue;
      const port = entryOf(legacy.ports, name);
      ports.add(port);
      const key = `${i} ${(port.tos ?? 0) >> 2} ${port.timeout ?? DEFAULT_TIMEOUT_MS}`;
      numbers.set(key, [...(numbers.get(key) ?? []), ...Array<number>(count).fill(port.port ?? 0)]);
    }
  return { ports: [...ports], numbers: [...numbers.values()] };
}

describe("generated configurations of LLAMA's full form", () => {
  const ROUNDS = 200;

  function each(check: (legacy: Legacy, loaded: LoadedConfig) => void): void {
    const random = seededRandom(36);
    for (let round = 0; round < ROUNDS; round++) {
      const legacy = generate(random);
      const text = textOf(legacy);
      try {
        check(legacy, readConfig(text, 'l.yaml', BUDGET));
      } catch (error) {
        if (error instanceof Error) error.message += `\nround ${round}: ${text}`;
        throw error;
      }
    }
  }

  it('are probed at the rate of LLAMA, to each target, in each class, with each timeout', () => {
    each((legacy, loaded) => {
      const wanted = wantedRates(legacy);
      const planned = plannedRates(loaded);
      expect([...planned.keys()].sort()).to.deep.equal([...wanted.keys()].sort());
      for (const [key, rate] of wanted) expect(planned.get(key), key).to.be.closeTo(rate, rate * 0.0005);
    });
  });

  it('are the same when they were printed in our own form and read again', () => {
    each((_, loaded) => {
      const again = readConfig(printConfig(loaded, 'heading'), 'printed.yaml', {});
      expect(again.form).to.equal('own');
      expect(again.config).to.deep.equal(loaded.config);
    });
  });

  it('keep the local address and the numbers of source ports, or name the parts they do not keep', () => {
    each((legacy, { config, notes }) => {
      const { ports, numbers } = opened(legacy);
      const said = notes.join('\n');
      const addresses = new Map<string, Set<string>>();
      for (const { ip = '0.0.0.0' } of ports) {
        const option = ip === '[::]' ? 'address6' : 'address';
        addresses.set(option, (addresses.get(option) ?? new Set()).add(ip === 'localhost' ? '127.0.0.1' : ip));
      }
      const v4 = [...(addresses.get('address') ?? ['0.0.0.0'])];
      if (v4.length === 1) expect(config.source.address).to.equal(v4[0]);
      else expect(said).to.include('the system chooses it for each target');
      const { basePort } = config.source;
      for (const range of numbers)
        if (basePort !== 0) expect(range.sort()).to.deep.equal(range.map((_, i) => basePort + i));
      for (const { port = 0 } of ports)
        if (basePort === 0 && port !== 0) expect(said).to.match(new RegExp(`source port ${port} is not carried over`));
    });
  });

  it('name every unknown key, ECN bits, missing timeouts, counts of 0, handlers, and parts that no test uses', () => {
    each((legacy, { notes }) => {
      const said = (part: string) => notes.filter((note) => note.includes(part));
      const { ports, portGroups, rateLimits, targets, tests, junk } = legacy;
      const maps = 3 + ports.length + portGroups.flatMap(([, uses]) => uses).length + rateLimits.length + tests.length;
      const used = new Set(tests.map((test) => test.targets));
      const probed = targets.filter(([name]) => used.has(name)).flatMap(([, list]) => list);
      const keys = said(`LLAMA does not know the key "${junk}"`);
      const [more = '0'] = keys.flatMap((note) => /^(\d+) times more/.exec(note)?.[1] ?? []);
      const places = keys.filter((note) => !note.includes('times more'));
      expect(places.length + Number(more)).to.equal(maps + probed.length);
      for (const [, { tos = 0 }] of ports)
        if ((tos & 3) !== 0) expect(said(`TOS ${tos} is DSCP`)).not.to.deep.equal([]);
      if (ports.some(([, { timeout }]) => timeout === undefined))
        expect(said('no timeout: 1000ms')).not.to.have.length(0);
      if (portGroups.some(([, uses]) => uses.some(({ count }) => count === 0)))
        expect(said('count 0: there are no such source ports')).not.to.have.length(0);
      expect(said('handlers has no counterpart')).to.have.length(1);
      for (const [section, entries, of] of [
        ['targets', targets, 'targets'],
        ['port_groups', portGroups, 'port_group'],
        ['rate_limits', rateLimits, 'rate_limit'],
      ] as const) {
        const names = new Set(tests.map((test) => test[of]));
        const unused = entries.filter(([name]) => !names.has(name));
        for (const [name] of unused.slice(0, 1))
          expect(notes.filter((note) => note.includes('no test uses this')).join('\n')).to.match(
            new RegExp(`/${section}/|times more`),
            name,
          );
      }
    });
  });
});
