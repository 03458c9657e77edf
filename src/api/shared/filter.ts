/** Filters rows for a reader, by group, target and class. */

import { LlamaError, type Problem } from '../../base/errors.js';
import { parseAddress } from '../../config/address.js';
import { found, unknownWord } from '../../config/files/problems.js';
import { CLASS_NAMES, parseClass } from '../../config/group/classes.js';
import { GROUP_NAME } from '../../config/group/group.js';

interface RowQuery {
  readonly group?: string;
  readonly target?: string;
  readonly class?: string;
}

/** The fields of a row that filters apply to. */
export interface FilteredInfo {
  readonly group: { readonly name: string };
  readonly target: { readonly address: string };
  readonly class: { readonly name: string };
}

export type RowFilter = (info: FilteredInfo) => boolean;

/**
 * undefined when all rows are requested. An unknown group, target or class gives no rows and no error.
 * @throws LlamaError `LLAMA_REQUEST_INVALID` for an impossible value: with a typo all would seem silent.
 */
export function rowFilter(query: RowQuery): RowFilter | undefined {
  const { group } = query;
  const target = query.target === undefined ? undefined : parseAddress(query.target)?.address;
  const className = query.class === undefined ? undefined : parseClass(query.class)?.name;
  const problems: Problem[] = [];
  const wrong = (name: keyof RowQuery, message: string): void => {
    problems.push({ path: `/query/${name}`, message: `the query parameter ${name}: ${message}` });
  };
  if (group !== undefined && !GROUP_NAME.test(group))
    wrong(
      'group',
      `found ${found(group)}, expected the name of a group: 1 to 64 letters, digits, dots, dashes and underscores; GET /v1/groups lists them`,
    );
  if (query.target !== undefined && target === undefined)
    wrong('target', `found ${found(query.target)}, expected the IPv4 or IPv6 address of a target, without a port`);
  if (query.class !== undefined && className === undefined)
    wrong('class', unknownWord(query.class, `a class: ${CLASS_NAMES.join(', ')} or a DSCP from 0 to 63`, CLASS_NAMES));
  if (problems.length > 0)
    throw new LlamaError('LLAMA_REQUEST_INVALID', problems.map(({ message }) => message).join('\n'), { problems });
  if (group === undefined && target === undefined && className === undefined) return undefined;
  return (info) =>
    (group === undefined || info.group.name === group) &&
    (target === undefined || info.target.address === target) &&
    (className === undefined || info.class.name === className);
}
