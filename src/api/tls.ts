/** HTTPS: certificate and key from files, checked against each other before anything listens with them. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { readSecret, readSmall, unusable } from '../config/secrets.js';
import type { TlsFiles } from '../config/types.js';

/** RFC 8996: what is older is broken. */
const MIN_VERSION = 'TLSv1.2';
const CERT = 'api.tlsCertFile';
const KEY = 'api.tlsKeyFile';

export type TlsOptions = Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion'>;

/**
 * Options for a server, and for `setSecureContext` of one that runs.
 * @throws LlamaError `LLAMA_TLS_FILE` with the file and the remedy; `warn` is told of a key that all can read, and of dates.
 */
export function readTls({ certFile, keyFile }: TlsFiles, warn: (text: string) => void): TlsOptions {
  const cert = readSmall(certFile, CERT, 'LLAMA_TLS_FILE').text;
  const key = readSecret(keyFile, KEY, 'LLAMA_TLS_FILE', warn);
  const certificate = attempt(
    CERT,
    () => new X509Certificate(cert),
    `${certFile} (${CERT}): found no certificate, expected PEM text that begins with -----BEGIN CERTIFICATE-----`,
  );
  const privateKey = attempt(
    KEY,
    () => createPrivateKey(key),
    `${keyFile} (${KEY}): found no private key, expected PEM text such as -----BEGIN PRIVATE KEY-----, without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw unusable(
      'LLAMA_TLS_FILE',
      KEY,
      `${keyFile} (${KEY}): found a key that is not that of ${certFile} (${certificate.subject.replaceAll('\n', ', ')}), expected its own; are both files of the same age?`,
    );
  const now = Date.now();
  if (now > Date.parse(certificate.validTo))
    warn(
      `${certFile} (${CERT}): the certificate is valid no longer than ${certificate.validTo}; clients will refuse it`,
    );
  if (now < Date.parse(certificate.validFrom))
    warn(`${certFile} (${CERT}): the certificate is not valid before ${certificate.validFrom}; clients will refuse it`);
  const options: TlsOptions = { cert, key, minVersion: MIN_VERSION };
  attempt(CERT, () => createSecureContext(options), `${certFile} (${CERT}): OpenSSL does not take it with ${keyFile}`);
  return options;
}

function attempt<Value>(option: string, work: () => Value, message: string): Value {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable('LLAMA_TLS_FILE', option, `${message} (${why})`, cause);
  }
}
