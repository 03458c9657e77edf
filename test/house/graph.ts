/** Imports between files as a graph, and what is wrong with it. Pure but for `readGraph`. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Each file with the files that it imports, types included; paths from the repository's root. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The formatter puts each of these at the start of a line; `import()` may be anywhere. */
const IMPORT = /^(?:import|export)\s(?:[^;]*?\sfrom\s)?'(\.[^']+)';|\bimport\('(\.[^']+)'\)/gm;
const CODE = /\.tsx?$/;

/** All files of TypeScript in these folders. */
export function codeIn(root: string, ...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => CODE.test(file))
    .sort();
}

/** @throws Error on an import that names no file of TypeScript. */
export function readGraph(root: string, files: readonly string[]): Graph {
  const known = new Set(files);
  return new Map(
    files.map((file) => {
      const imports = importsOf(readFileSync(join(root, file), 'utf8'))
        .filter((path) => !/\.(css|svg)$/.test(path))
        .map((path) => {
          const stem = normalize(join(dirname(file), path)).replace(/\.js$/, '');
          const found = [`${stem}.ts`, `${stem}.tsx`, stem].find((name) => known.has(name));
          if (found === undefined)
            throw new Error(`found the import of ${path} in ${file}, expected a file of src or workers`);
          return found;
        });
      return [file, new Set(imports)];
    }),
  );
}

/** The relative paths that a text imports or exports from. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, link, call]) => link ?? call);
}

/** `src/api/server/errors.ts` is in the room `api`, `workers/prober.ts` in `workers`. */
export function roomOf(file: string): string {
  const [top, room] = file.split('/');
  return top === 'src' ? room : top;
}

/** All imports, as `from -> to`. */
export function edgesOf(graph: Graph): string[] {
  return [...graph].flatMap(([from, imports]) => [...imports].map((to) => `${from} -> ${to}`)).sort();
}

/** The same graph between folders; an import within a folder is none. */
export function foldersOf(graph: Graph): Graph {
  const folders = new Map<string, Set<string>>();
  for (const [file, imports] of graph) {
    const folder = dirname(file);
    const others = folders.get(folder) ?? new Set();
    folders.set(folder, others);
    for (const to of imports) if (dirname(to) !== folder) others.add(dirname(to));
  }
  return folders;
}

/** Imports that point up the list of rooms. A room that is not in the list is one too. */
export function upwardOf(graph: Graph, rooms: readonly string[]): string[] {
  const place = (file: string): number => rooms.indexOf(roomOf(file));
  return edgesOf(graph).filter((edge) => {
    const [from, to] = edge.split(' -> ').map(place);
    return from < 0 || to < 0 || from > to;
  });
}

/** Groups of nodes that reach each other (Tarjan's strongly connected components of more than one node). */
export function circlesOf(graph: Graph): string[][] {
  const numbers = new Map<string, number>();
  const lows = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string): void => {
    const number = numbers.size;
    numbers.set(node, number);
    lows.set(node, number);
    stack.push(node);
    for (const to of graph.get(node) ?? []) {
      if (!numbers.has(to)) visit(to);
      if (stack.includes(to)) lows.set(node, Math.min(lows.get(node)!, lows.get(to)!));
    }
    if (lows.get(node) !== number) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const node of graph.keys()) if (!numbers.has(node)) visit(node);
  return circles;
}

/** The graph without these edges. */
export function without(graph: Graph, edges: readonly string[]): Graph {
  const left = new Set(edges);
  return new Map(
    [...graph].map(([from, imports]) => [from, new Set([...imports].filter((to) => !left.has(`${from} -> ${to}`)))]),
  );
}
