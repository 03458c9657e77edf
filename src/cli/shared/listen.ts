/** Makes an HTTP interface listen, or reports the obstacle. */

import type { FastifyInstance } from 'fastify';
import type { ApiSection } from '../../api/server/tokens.js';
import { LlamaError } from '../../base/errors.js';
import type { EffectiveOption } from '../../config/options/optionSources.js';
import type { ApiSettings } from '../../config/types.js';
import { formatEndpoint } from '../../net/endpoint.js';
import { type Listening, listenHttp } from '../../net/listenHttp.js';

/**
 * Resolves with the URL and the bound address, with the port that the system chose for port 0. `warn` is called for
 * features that this host lacks; `setting` is where the address was set, for messages.
 * @throws LlamaError `LLAMA_ADDRESS_IN_USE`, or `LLAMA_SYSTEM_CALL`
 */
export async function listen(
  app: FastifyInstance,
  { host, port }: Pick<ApiSettings, 'host' | 'port'>,
  warn: (text: string) => void,
  setting: string,
  section: ApiSection = 'api',
): Promise<Pick<Listening, 'url' | 'bound'>> {
  try {
    const { url, bound, withoutIpv6 } = await listenHttp(app, host, port, true);
    if (withoutIpv6 !== undefined)
      warn(
        `the API listens on 0.0.0.0:${new URL(url).port}, IPv4 only, in the place of [::]: ${withoutIpv6}; this host or this process has no IPv6`,
      );
    return { url, bound };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const where = formatEndpoint({ address: host, port });
    if (code === 'EADDRINUSE')
      throw new LlamaError(
        'LLAMA_ADDRESS_IN_USE',
        `the API cannot listen on ${where}: EADDRINUSE, another program has the port (ss -ltnp shows it); end that, or choose another by ${section}.listen or --listen`,
        { cause },
      );
    throw new LlamaError(
      'LLAMA_SYSTEM_CALL',
      `the API cannot listen on ${where}: ${message}; ${code === 'EADDRNOTAVAIL' ? `this host does not have the address; choose another by ${setting}` : `check ${setting}`}`,
      {
        cause,
      },
    );
  }
}

/** The setting of an API's address: an option of the command line, a variable, or a key of the config. */
export function listenSetting(options: readonly EffectiveOption[], section: ApiSection = 'api'): string {
  const name = `${section}.listen`;
  const origin = options.find((option) => option.name === name)?.origin;
  if (origin?.from === 'command line') return origin.flag;
  return origin?.from === 'environment' ? `the environment variable ${origin.variable}` : name;
}
