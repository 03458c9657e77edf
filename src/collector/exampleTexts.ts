/** The example of a prober's counter in words, for its warning. */

import type { Totals } from '../contract/collectorStatus.js';
import { packetText, peerText, refusalText } from '../counters/exampleText.js';
import { addressText } from '../net/address.js';
import { formatEndpoint } from '../net/endpoint.js';
import type { Example } from '../ring/examples.js';
import { icmpReason } from '../stats/reasons.js';
import type { StreamInfo } from './results/results.js';

/** `info`: the stream of the packet; undefined when it belongs to none. */
export function exampleText(counter: keyof Totals, example: Example, info: StreamInfo | undefined): string {
  switch (counter) {
    case 'sendErrors':
      return refusalText(example);
    case 'icmpUnmatched': {
      const [type, code] = [example.code >> 8, example.code & 0xff];
      return `${icmpReason(example.version, type, code)} (type ${type}, code ${code}) from ${peerText(example)}`;
    }
    default:
      return packetText(example) + askedText(example, info);
  }
}

/** Whom the probe was for, where that is somebody else. */
function askedText({ address, port }: Example, info: StreamInfo | undefined): string {
  if (info === undefined) return '';
  const { target } = info;
  return target.address === addressText(address) && target.port === port
    ? ''
    : ` for a probe of ${formatEndpoint(target)}`;
}
