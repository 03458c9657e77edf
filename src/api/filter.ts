/** Which rows a reader asks for, by group, target and class. */

import type { StreamInfo } from '../collector/results.js';
import { parseAddress } from '../config/address.js';

export interface RowQuery {
  readonly group?: string;
  readonly target?: string;
  readonly class?: string;
}

export type RowFilter = (info: StreamInfo) => boolean;

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
