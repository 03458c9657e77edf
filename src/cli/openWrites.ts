/** What `llama check` and a start say of changes that need no token. */

import type { ApiSettings } from '../config/types.js';

/** What to know of changes that need no token; undefined when all need one. */
export function openWrites(api: Pick<ApiSettings, 'writes' | 'tokenFile'>): string | undefined {
  return api.tokenFile === null && api.writes === 'loopback'
    ? 'every user and program of this host may change groups without a token, and so may clients of a proxy on it; api.tokenFile or api.writes: token ends that'
    : undefined;
}
