/** Errors that say that a URL has the wrong scheme: http where the other side speaks TLS, or https where it does not. */

const TLS_ALERT = 21;
const TLS_HANDSHAKE = 22;
/** What web servers answer to plain HTTP on a port for TLS: those in Go, and nginx. */
const PLAIN_REFUSED = /HTTP request (was sent )?to (an )?HTTPS (server|port)/i;

export const SPEAKS_TLS = 'it speaks TLS; write https://';
const SPEAKS_NO_TLS = 'it does not speak TLS; write http://';

/** What to write instead, for a request that failed before an answer came; undefined when the scheme is no likely reason. */
export function schemeAdvice(protocol: string, cause: unknown): string | undefined {
  const { code = '', message, rawPacket } = cause as NodeJS.ErrnoException & { readonly rawPacket?: unknown };
  if (protocol === 'https:') {
    if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return `${SPEAKS_NO_TLS} (${code})`;
    if (code === 'ECONNRESET' && message.includes('before secure TLS connection'))
      return `the connection was cut off before TLS began; if it does not speak TLS, write http:// (${code})`;
    return undefined;
  }
  // A TLS record in place of an answer.
  if (Buffer.isBuffer(rawPacket) && (rawPacket[0] === TLS_ALERT || rawPacket[0] === TLS_HANDSHAKE))
    return `${SPEAKS_TLS} (${code})`;
  // OpenSSL ends the connection without a word.
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return `the connection was cut off before an answer; if it speaks TLS, write https:// (${code})`;
  return undefined;
}

/** Whether an answer says that the port is for TLS only. */
export function refusesPlainHttp(protocol: string, status: number, body: string): boolean {
  return protocol === 'http:' && status === 400 && PLAIN_REFUSED.test(body);
}
