import { expect } from 'chai';
import { Outcome } from '../../../src/ring/ring.js';
import { ReasonCounts, type ReasonRecord, readReason } from '../../../src/stats/reasonCounts.js';
import { seededRandom } from '../../support/harness/random.js';

const PATHS = 64;

function icmp(path: number, type: number, code: number, origin: readonly number[], version = 4): ReasonRecord {
  const originWord = (i: number): number => origin[i] ?? 0;
  return { path, outcome: Outcome.unreachable, tos: type, ttl: code, detail: version, originWord };
}

const refused = (path: number, errno: number): ReasonRecord => ({
  ...{ path, outcome: Outcome.sendError, tos: 0, ttl: 0, detail: errno },
  originWord: () => 0xffff_ffff,
});

/** `version` 0: this host's kernel refused it, and the words of the origin are of an earlier record. */
function tooBig(path: number, mtu: number, origin: readonly number[], version = 4): ReasonRecord {
  const originWord = (i: number): number => origin[i] ?? 0;
  return { path, outcome: Outcome.tooBig, tos: version, ttl: 0, detail: mtu, originWord };
}

/** Each reason of a path with its count, as text. */
function read(counts: ReasonCounts, path: number): Record<string, number> {
  const found: Record<string, number> = {};
  counts.forEach(path, (words) => {
    const { count, outcome, errno, mtu, version, type, code, origin } = readReason(words, 0);
    const names = {
      [Outcome.sendError]: `errno ${errno}`,
      [Outcome.unreachable]: `${version} ${type} ${code} ${origin.join('.')}`,
      [Outcome.tooBig]: `mtu ${mtu} ${version} ${origin.join('.')}`,
    };
    found[names[outcome]] = count;
  });
  return found;
}

describe('ReasonCounts', () => {
  it('agrees with a naive count, over many intervals in the same memory', () => {
    const random = seededRandom(51);
    const counts = new ReasonCounts();
    counts.reserve(PATHS);
    for (let interval = 0; interval < 50; interval++) {
      const expected = new Map<number, Record<string, number>>();
      for (let i = 0; i < 2_000; i++) {
        const path = random.below(PATHS);
        const own = expected.get(path) ?? {};
        expected.set(path, own);
        const [code, last] = [random.below(2), random.below(2)];
        const isErrno = random.below(3) === 0;
        const errno = [1, 101, 113][random.below(3)] ?? 1;
        const key = isErrno ? `errno ${errno}` : `4 3 ${code} ${last}.0.0.0`;
        own[key] = (own[key] ?? 0) + 1;
        counts.add(isErrno ? refused(path, errno) : icmp(path, 3, code, [last]));
      }
      for (const [path, own] of expected) expect(read(counts, path)).to.deep.equal(own);
      for (let path = 0; path < PATHS; path += 4) counts.clear(path, path + 4);
      for (let path = 0; path < PATHS; path++) expect(counts.has(path)).to.equal(false);
    }
  });

  it('distinguishes IP versions and all 16 bytes of an origin', () => {
    const counts = new ReasonCounts();
    counts.reserve(1);
    const origins = [
      [1, 2, 3, 4],
      [1, 2, 3, 5],
      [1, 0, 0, 0],
    ];
    for (const origin of origins) counts.add(icmp(0, 1, 4, origin, 6));
    counts.add(icmp(0, 1, 4, [1, 0, 0, 0], 4));
    expect(Object.keys(read(counts, 0))).to.have.length(4);
  });

  it('distinguishes the sender of a too-big error, and the MTU', () => {
    const counts = new ReasonCounts();
    counts.reserve(1);
    for (const last of [1, 2]) for (const mtu of [1400, 1280, 1400]) counts.add(tooBig(0, mtu, [last]));
    for (const old of [7, 8]) counts.add(tooBig(0, 1500, [old], 0));
    counts.add(tooBig(0, 0xffff_ffff, [1, 2, 3, 4], 6));
    expect(read(counts, 0)).to.deep.equal({
      'mtu 1400 4 1.0.0.0': 2,
      'mtu 1280 4 1.0.0.0': 1,
      'mtu 1400 4 2.0.0.0': 2,
      'mtu 1280 4 2.0.0.0': 1,
      [`mtu 1500 0 ${Array(16).fill(0).join('.')}`]: 2,
      'mtu 4294967295 6 1.0.0.0.2.0.0.0.3.0.0.0.4.0.0.0': 1,
    });
  });

  it('keeps a bounded number of reasons of a path, the first ones', () => {
    const counts = new ReasonCounts();
    counts.reserve(2);
    for (let round = 0; round < 3; round++) for (let errno = 1; errno <= 20; errno++) counts.add(refused(0, errno));
    expect(read(counts, 0)).to.deep.equal(
      Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`errno ${i + 1}`, 3])),
    );
    expect(read(counts, 1)).to.deep.equal({});
  });
});
