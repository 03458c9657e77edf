/** Tokens, certificate and key of the API: read before anything is opened, and again when asked. */

import type { Server } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { BaseOptions } from '../../api/server/server.js';
import { readTls } from '../../api/server/tls.js';
import { type ApiSection, Tokens } from '../../api/server/tokens.js';
import { LlamaError } from '../../base/errors.js';
import { isLoopback } from '../../config/address.js';
import type { ApiSettings } from '../../config/types.js';
import { openWrites } from './openWrites.js';

/** The API's options for access control. */
type AccessSettings = Pick<
  ApiSettings,
  'host' | 'tokenFile' | 'readTokenFile' | 'writes' | 'allowRemoteWrites' | 'tls'
>;

export interface Access {
  readonly options: Pick<BaseOptions, 'tokens' | 'tls' | 'writes' | 'allowRemoteWrites' | 'section'>;
  /**
   * Reads and checks all files again; the returned function puts them in force. Open connections keep their
   * certificate.
   * @throws LlamaError `LLAMA_TOKEN_FILE` or `LLAMA_TLS_FILE`; nothing has changed then.
   */
  readonly readAgain: (app: FastifyInstance) => () => void;
}

/**
 * @throws LlamaError `LLAMA_TOKEN_FILE` or `LLAMA_TLS_FILE`: a service that was meant to be closed must not start open;
 * `LLAMA_CONFIG_INVALID` when changes from other hosts are allowed without protection.
 */
export function openAccess(api: AccessSettings, logger: Logger, section: ApiSection = 'api'): Access {
  const warn = (text: string): void => logger.warn(text);
  if (api.allowRemoteWrites === true && api.tokenFile === null)
    throw new LlamaError(
      'LLAMA_CONFIG_INVALID',
      `found ${section}.allowRemoteWrites without ${section}.tokenFile, expected both`,
    );
  const tokens = api.tokenFile === null ? undefined : new Tokens(api, warn, section);
  const tls = api.tls === null ? undefined : readTls(api.tls, warn, section);
  const open = openWrites(api, section);
  if (open !== undefined) logger.info(open);
  if (!isLoopback(api.host)) {
    if (tokens === undefined && api.writes === 'token') warn(`without ${section}.tokenFile the API is read-only`);
    else if (tokens === undefined)
      warn(
        `without ${section}.tokenFile the API is read-only for other hosts: changes are accepted from this host only`,
      );
    else if (tls === undefined)
      warn(
        `tokens cross the network as plain text; set ${section}.tlsCertFile and ${section}.tlsKeyFile, or listen on 127.0.0.1`,
      );
  }
  return {
    options: {
      section,
      writes: api.writes,
      allowRemoteWrites: api.allowRemoteWrites,
      ...(tokens === undefined ? {} : { tokens }),
      ...(tls === undefined ? {} : { tls }),
    },
    readAgain: (app) => {
      const enforceTokens = tokens?.readAgain(warn);
      const renewed = api.tls === null ? undefined : readTls(api.tls, warn, section);
      return () => {
        enforceTokens?.();
        if (enforceTokens !== undefined) logger.info('tokens read again');
        if (renewed === undefined) return;
        (app.server as unknown as Server).setSecureContext(renewed);
        logger.info('certificate read again');
      };
    },
  };
}
