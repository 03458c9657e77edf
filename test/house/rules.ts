/** The rules of the structure: each gives the sentences that say what breaks it. Pure. */

import { circlesOf, type Graph, upwardOf, without } from './graph.js';

/** Imports point down the list of rooms, but for the exceptions, all of which are needed. */
export function orderProblems(graph: Graph, rooms: readonly string[], exceptions: readonly string[]): string[] {
  const upward = upwardOf(graph, rooms);
  return [
    ...upward
      .filter((edge) => !exceptions.includes(edge))
      .map(
        (edge) =>
          `found the import ${edge}, expected imports down the list of rooms only; move what both need below them`,
      ),
    ...exceptions.filter((edge) => !upward.includes(edge)).map((edge) => needless('UPWARD', edge)),
  ];
}

/** No circle is left without the exceptions, and each of them is part of one. */
export function circleProblems(graph: Graph, list: string, exceptions: readonly string[]): string[] {
  const circles = circlesOf(graph);
  const closes = (edge: string): boolean => {
    const [from, to] = edge.split(' -> ');
    return graph.get(from)?.has(to) === true && circles.some((circle) => circle.includes(from) && circle.includes(to));
  };
  return [
    ...circlesOf(without(graph, exceptions)).map(
      (circle) => `found a circle of imports: ${circle.join(', ')}; expected none`,
    ),
    ...exceptions.filter((edge) => !closes(edge)).map((edge) => needless(list, edge)),
  ];
}

function needless(list: string, edge: string): string {
  return `found the exception ${edge} in ${list}, expected only those that are needed; remove it`;
}

/** Where the module of a unit test is: `test/unit/net/poll.wake.test.ts` tests `src/net/poll`. */
export function moduleOf(test: string): string {
  return test.replace(/^test\/unit\//, 'src/').replace(/(\.\w+)?\.test\.ts$/, '');
}

/** Each unit test has its module at the same path. */
export function mirrorProblems(tests: readonly string[], modules: readonly string[]): string[] {
  const there = new Set(modules.map((file) => file.replace(/\.tsx?$/, '')));
  return tests
    .filter((test) => !there.has(moduleOf(test)))
    .map(
      (test) =>
        `found ${test}, expected a module ${moduleOf(test)}.ts; move the test to its module's path, or to test/integration`,
    );
}

/** Whether a module is types only: nothing of it is left when it is compiled. */
export function isTypesOnly(text: string): boolean {
  return !/^(?:export )?(?:default |async |abstract )*(?:const|let|function\*?|class|enum)\b|^export (?:\{|\*)|^[a-z][\w.]*\(/m.test(
    text,
  );
}

/** A figure that is over its ceiling. */
export function ceilingProblems(
  figures: Readonly<Record<string, number>>,
  ceilings: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(ceilings)
    .filter(([name, most]) => figures[name] > most)
    .map(
      ([name, most]) =>
        `found ${figures[name]} ${name}, expected at most ${most}; merge modules that only know each other`,
    );
}
