/** Keys and certificates for tests, made by the openssl command. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A new self-signed certificate for 127.0.0.1 and its key; the files lie in `folder`. */
export function makeCertificate(folder: string, name: string): { readonly certFile: string; readonly keyFile: string } {
  const certFile = join(folder, `${name}-cert.pem`);
  const keyFile = join(folder, `${name}-key.pem`);
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'pipe' });
  return { certFile, keyFile };
}
