import { expect } from 'chai';
import { circlesOf, foldersOf, type Graph, importsOf, upwardOf } from './graph.js';
import { ceilingProblems, circleProblems, isTypesOnly, mirrorProblems, moduleOf, orderProblems } from './rules.js';

const ROOMS = ['api', 'config', 'base'];

/** A graph of `from: to to`. */
function graphOf(...lines: readonly string[]): Graph {
  return new Map(
    lines.map((line) => {
      const [from, to = ''] = line.split(':');
      return [from, new Set(to.split(' ').filter((name) => name !== ''))];
    }),
  );
}

describe('the check of the structure', () => {
  it('finds every form of import', () => {
    const text = [
      "import { a } from './a.js';",
      "import type { B } from '../b.js';",
      'import {',
      '  c,',
      '  type D,',
      "} from './c/d.js';",
      "import './e.js';",
      "export { f } from './f.js';",
      "export * from './g.js';",
      "import { join } from 'node:path';",
      "/** No import: `from './h.js'`. */",
      "const i = await import('./i.js');",
      "type J = import('./j.js').J;",
    ].join('\n');
    expect(importsOf(text)).to.deep.equal([
      './a.js',
      '../b.js',
      './c/d.js',
      './e.js',
      './f.js',
      './g.js',
      './i.js',
      './j.js',
    ]);
  });

  it('refuses an import that points up, and one of a folder that is not in the list', () => {
    const graph = graphOf('src/config/a.ts:src/api/b.ts src/base/c.ts', 'src/api/b.ts:src/new/d.ts', 'src/base/c.ts');
    expect(upwardOf(graph, ROOMS)).to.deep.equal(['src/api/b.ts -> src/new/d.ts', 'src/config/a.ts -> src/api/b.ts']);
    expect(orderProblems(graph, ROOMS, upwardOf(graph, ROOMS))).to.deep.equal([]);
    expect(orderProblems(graph, ROOMS, ['src/config/a.ts -> src/api/b.ts'])).to.have.length(1);
  });

  it('refuses an exception that is no longer needed', () => {
    const graph = graphOf('src/api/a.ts:src/base/b.ts', 'src/base/b.ts');
    const exception = 'src/api/a.ts -> src/base/b.ts';
    expect(orderProblems(graph, ROOMS, [exception])[0])
      .to.contain(`the exception ${exception}`)
      .and.to.contain('remove it');
    expect(circleProblems(graph, 'FILE_CIRCLES', [exception])[0]).to.contain('remove it');
    expect(circleProblems(graph, 'FILE_CIRCLES', ['src/gone.ts -> src/base/b.ts'])[0]).to.contain('remove it');
  });

  it('finds circles of files, however long, and takes an exception for the import that closes one', () => {
    const graph = graphOf('a:b', 'b:c', 'c:a d', 'd:e', 'e:d', 'f:a');
    expect(circlesOf(graph)).to.have.deep.members([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    expect(circleProblems(graph, 'FILE_CIRCLES', ['c -> a'])).to.deep.equal([
      'found a circle of imports: d, e; expected none',
    ]);
    expect(circleProblems(graph, 'FILE_CIRCLES', ['c -> a', 'd -> e'])).to.deep.equal([]);
  });

  it('finds circles of folders that no file is in', () => {
    const graph = graphOf('src/a/1.ts:src/b/1.ts', 'src/b/1.ts', 'src/b/2.ts:src/a/2.ts', 'src/a/2.ts');
    expect(circlesOf(graph)).to.deep.equal([]);
    expect(circlesOf(foldersOf(graph))).to.deep.equal([['src/a', 'src/b']]);
  });

  it('refuses a unit test without its module', () => {
    expect(moduleOf('test/unit/net/poll.test.ts')).to.equal('src/net/poll');
    expect(moduleOf('test/unit/net/poll.wake.test.ts')).to.equal('src/net/poll');
    const tests = ['test/unit/net/poll.test.ts', 'test/unit/ui/page.test.ts', 'test/unit/net/pool.test.ts'];
    const problems = mirrorProblems(tests, ['src/net/poll.ts', 'src/ui/page.tsx']);
    expect(problems).to.have.length(1);
    expect(problems[0]).to.contain('test/unit/net/pool.test.ts').and.to.contain('src/net/pool.ts');
  });

  it('tells a module of types from one with code', () => {
    const types =
      "import type { A } from './a.js';\n\nexport interface B extends A {\n  run(): void;\n}\nexport type C = B | null;\n";
    expect(isTypesOnly(types)).to.equal(true);
    for (const code of [
      'export const a = 1;',
      'const a = 1;',
      'export async function a() {}',
      'export default function a() {}',
      'export abstract class A {}',
      "export { a } from './a.js';",
      'run();',
    ]) {
      expect(isTypesOnly(`${types}${code}\n`), code).to.equal(false);
    }
  });

  it('refuses a figure over its ceiling only', () => {
    expect(ceilingProblems({ files: 3 }, { files: 3 })).to.deep.equal([]);
    expect(ceilingProblems({ files: 4 }, { files: 3 })[0]).to.contain('found 4 files, expected at most 3');
  });
});
