/** YAML text -> plain values, and for each value its line and column. Independent of the meaning of the values. */

import {
  Document,
  type ErrorCode,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { messageOf, type Problem } from '../../base/errors.js';
import { found, type Path, toPointer } from './problems.js';

const LINE_WIDTH = 120;

/** 1-based. */
interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlInput {
  /** null for an empty document. */
  readonly value: unknown;
  /** Position of the value (or its key) at a path; for a missing path, of the nearest value around it. */
  locate(path: Path, at?: 'key' | 'value'): Position;
  /** The text is not YAML: `value` is null then. */
  readonly syntaxProblems: readonly Problem[];
  /** Keys that occur twice in a map. */
  readonly duplicateKeys: readonly Problem[];
}

/** Enough for a thousand groups that share an anchor; far below what an "alias bomb" needs. */
const MAX_ALIASES = 10_000;

interface YamlOptions {
  /**
   * Every scalar stays the text that was written: `010`, `yes` and `1.50` are not numbers or booleans. Only null, ~ and
   * an empty value are null.
   */
  readonly textOnly?: boolean;
}

export function readYaml(text: string, options: YamlOptions = {}): YamlInput {
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const failed = (problems: readonly Problem[]): YamlInput => ({
    value: null,
    locate: () => ({ line: 1, column: 1 }),
    syntaxProblems: problems,
    duplicateKeys: [],
  });
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      merge: true,
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'silent',
    });
    if (document.errors.length > 0) {
      // One mistake causes many errors of the parser at one position; the first is the cause.
      const first = new Map<number, string>();
      for (const { pos, code, message } of document.errors)
        if (!first.has(pos[0])) first.set(pos[0], withoutText(code, message));
      return failed([...first].map(([offset, message]) => syntaxProblem(message, position(offset))));
    }
    if (options.textOnly === true) visit(document, { Scalar: (_, scalar) => keepText(scalar) });
    return {
      value: document.toJS({ maxAliasCount: MAX_ALIASES }) ?? null,
      locate: (path, at = 'value') => position(offsetOf(document, path, at)),
      syntaxProblems: [],
      duplicateKeys: [...duplicateKeys(document.contents, [], position)],
    };
  } catch (cause) {
    // Thrown for aliases that cannot be resolved or would make the document explode, and for nesting deeper than the
    // stack.
    const alias = cause instanceof ReferenceError && !/count/.test(cause.message);
    const message = alias ? BAD_ALIAS : messageOf(cause);
    return failed([syntaxProblem(message, { line: 1, column: 1 })]);
  }
}

const NULL = /^(?:|~|null|Null|NULL)$/;

function keepText(scalar: Scalar): void {
  const { source, type } = scalar;
  if (source !== undefined) scalar.value = type === 'PLAIN' && NULL.test(source) ? null : source;
}

const BAD_ALIAS = 'an alias (*name) without an anchor (&name) before it; put quotes around text that begins with *';

/** The parser's error without any text of the file, which may be a secret; its position says where to look. */
function withoutText(code: ErrorCode, message: string): string {
  switch (code) {
    case 'BAD_ALIAS':
      return BAD_ALIAS;
    case 'TAG_RESOLVE_FAILED':
      return 'an unknown tag (!name); put quotes around text that begins with !';
    case 'BAD_DIRECTIVE':
      return 'a directive (%NAME) that is wrong or unknown; put quotes around text that begins with %';
    default:
      return message.replace(/: ".*$/s, '').replace(/(escape sequence) .*$/s, '$1');
  }
}

function syntaxProblem(message: string, position: Position): Problem {
  const text = message.trim().replace(/\s*\n\s*/g, ' ');
  return { path: '', message: `found text that is not valid YAML, expected YAML 1.2: ${text}`, ...position };
}

function keyText(pair: Pair): string {
  const key: unknown = isScalar(pair.key) ? pair.key.value : pair.key;
  return key === null ? '' : String(key);
}

function findPair(map: YAMLMap, key: string): Pair | undefined {
  return map.items.findLast((pair) => keyText(pair) === key);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

/** Walks down as far as the path exists in the text. */
function offsetOf(document: Document, path: Path, at: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = findPair(node, String(segment));
      if (pair === undefined) break;
      const keyOffset = startOf(pair.key);
      const wantsKey = at === 'key' && depth === path.length - 1;
      node = pair.value;
      offset = (wantsKey ? keyOffset : (startOf(node) ?? keyOffset)) ?? offset;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset;
}

function* duplicateKeys(node: unknown, path: Path, position: (offset: number) => Position): Generator<Problem> {
  if (isMap(node)) {
    const first = new Map<string, number>();
    for (const pair of node.items) {
      const key = keyText(pair);
      const here = startOf(pair.key) ?? 0;
      const before = first.get(key);
      if (before === undefined || key === '<<') first.set(key, here);
      else
        yield {
          path: toPointer([...path, key]),
          message: `found the key ${found(key)} a second time, expected it once; it is first on line ${position(before).line}: remove one of the two`,
          ...position(here),
        };
      yield* duplicateKeys(pair.value, [...path, key], position);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) yield* duplicateKeys(item, [...path, index], position);
  }
}

/** YAML with comments at the top. Each list item is one line. */
export function yamlText(value: object, comments: readonly string[]): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  // A target or a list of classes is one line.
  visit(document, {
    Map: (_, node, ancestors) => {
      if (ancestors.some((ancestor) => isCollection(ancestor) && !isMap(ancestor))) node.flow = true;
    },
    Seq: (_, node) => {
      if (!node.items.some((item) => isNode(item) && isMap(item))) node.flow = true;
    },
  });
  const head = comments.map((line) => `# ${line.replaceAll(/[\r\n]+/g, ' ')}\n`).join('');
  return `${head}\n${document.toString({ lineWidth: LINE_WIDTH, flowCollectionPadding: true })}`;
}
