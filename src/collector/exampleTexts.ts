/** The example of a prober's counter in words, for its warning. */

import { addressText } from '../net/address.js';
import { formatEndpoint } from '../net/endpoint.js';
import { errnoName } from '../net/libc.js';
import type { Example } from '../ring/examples.js';
import { errnoText, icmpReason } from '../stats/reasons.js';
import type { StreamInfo } from './results.js';
import type { Totals } from './service.js';

/** `info`: of the stream that the packet belongs to; undefined when it belongs to none. */
export function exampleText(counter: keyof Totals, example: Example, info: StreamInfo | undefined): string {
  const address = addressText(example.address);
  // Below UDP there is no port.
  const peer = example.port === 0 ? address : formatEndpoint({ address, port: example.port });
  switch (counter) {
    case 'sendErrors':
      return errnoText(errnoName(example.code), address);
    case 'tooBig':
      return `to ${peer}${example.mtu === 0 ? '' : ` (mtu ${example.mtu})`}`;
    case 'icmpUnmatched':
      return `${icmpReason(example.version, example.code >> 8, example.code & 0xff)} (type ${example.code >> 8}, code ${example.code & 0xff}) from ${peer}`;
    default: {
      const asked = info === undefined ? undefined : info.target;
      const other = asked === undefined || (asked.address === address && asked.port === example.port);
      return `${example.bytes} bytes from ${peer}${other ? '' : ` for a probe of ${formatEndpoint(asked)}`}`;
    }
  }
}
