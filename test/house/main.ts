/**
 * `npm run check`: the structure of src and of its unit tests, and the language of comments and titles. Prints the
 * figures and the first warnings, and every problem on stderr; exit code 1 when there is one.
 */

import { readFileSync } from 'node:fs';
import { codeIn, edgesOf, foldersOf, readGraph } from './graph.js';
import { isTooWide, oldWordIn, textLines, widthProblems } from './language.js';
import { ceilingProblems, circleProblems, isTypesOnly, mirrorProblems, moduleOf, orderProblems } from './rules.js';
import {
  CEILINGS,
  ENTRY_POINTS,
  FILE_CIRCLES,
  FOLDER_CIRCLES,
  ROOMS,
  TESTED_PERCENT,
  UPWARD,
  WIDE_COMMENTS,
} from './structure.js';

const SMALL_LINES = 40;
const MOST_WARNINGS = 20;
const COLLECTOR = 'src/collector/collector.ts';

const read = (file: string): string => readFileSync(file, 'utf8');
const modules = codeIn('.', 'src').filter((file) => !file.endsWith('.d.ts'));
const graph = readGraph('.', [...modules, ...codeIn('.', 'workers')]);
const tests = codeIn('.', 'test/unit').filter((file) => file.endsWith('.test.ts'));

const importers = new Map<string, number>();
for (const edge of edgesOf(graph)) {
  const to = edge.split(' -> ')[1];
  importers.set(to, (importers.get(to) ?? 0) + 1);
}
const isSmall = (file: string): boolean => importers.get(file) === 1 && read(file).split('\n').length - 1 < SMALL_LINES;
const figures: Record<keyof typeof CEILINGS, number> = {
  'files in src': modules.length,
  'modules below 40 lines with one importer': modules.filter(isSmall).length,
  'imports of src/collector/collector.ts': graph.get(COLLECTOR)?.size ?? 0,
};

const tested = new Set(tests.map(moduleOf));
const toTest = modules.filter(
  (file) => file.endsWith('.ts') && !ENTRY_POINTS.includes(file) && !isTypesOnly(read(file)),
);
const percent = (toTest.filter((file) => tested.has(file.replace(/\.ts$/, ''))).length * 100) / toTest.length;

const { formatter } = JSON.parse(read('biome.json')) as { readonly formatter: { readonly lineWidth: number } };
const folders = ['src', 'workers', 'test', 'perf', 'docs'];
const lines = folders
  .flatMap((folder) => codeIn('.', folder))
  .flatMap((file) => textLines(read(file)).map((line) => ({ file, ...line })));
const wide = lines.filter((line) => isTooWide(line, formatter.lineWidth)).length;
const oldWords = lines.flatMap(({ file, line, text }) => {
  const word = oldWordIn(text);
  return word === undefined ? [] : [`${file}:${line}: '${word}'`];
});

const problems = [
  ...orderProblems(graph, ROOMS, UPWARD),
  ...circleProblems(graph, 'FILE_CIRCLES', FILE_CIRCLES),
  ...circleProblems(foldersOf(graph), 'FOLDER_CIRCLES', FOLDER_CIRCLES),
  ...mirrorProblems(tests, modules),
  ...ceilingProblems(figures, CEILINGS),
  ...widthProblems(wide, WIDE_COMMENTS, formatter.lineWidth),
  ...(percent < TESTED_PERCENT
    ? [
        `found ${percent.toFixed(1)} % of the modules with a unit test, expected at least ${TESTED_PERCENT} %; test the new module at its path`,
      ]
    : []),
];

for (const [name, figure] of Object.entries(figures)) {
  console.log(`${name}: ${figure} (at most ${CEILINGS[name as keyof typeof CEILINGS]})`);
}
console.log(
  `modules with a unit test at their path: ${percent.toFixed(1)} % of ${toTest.length} (at least ${TESTED_PERCENT} %)`,
);
console.log(
  `exceptions: ${UPWARD.length} imports up, ${FILE_CIRCLES.length} in circles of files, ${FOLDER_CIRCLES.length} in circles of folders`,
);
console.log(`comment lines wider than ${formatter.lineWidth} columns: ${wide} (at most ${WIDE_COMMENTS})`);
console.log(`comments and titles with words that CONTRIBUTING.md replaces: ${oldWords.length}`);
for (const place of oldWords.slice(0, MOST_WARNINGS)) console.log(`  warning: ${place}`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
