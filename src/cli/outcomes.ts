/** What became of a measurement by hand: the exit code of `llama probe`, and the outcomes that are no answer, in words. Pure. */

import { formatEndpoint } from '../net/endpoint.js';
import { errnoText, tooBigText, unreachableList } from '../stats/reasons.js';
import type { ResultRow } from './rows.js';

type Outcomes = Pick<ResultRow, 'sent' | 'received'>;

/** 0: something was received; 2: nothing was sent; 3: nothing was received. */
export function exitCode(rows: readonly Outcomes[]): 0 | 2 | 3 {
  if (rows.some(({ received }) => received > 0)) return 0;
  return rows.some(({ sent }) => sent > 0) ? 3 : 2;
}

/** A line for each reason why probes of a row got no answer, but for silence. */
export function reasonLines(row: ResultRow): string[] {
  const { target, sent, lost, sendErrors, unreachable, tooBig, localDrops } = row;
  const notSent = row.sendErrorsBy ?? [];
  const named = notSent.reduce((sum, { count }) => sum + count, 0);
  return [
    ...notSent.map(({ count, errno }) => `${count} not sent: ${errnoText(errno, target)}`),
    ...(sendErrors > named ? [`${sendErrors - named} not sent`] : []),
    ...(unreachable > 0 ? [`unreachable: ${unreachableList(row.unreachableBy ?? [], row).join(', ')}`] : []),
    ...(tooBig > 0 ? [`${tooBig} × ${tooBigText(row.mtu)}`] : []),
    ...(row.protocol === 'tcp-syn' && row.port === 0 && sent > 0 && lost === sent ? [silentPort0(target)] : []),
    ...(localDrops > 0 ? [`${localDrops} × dropped by this host: its receive queue was full`] : []),
  ];
}

const silentPort0 = (target: string): string =>
  `no answer to SYNs to port 0, the default of tcp-syn; a firewall likely drops them: name a TCP port that it lets through, open or closed, such as ${formatEndpoint({ address: target, port: 443 })}`;
