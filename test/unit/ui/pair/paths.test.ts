import { expect } from 'chai';
import type { PathRow, ResultRow } from '../../../../src/ui/lib/types.js';
import { nameOf } from '../../../../src/ui/pair/names.js';
import { lossLevel, sumPaths } from '../../../../src/ui/pair/paths.js';
import { reasonLines } from '../../../../src/ui/pair/reasonLines.js';

const BOUNDS = [0, 0.2, 1, 5];

function path(changes: Partial<PathRow>): PathRow {
  return {
    ...{ group: 'west', source: '10.0.0.1', sourcePort: 40_000, target: '10.9.0.2', port: 8100, class: 'ef' },
    ...{ sent: 10, received: 10, lost: 0, unreachable: 0, localDrops: 0, lossPct: 0 },
    rttUs: { min: 1, mean: 2, max: 3 },
    ...changes,
  };
}

describe('the strips of source ports', () => {
  it('are apart for each collector, though source addresses and ports coincide', () => {
    const rows = ['host-a', 'host-b'].flatMap((collector) =>
      Array.from({ length: 8 }, (_, i) =>
        path({
          collector,
          sourcePort: 40_000 + i,
          ...(collector === 'host-b' && i < 3 ? { received: 9, lost: 1 } : {}),
        }),
      ),
    );
    const strips = sumPaths([rows]);
    expect([...strips.keys()]).to.deep.equal(['ef (host-a)', 'ef (host-b)']);
    const bad = [...strips.values()].map((list) => list.filter((one) => lossLevel(one, BOUNDS) > 0).length);
    expect(bad).to.deep.equal([0, 3]);
    expect([...strips.values()].map((list) => list.length)).to.deep.equal([8, 8]);
  });

  it('name a class alone where nothing else tells them apart', () => {
    const all = [path({}), path({ class: 'cs0' })];
    expect(all.map((one) => nameOf(one, all))).to.deep.equal(['ef', 'cs0']);
    const ports = [path({}), path({ port: 8200 })];
    expect(nameOf(ports[1], ports)).to.equal('ef (port 8200)');
  });

  it('show a path without an answer as the worst, and one without sent probes as not measured', () => {
    const sums = (changes: Partial<PathRow>) => [...sumPaths([[path(changes)]]).values()][0][0];
    const tooBig = sums({ received: 0, tooBig: 10, mtu: 1400, rttUs: null });
    expect([lossLevel(tooBig, BOUNDS), tooBig.lossPct]).to.deep.equal([4, null]);
    const dropped = sums({ received: 0, localDrops: 10, rttUs: null });
    expect([lossLevel(dropped, BOUNDS), dropped.lossPct], 'by this host').to.deep.equal([-1, null]);
    expect(tooBig.reason).to.equal('too big for the path (mtu 1400)');
    const unsent = { sent: 0, received: 0, lossPct: null, rttUs: null, sendErrors: 5 };
    const refused = sums({ ...unsent, sendErrorsBy: [{ count: 5, errno: 'ENETUNREACH' }] });
    expect(lossLevel(refused, BOUNDS)).to.equal(-1);
    expect(refused.reason).to.equal('not sent: no route to 10.9.0.2 (ENETUNREACH)');
  });

  it('show no path well whose newest probes were all refused or answered by errors, whatever came before', () => {
    const level = (newest: Partial<PathRow>): number => {
      const intervals = [...Array.from({ length: 9 }, () => [path({})]), [path(newest)]];
      return lossLevel([...sumPaths(intervals).values()][0][0], BOUNDS);
    };
    const none = { received: 0, rttUs: null };
    expect(level({ ...none, sent: 0, lossPct: null, sendErrors: 5 }), 'refused').to.equal(-1);
    expect(level({ ...none, tooBig: 10 }), 'too big').to.equal(4);
    expect(level({ ...none, unreachable: 10, lossPct: 100 }), 'unreachable').to.equal(4);
    expect(level({ received: 9, tooBig: 1 }), 'some too big').to.equal(0);
    expect(level({}), 'well').to.equal(0);
  });
});

describe('why probes of a pair have no answer', () => {
  it('is summed over intervals, by series, with kind and origin of each ICMP error', () => {
    const icmp = (count: number) => [{ count, type: 3, code: 3, reason: 'port unreachable', from: '10.9.0.2' }];
    const bigFor = (count: number) => [{ count, mtu: 1400, from: '10.9.0.254' }];
    const row = (changes: Partial<PathRow>): ResultRow => path(changes) as unknown as ResultRow;
    const rows = [
      row({ received: 0, unreachable: 12, unreachableBy: icmp(12) }),
      row({ received: 0, unreachable: 8, unreachableBy: icmp(8), tooBig: 7, mtu: 1400, tooBigBy: bigFor(7) }),
      row({ received: 0, tooBig: 10, mtu: 1400, tooBigBy: [...bigFor(9), { count: 1, mtu: 1500, from: null }] }),
      row({ class: 'cs0', sendErrorsBy: [{ count: 20, errno: 'ENETUNREACH' }] }),
      row({ class: 'af41', received: 0, unreachable: 3, unreachableBy: [{ ...icmp(3)[0], from: '10.0.0.1' }] }),
    ];
    expect(reasonLines(rows)).to.deep.equal([
      'ef: unreachable: 20 × port unreachable from 10.9.0.2',
      'ef: 16 × too big for the path (mtu 1400, from 10.9.0.254)',
      'ef: 1 × too big for the path (mtu 1500)',
      'cs0: not sent: 20 × no route to 10.9.0.2 (ENETUNREACH)',
      'af41: unreachable: 3 × port unreachable from this host (10.0.0.1)',
    ]);
  });
});
