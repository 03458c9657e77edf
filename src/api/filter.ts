/** Which rows a reader asks for, by group, target and class. */

import { parseAddress } from '../config/address.js';

export interface RowQuery {
  readonly group?: string;
  readonly target?: string;
  readonly class?: string;
}

/** What a row is about, as far as filters go. */
export interface FilteredInfo {
  readonly group: { readonly name: string };
  readonly target: { readonly address: string };
  readonly class: { readonly name: string };
}

export type RowFilter = (info: FilteredInfo) => boolean;

/** undefined when everything is asked for. A name that nothing has gives no rows; that is no error. */
export function rowFilter(query: RowQuery): RowFilter | undefined {
  const { group } = query;
  const target = query.target === undefined ? undefined : (parseAddress(query.target)?.address ?? query.target);
  const className = query.class?.toLowerCase();
  if (group === undefined && target === undefined && className === undefined) return undefined;
  return (info) =>
    (group === undefined || info.group.name === group) &&
    (target === undefined || info.target.address === target) &&
    (className === undefined || info.class.name === className);
}
