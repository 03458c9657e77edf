/** A config file in, a validated `Config` out. The only entry to reading configurations; nothing behind it checks again. */

import { readFileSync } from 'node:fs';
import { type ErrorCode, LlamaError, type Problem } from '../errors.js';
import { readGroup } from './group.js';
import { checkPlan } from './limits.js';
import { type ConfigOverrides, type Environment, readOptions, TOP_KEYS } from './options.js';
import { formatProblem, found, fromPointer, isRecord, type Report, reportUnknownKeys, toPointer } from './problems.js';
import type { Config, Group } from './types.js';
import { readYaml, type YamlInput } from './yaml.js';

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'it may not be read by this user; change its owner or mode',
  EISDIR: 'it is a directory; name a file in it',
};

/**
 * Reads and validates a config file. The environment counts more than the file, `overrides` more than both.
 * @throws LlamaError `LLAMA_CONFIG_UNREADABLE`, or as `parseConfig`.
 */
export function loadConfig(file: string, overrides: ConfigOverrides = {}): Config {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const why =
      cause instanceof TypeError && code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? 'it is not UTF-8 text; expected a YAML file'
        : (UNREADABLE[code] ?? message);
    throw new LlamaError('LLAMA_CONFIG_UNREADABLE', `${file}: ${why}`, { cause });
  }
  return parseConfig(text, file, process.env, overrides);
}

/**
 * Validates the text of a config file; `fileName` is for messages only.
 * @throws LlamaError `LLAMA_CONFIG_SYNTAX`, `LLAMA_CONFIG_INVALID` or `LLAMA_PLAN_TOO_LARGE`, with every problem, line and column.
 */
export function parseConfig(
  text: string,
  fileName: string,
  env: Environment = process.env,
  overrides: ConfigOverrides = {},
): Config {
  const yaml = readYaml(text);
  if (yaml.syntaxProblems.length > 0) throw failure('LLAMA_CONFIG_SYNTAX', fileName, yaml.syntaxProblems);
  const problems: Problem[] = [...yaml.duplicateKeys];
  const report: Report = (path, message, at) => {
    const position = at === 'outside' ? {} : yaml.locate(path, at);
    problems.push({ path: toPointer(path), message, ...position });
  };
  const { value } = yaml;
  if (!isRecord(value)) {
    const remedy = value === null ? '; for a collector without groups, write "groups: {}"' : '';
    report([], `found ${found(value)}, expected a map with any of the keys ${TOP_KEYS.join(', ')}${remedy}`);
    throw failure('LLAMA_CONFIG_INVALID', fileName, problems);
  }
  reportUnknownKeys(value, TOP_KEYS, [], report);
  const settings = readOptions(value, env, overrides, report);
  const groups = readGroups(value.groups ?? {}, yaml, report);
  if (settings === undefined || problems.length > 0) throw failure('LLAMA_CONFIG_INVALID', fileName, problems);
  const config: Config = { ...settings, groups };
  try {
    checkPlan(config, groups);
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    const located = error.problems.map((problem) => ({
      ...problem,
      ...yaml.locate(fromPointer(problem.path), 'key'),
    }));
    throw failure(error.code, fileName, located);
  }
  return config;
}

function readGroups(value: unknown, yaml: YamlInput, report: Report): Group[] {
  if (!isRecord(value)) {
    report(['groups'], `found ${found(value)}, expected a map from group names to groups`);
    return [];
  }
  const groups: Group[] = [];
  for (const [name, input] of Object.entries(value)) {
    const group = readGroup(
      input,
      name,
      (path, message, at) => report(['groups', name, ...path], message, at),
      (path) => yaml.locate(['groups', name, ...path]).line,
    );
    if (group !== undefined) groups.push(group);
  }
  return groups;
}

function failure(code: ErrorCode, fileName: string, problems: readonly Problem[]): LlamaError {
  const sorted = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  return new LlamaError(code, sorted.map((problem) => formatProblem(problem, fileName)).join('\n'), {
    problems: sorted,
  });
}
