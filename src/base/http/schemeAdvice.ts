/** Errors of URLs with the wrong scheme: http to a TLS port, or https to a port without TLS. */

const TLS_ALERT = 21;
const TLS_HANDSHAKE = 22;
/** Answers of web servers (Go, nginx) to plain HTTP on a TLS port. */
const PLAIN_REFUSED = /HTTP request (was sent )?to (an )?HTTPS (server|port)/i;

export const SPEAKS_TLS = 'it speaks TLS; write https://';
const SPEAKS_NO_TLS = 'it does not speak TLS; write http://';

/** The correction for a request that failed before an answer; undefined when the scheme is an unlikely cause. */
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
  // OpenSSL closes the connection without an answer.
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return `the connection was cut off before an answer; if it speaks TLS, write https:// (${code})`;
  return undefined;
}

/** Whether an answer says that the port is for TLS only. */
export function refusesPlainHttp(protocol: string, status: number, body: string): boolean {
  return protocol === 'http:' && status === 400 && PLAIN_REFUSED.test(body);
}
