/** How many targets are asked from fresh ports, and how often: bounds that hold whatever the groups are. */

import { expect } from 'chai';
import type { StreamInfo } from '../../../../src/collector/results/results.js';
import { MOST_FRESH } from '../../../../src/collector/sourcePorts/freshProber.js';
import { ASK_EVERY_MS, MOST_WATCHED, StaleFlows } from '../../../../src/collector/sourcePorts/staleFlows.js';
import { PATH_COLUMNS } from '../../../../src/threads/messages.js';

const PROBES = 10;
/** The tests look by themselves. */
const NEVER_MS = 2 ** 30;

interface Asked {
  readonly address: string;
  readonly group: string;
  readonly atMs: number;
  readonly settle: (answered: boolean) => void;
}

const info = (group: string, address: string, port = 8_100): StreamInfo =>
  ({
    group: { name: group, protocol: 'stamp', periodNs: 1e9 },
    target: { address, port, family: 4 },
  }) as unknown as StreamInfo;

const addressOf = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

describe('StaleFlows', () => {
  let nowMs: number;
  let asked: Asked[];
  let underWay: number;
  let flows: StaleFlows;

  beforeEach(() => {
    nowMs = 1e12;
    asked = [];
    underWay = 0;
    const ask = (one: StreamInfo): Promise<boolean> => {
      underWay++;
      return new Promise((resolve) => {
        const settle = (answered: boolean): void => {
          underWay--;
          resolve(answered);
        };
        asked.push({ address: one.target.address, group: one.group.name, atMs: nowMs, settle });
      });
    };
    flows = new StaleFlows({
      ask: {
        get free() {
          return MOST_FRESH - underWay;
        },
        ask,
      },
      nowMs: () => nowMs,
      remedy: 'do something',
      lookEveryMs: NEVER_MS,
    });
  });
  afterEach(() => flows.close());

  function interval(infos: readonly StreamInfo[], received = 0): void {
    const values = { sent: PROBES, received, lost: PROBES - received };
    const row = PATH_COLUMNS.map((column) => (values as Record<string, number>)[column] ?? 0);
    flows.interval({ rowCounters: Uint32Array.from(infos.flatMap(() => row)) }, infos);
  }

  /** A second goes by, and what is under way is decided. */
  async function second(answered = false): Promise<void> {
    flows.look();
    for (const { settle } of asked.filter(({ atMs }) => atMs === nowMs)) settle(answered);
    await new Promise(setImmediate);
    nowMs += 1_000;
  }

  it('has at most four probes under way, and asks no further one before one is decided', () => {
    interval(Array.from({ length: 50 }, (_, n) => info('west', addressOf(n))));
    for (let i = 0; i < 5; i++) {
      flows.look();
      nowMs += ASK_EVERY_MS;
    }
    expect(asked).to.have.length(MOST_FRESH);
    asked[0].settle(false);
    flows.look();
    expect(asked).to.have.length(MOST_FRESH + 1);
  });

  it('watches at most a thousand targets, and asks each of them in turn', async () => {
    const infos = Array.from({ length: MOST_WATCHED + 500 }, (_, n) => info('west', addressOf(n)));
    const rounds = MOST_WATCHED / MOST_FRESH;
    for (let i = 0; i < 2 * rounds; i++) {
      interval(infos);
      await second();
    }
    expect(asked).to.have.length(2 * MOST_WATCHED);
    const times = new Map<string, number>();
    for (const { address } of asked) times.set(address, (times.get(address) ?? 0) + 1);
    expect(times.size).to.equal(MOST_WATCHED);
    expect(new Set(times.values())).to.deep.equal(new Set([2]));
  });

  it('asks an address once in ten seconds, by all groups and ports together, and each of them in turn', async () => {
    const infos = [info('west', '10.0.0.1'), info('east', '10.0.0.1'), info('east', '10.0.0.1', 8_101)];
    for (let i = 0; i < 61; i++) {
      interval(infos);
      await second();
    }
    expect(asked).to.have.length(7);
    for (const [i, { atMs }] of asked.slice(1).entries()) expect(atMs - asked[i].atMs).to.equal(ASK_EVERY_MS);
    expect(asked.filter(({ group }) => group === 'west').length).to.be.within(2, 3);
  });

  it('asks no sooner when the group is removed and set again, or the target was answered in between', async () => {
    const west = [info('west', '10.0.0.1')];
    for (let i = 0; i < 10; i++) {
      interval(west);
      await second();
      if (i % 2 === 0) flows.forget('west');
      else interval(west, PROBES);
    }
    expect(asked).to.have.length(1);
    interval(west);
    await second();
    expect(asked).to.have.length(2);
  });

  it('tells silence in its status and not as a warning, and an answer in both', async () => {
    interval([info('west', '10.0.0.1')]);
    await second();
    expect(flows.warnings()).to.deep.equal([]);
    const [silent] = flows.status();
    expect(silent).to.include({ group: 'west', target: '10.0.0.1:8100', answered: false });
    nowMs += ASK_EVERY_MS;
    interval([info('west', '10.0.0.1')]);
    await second(true);
    expect(flows.warnings()).to.have.length(1);
    expect(flows.status()[0].answered).to.equal(true);
  });
});
