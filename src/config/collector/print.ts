/** A validated config as text in our own form; `parseConfig` makes an equal config of it. */

import { Document, isCollection, isMap, isNode, visit } from 'yaml';
import { groupToJson } from '../group/group.js';
import { allOptions, type EffectiveOption } from '../options/options.js';
import type { LoadedConfig } from './config.js';

const LINE_WIDTH = 120;

/**
 * YAML with every process option as it is in effect (environment and command line too), the groups, and the notes as
 * comments at the top.
 */
export function printConfig({ config, options, notes }: LoadedConfig, heading: string): string {
  const groups = Object.fromEntries(config.groups.map((group) => [group.name, groupToJson(group)]));
  return yamlText({ ...settingsOf(options, allOptions()), groups }, [heading, ...notes]);
}

/** Process options as they are in effect, in the shape of the file. */
export function settingsOf(
  options: readonly EffectiveOption[],
  known: readonly { readonly name: string; readonly option: { readonly default: unknown } }[],
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const defaults = new Map(known.map(({ name, option }) => [name, option.default]));
  for (const { name, written } of options) {
    const [section = '', key] = name.split('.');
    const plain = asNumber(written, defaults.get(name));
    if (key === undefined) value[section] = plain;
    else value[section] = { ...(value[section] as object | undefined), [key]: plain };
  }
  return value;
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

/** The environment knows text only; a number reads better without quotes. */
function asNumber(written: unknown, standard: unknown): unknown {
  return typeof standard === 'number' && typeof written === 'string' && /^\d+$/.test(written)
    ? Number(written)
    : written;
}
