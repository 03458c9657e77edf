/** HTTPS: certificate and key from files, checked against each other before anything listens with them. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../../base/errors.js';
import { readSecret, readSmall, unusable } from '../../config/secrets.js';
import type { TlsFiles } from '../../config/types.js';
import type { ApiSection } from './tokens.js';

/** RFC 8996 deprecates older versions. */
const MIN_VERSION = 'TLSv1.2';

export type TlsOptions = Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion'>;

/**
 * Options for a server, and for `setSecureContext` of a running one.
 * @throws LlamaError `LLAMA_TLS_FILE` with the file and the remedy; `warn` is called for a key that all users can read,
 * and for dates.
 */
export function readTls(
  { certFile, keyFile }: TlsFiles,
  warn: (text: string) => void,
  section: ApiSection = 'api',
): TlsOptions {
  const certOption = `${section}.tlsCertFile`;
  const keyOption = `${section}.tlsKeyFile`;
  const cert = readSmall(certFile, certOption, 'LLAMA_TLS_FILE').text;
  const key = readSecret(keyFile, keyOption, 'LLAMA_TLS_FILE', warn);
  const certificate = attempt(
    certOption,
    () => new X509Certificate(cert),
    `${certFile} (${certOption}): found no certificate, expected PEM text that begins with -----BEGIN CERTIFICATE-----`,
  );
  const privateKey = attempt(
    keyOption,
    () => createPrivateKey(key),
    `${keyFile} (${keyOption}): found no private key, expected PEM text such as -----BEGIN PRIVATE KEY-----, without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw unusable(
      'LLAMA_TLS_FILE',
      keyOption,
      `${keyFile} (${keyOption}): found a key that is not that of ${certFile}, expected its own; are both files of the same age?`,
    );
  const now = Date.now();
  if (now > Date.parse(certificate.validTo))
    warn(
      `${certFile} (${certOption}): the certificate is valid no longer than ${certificate.validTo}; clients will refuse it`,
    );
  if (now < Date.parse(certificate.validFrom))
    warn(
      `${certFile} (${certOption}): the certificate is not valid before ${certificate.validFrom}; clients will refuse it`,
    );
  const options: TlsOptions = { cert, key, minVersion: MIN_VERSION };
  attempt(
    certOption,
    () => createSecureContext(options),
    `${certFile} (${certOption}): OpenSSL does not take it with ${keyFile}`,
  );
  return options;
}

function attempt<Value>(option: string, work: () => Value, message: string): Value {
  try {
    return work();
  } catch (cause) {
    const why = messageOf(cause);
    throw unusable('LLAMA_TLS_FILE', option, `${message} (${why})`);
  }
}
