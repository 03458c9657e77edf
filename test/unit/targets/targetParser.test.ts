import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { parseGroup } from '../../../src/config/group/group.js';
import { Discovery } from '../../../src/targets/discovery.js';
import { parseTargetText } from '../../../src/targets/targetGroups.js';
import { LONG_TEXT, parseTargets, TargetParser } from '../../../src/targets/targetParser.js';
import { rejection } from '../../support/fakes/timing.js';
import { waitFor } from '../../support/harness/wait.js';

const yaml = (count: number): string =>
  Array.from(
    { length: count },
    (_, i) => `- targets: ["10.0.${i >> 8}.${i & 255}:8100"]\n  labels: { rack: r${i % 40} }\n`,
  ).join('');
const LONG = yaml(5_000);

/** CPU time of the main thread: other processes and threads do not count, however busy the machine is. */
const cpuMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

describe('the reader of lists of targets', () => {
  let parser: TargetParser;
  beforeEach(() => {
    parser = new TargetParser();
  });
  afterEach(() => parser.close());

  /** What a reading gives, and how often the main thread could do something else meanwhile. */
  async function turnsDuring<T>(work: Promise<T>): Promise<{ readonly result: T; readonly turns: number }> {
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns += 1;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    try {
      return { result: await work, turns };
    } finally {
      running = false;
    }
  }

  it('leaves the main thread free while it reads 5,000 targets in YAML or JSON, and finds the same', async () => {
    const expected = parseTargetText(LONG);
    expect(expected.entries).to.have.lengthOf(5_000);
    const read = await turnsDuring(parser.parse({ text: LONG, form: 'yaml' }));
    expect(read.result).to.deep.equal(expected);
    expect(read.turns).to.be.above(0);
    const groups = expected.entries.map(({ address, port, tags }) => ({
      targets: [`${address}:${port}`],
      labels: tags,
    }));
    const json = await turnsDuring(parser.parse({ text: JSON.stringify(groups), form: 'json' }));
    expect(json.result).to.deep.equal(expected);
    expect(json.turns).to.be.above(0);
  });

  it('reads short text at once, without a thread', async () => {
    const text = yaml(10);
    expect(text.length).to.be.below(LONG_TEXT);
    const { result, turns } = await turnsDuring(parser.parse({ text, form: 'yaml' }));
    expect(result).to.deep.equal(parseTargetText(text));
    expect(turns).to.equal(0);
  });

  it('reports errors in long text in the same words as in short text', async () => {
    const slip = `${LONG}- targets: [a\n`;
    const shape = `${LONG}- targets: 5\n`;
    for (const [text, form, message] of [
      [slip, 'yaml', /^line 1000[12], column \d+: found text that is neither JSON nor YAML/],
      [shape, 'yaml', /^found a number at \/5000\/targets, expected a list of target groups/],
      [LONG, 'json', /^found text that is not JSON/],
    ] as const) {
      const error = await rejection(parser.parse({ text, form }));
      expect(error.message).to.match(message);
      expect(() => parseTargets({ text, form })).to.throw(error.message);
    }
  });

  it('cancels its work when it is closed, and parses no long text afterwards', async () => {
    const reading = rejection(parser.parse({ text: LONG, form: 'yaml' }));
    await parser.close();
    expect(await reading).to.be.an('error');
    expect((await rejection(parser.parse({ text: LONG, form: 'yaml' }))).message).to.match(/no more lists/);
  });

  it('parses the files of groups with a source: the main thread is not blocked by them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-parser-'));
    const path = join(folder, 'targets.yaml');
    writeFileSync(path, LONG);
    const put: number[] = [];
    const discovery = new Discovery({
      logger: pino({ level: 'silent' }),
      ownAddresses: () => new Set(),
      reachable: () => true,
      apply: async (_name, make, done) => {
        put.push(make()?.targets.length ?? 0);
        done();
      },
    });
    try {
      const startMs = cpuMs();
      parseTargetText(LONG);
      const atOnceMs = cpuMs() - startMs;
      const group = parseGroup({ fromFile: { path } }, 'mesh');
      let longestMs = 0;
      let last = cpuMs();
      const turn = (): void => {
        const now = cpuMs();
        longestMs = Math.max(longestMs, now - last);
        last = now;
        if (put.length === 0) setImmediate(turn);
      };
      setImmediate(turn);
      discovery.follow(group, undefined);
      await waitFor('the targets', () => put.length > 0, 10_000);
      expect(put).to.deep.equal([5_000]);
      expect(longestMs, `${atOnceMs} ms at once`).to.be.below(atOnceMs / 2);
    } finally {
      await discovery.close();
      rmSync(folder, { recursive: true });
    }
  });
});
