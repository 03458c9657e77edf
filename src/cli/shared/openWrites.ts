/** The warning of `llama check` and of a start about changes that need no token. */

import type { ApiSection } from '../../api/server/tokens.js';
import type { ApiSettings } from '../../config/types.js';

/** The warning about changes that need no token; undefined when all need one. */
export function openWrites(
  api: Pick<ApiSettings, 'writes' | 'tokenFile'>,
  section: ApiSection = 'api',
): string | undefined {
  return api.tokenFile === null && api.writes === 'loopback'
    ? `every user and program of this host may ${section === 'api' ? 'change groups' : 'ask for a reload'} without a token, and so may clients of a proxy on it; ${section}.tokenFile or ${section}.writes: token ends that`
    : undefined;
}
