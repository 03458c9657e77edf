/**
 * Access control. One hook over all routes, by method: every method except GET and HEAD changes something. So a route
 * that is added later is closed by default.
 */

import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { isLoopback } from '../../config/address.js';
import type { WriteMode } from '../../config/types.js';
import { isManual } from './manual.js';
import { isPage } from './page.js';
import type { ApiSection, Tokens } from './tokens.js';

export interface AccessOptions {
  /** None: reading is open, and changes come from this host only. */
  readonly tokens?: Tokens;
  /** See the option `api.writes`; `loopback` when not given. */
  readonly writes?: WriteMode;
  /** See the option `api.allowRemoteWrites`. */
  readonly allowRemoteWrites?: boolean | null;
  /** The section of the config with these options, for messages; default `api`. */
  readonly section?: ApiSection;
}

export const sectionOf = ({ section = 'api' }: Pick<AccessOptions, 'section'>): ApiSection => section;

/** The name of the service for messages, by the section of its options. */
const SERVICES: Readonly<Record<ApiSection, string>> = { api: 'collector', scraper: 'scraper' };

/**
 * Routes for service managers, and the API's description: they reveal nothing of this collector's network, and browsers
 * send no token.
 */
const OPEN = new Set(['/healthz', '/readyz', '/openapi.json']);
const OPEN_BELOW = '/docs';

/** Whether a route can be read without a token, by its path as it was registered. */
export function isOpen(path: string | undefined): boolean {
  return (
    path !== undefined &&
    (OPEN.has(path) || path === OPEN_BELOW || path.startsWith(`${OPEN_BELOW}/`) || isManual(path) || isPage(path))
  );
}

/** Whether a request with this method only reads. */
export function onlyReads(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/**
 * The hook. It throws `LLAMA_UNAUTHORIZED` (401), `LLAMA_FORBIDDEN` (403: a token for reading only) and
 * `LLAMA_READ_ONLY` (403: not from this host), the first two with the challenge of RFC 6750 section 3.
 */
export function accessHook({ tokens, writes = 'loopback', allowRemoteWrites = null, section = 'api' }: AccessOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (onlyReads(request.method)) {
      if (tokens?.forReading && !isOpen(request.routeOptions.url)) requireGrant(tokens, request, reply, section);
      return;
    }
    if (writes === 'token' && !tokens?.forWriting)
      throw new LlamaError(
        'LLAMA_READ_ONLY',
        `found a change, expected none: ${section}.writes is token and there is no ${section}.tokenFile; set ${section}.tokenFile and start the ${SERVICES[section]} again, or change its config file and send it SIGHUP`,
      );
    if (allowRemoteWrites === false || !tokens?.forWriting) requireLocal(request, section);
    if (!tokens?.forWriting) requireOwnOrigin(request, section);
    else if (requireGrant(tokens, request, reply, section) !== 'write') {
      challenge(reply, 'insufficient_scope');
      throw new LlamaError(
        'LLAMA_FORBIDDEN',
        `found a token that allows reading only, expected the token of ${section}.tokenFile`,
      );
    }
  };
}

/** Whether a long-lived request may still read: the tokens may have been reloaded. */
export function mayStillRead({ tokens }: AccessOptions, request: FastifyRequest): boolean {
  return !tokens?.forReading || tokens.grantOf(request.headers.authorization) !== undefined;
}

function requireGrant(tokens: Tokens, request: FastifyRequest, reply: FastifyReply, section: ApiSection) {
  const { authorization } = request.headers;
  const grant = tokens.grantOf(authorization);
  if (grant !== undefined) return grant;
  challenge(reply, authorization === undefined ? undefined : 'invalid_token');
  throw new LlamaError(
    'LLAMA_UNAUTHORIZED',
    `found ${authorization === undefined ? 'no token' : 'a token that is not valid'}, expected the header "Authorization: Bearer TOKEN" with a token of this ${SERVICES[section]}`,
  );
}

function challenge(reply: FastifyReply, error: string | undefined): void {
  reply.header('www-authenticate', `Bearer realm="llama"${error === undefined ? '' : `, error="${error}"`}`);
}

/**
 * A proxy on this host makes all its clients look local. A proxy that sets one of these headers is recognized. One that
 * sets none (nginx, unless configured) can't be told from a local client: `api.writes: token` and `api.tokenFile` are
 * for that case.
 */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

function requireLocal(request: FastifyRequest, section: ApiSection): void {
  if (!isLoopback(request.ip))
    throw new LlamaError(
      'LLAMA_READ_ONLY',
      `found a request from ${request.ip}, expected one from the host of the ${SERVICES[section]} (127.0.0.1 or ::1); changes from elsewhere need ${section}.tokenFile`,
    );
  const header = PROXY_HEADERS.find((name) => request.headers[name] !== undefined);
  if (header !== undefined)
    throw new LlamaError(
      'LLAMA_READ_ONLY',
      `found the header ${header}, so a proxy passed this request on; changes through a proxy need ${section}.tokenFile`,
    );
}

/**
 * A foreign web page in a browser on this host must not change anything. Its name may have been made to resolve to the
 * loopback address (DNS rebinding), so only an address or `localhost` is accepted. With tokens this check is not
 * needed: such a page knows none.
 */
function requireOwnOrigin(request: FastifyRequest, section: ApiSection): void {
  const { origin } = request.headers;
  if (origin !== undefined && !isLocalOrigin(origin))
    throw new LlamaError(
      'LLAMA_READ_ONLY',
      `found the web origin ${origin}, expected this ${SERVICES[section]}'s own page`,
    );
}

function isLocalOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const host = new URL(origin).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}
