import { expect } from 'chai';
import { parseJsonBody } from '../../../../src/api/server/jsonBody.js';
import { jsonProblems } from '../../../../src/api/server/jsonText.js';
import { LlamaError } from '../../../../src/base/errors.js';
import { atOnce } from '../../../../src/base/yielding.js';
import { seededRandom } from '../../../support/harness/random.js';

const problemsOf = (text: string) => atOnce(jsonProblems(text));

describe('jsonProblems', () => {
  it('finds no problem in valid JSON of any form', () => {
    for (const text of [
      '{}',
      ' [ ] ',
      '0',
      '-0.5e+10',
      '"\\u00e9\\n\\"\\\\"',
      'null',
      '[[[{"a":[]}]],{"a":{"a":{}}}]',
      '\r\n\t{"a" : "{\\"a\\":1,\\"a\\":2}" , "b": [1 ,2]}\n',
      '[{"a":1},{"a":2}]',
      '{"constructor": {"a": 1}, "":0}',
    ])
      expect(problemsOf(text), text).to.deep.equal({ listed: [], count: 0 });
  });

  it('accepts exactly the same texts as JSON.parse, in ten thousand that are right or nearly so', () => {
    const { next: random } = seededRandom(7);
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\n',
      '\\',
      '"',
    ];
    const value = (depth: number): string => {
      const kind = random() * (depth > 3 ? 3 : 5);
      if (kind < 1) return String(Math.round(random() * 1000) / 8);
      if (kind < 2) return JSON.stringify(String.fromCharCode(...[1, 2, 3].map(() => Math.floor(random() * 300))));
      if (kind < 3) return random() < 0.5 ? 'true' : 'null';
      const items = Array.from({ length: Math.floor(random() * 3) }, () => value(depth + 1));
      return kind < 4 ? `[${items.join(', ')}]` : `{${items.map((item, i) => `"k${i}":${item}`).join(',')}}`;
    };
    let right = 0;
    for (let i = 0; i < 10_000; i++) {
      let text = value(0);
      const place = Math.floor(random() * (text.length + 1));
      const kind = random();
      if (kind < 0.3) text = text.slice(0, place) + pieces[Math.floor(random() * pieces.length)] + text.slice(place);
      else if (kind < 0.6) text = text.slice(0, place) + text.slice(place + 1);
      let parsed = true;
      try {
        JSON.parse(text);
        right += 1;
      } catch {
        parsed = false;
      }
      // A piece put in may also have made one key of an object that of another.
      const { listed } = problemsOf(text);
      const broken = listed.filter(({ message }) => !message.includes('a second time'));
      expect(broken.length === 0, `${text}: ${JSON.stringify(listed)}`).to.equal(parsed);
    }
    expect(right).to.be.within(3_000, 8_000);
  });

  it('finds keys that are there twice, also when they are written otherwise, and goes on behind them', () => {
    const { listed, count } = problemsOf('{"a": 1, "b": {"x": 1, "x": 2},\n"\\u0061": 2, "c": [{}, {"y": 0, "y": 0}]}');
    expect(count).to.equal(3);
    expect(listed.map(({ path, line, column }) => [path, line, column])).to.deep.equal([
      ['/b/x', 1, 24],
      ['/a', 2, 1],
      ['/c/1/y', 2, 33],
    ]);
  });

  it('lists the first hundred of very many, and counts the others', async () => {
    const text = `{${Array.from({ length: 1000 }, () => '"a": 1').join(',\n')}}`;
    const error = await parseJsonBody(text).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof LlamaError)) throw new Error('it was taken for right');
    expect([error.problems.length, error.problemCount]).to.deep.equal([100, 999]);
    expect(error.problems[99]).to.include({ line: 101, column: 1 });
    expect(error.message).to.match(/\nand 899 more problems$/);
  });

  it('shortens the pointer to a value with endless nesting or endless keys', async () => {
    for (const text of [
      '['.repeat(1_000_000),
      '{"a":'.repeat(200_000),
      `{"${'k'.repeat(1_000_000)}": {"a":1,"a":2}}`,
    ]) {
      const error = await parseJsonBody(text).catch((thrown: LlamaError) => thrown);
      expect(error).to.be.instanceOf(LlamaError);
      const { message, problems } = error as LlamaError;
      expect(message.length).to.be.below(1_000);
      expect(problems[0]?.path).to.match(/^\/.{200,260}…$/);
    }
  });

  it('takes ten thousand targets in short turns', () => {
    const target = (i: number) => ({ address: `10.0.${i >> 8}.${i & 255}`, tags: { rack: `r${i}`, region: 'west' } });
    const text = JSON.stringify({ targets: Array.from({ length: 10_000 }, (_, i) => target(i)) });
    let turns = 0;
    for (const looking = jsonProblems(text); looking.next().done !== true; ) turns += 1;
    // Some 17 tokens a target, 5,000 a turn.
    expect(turns).to.be.within(25, 50);
  });

  it('takes a body that begins with a byte order mark', async () => {
    expect(await parseJsonBody('\ufeff{"a": [1]}')).to.deep.equal({ a: [1] });
  });
});
