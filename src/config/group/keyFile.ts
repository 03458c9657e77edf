/**
 * Files of HMAC keys, of reflectors and collectors: a key a line, the first one signs, all of them are accepted.
 *
 * | line | key |
 * | --- | --- |
 * | `1f2e3d…` or `hex:1f2e3d…` | the bytes, two hexadecimal digits each |
 * | `text:secret` | the characters behind the colon to the end of the line, in UTF-8 |
 * | empty, or beginning with `#` | none |
 *
 * The content of the file gets into no message.
 */

import { LlamaError } from '../../base/errors.js';
import { MAX_KEY_BYTES, MAX_KEYS } from '../../wire/hmac.js';
import { readSecret } from '../secrets.js';

/** Shorter keys can be guessed by an attacker who has captured a packet. */
const SAFE_KEY_BYTES = 16;
const REMEDY = 'make one with: openssl rand -hex 32';

/**
 * The keys in a file, at least one. `option` is how the user named the file. `warn` is called for a file that all users
 * can read, and for short keys. `directories` bound where the file may be; absent: anywhere.
 * @throws LlamaError `LLAMA_KEY_FILE` with file, line and remedy
 */
export function readKeyFile(
  file: string,
  option: string,
  warn: (text: string) => void,
  directories?: readonly string[],
): readonly Uint8Array[] {
  const text = readSecret(file, option, 'LLAMA_KEY_FILE', warn, directories);
  const keys: Uint8Array[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const where = `${file} (${option}), line ${i + 1}`;
    const key = keyOf(line);
    if (typeof key === 'string') throw new LlamaError('LLAMA_KEY_FILE', `${where}: ${key}`);
    if (keys.some((known) => Buffer.compare(known, key) === 0))
      throw new LlamaError(
        'LLAMA_KEY_FILE',
        `${where}: found a key that is there already, expected each key once; remove it`,
      );
    if (key.length < SAFE_KEY_BYTES)
      warn(`${where}: the key has ${key.length} bytes; fewer than ${SAFE_KEY_BYTES} can be guessed; ${REMEDY}`);
    keys.push(key);
  }
  if (keys.length === 0)
    throw new LlamaError('LLAMA_KEY_FILE', `${file} (${option}): found no key, expected a line with one; ${REMEDY}`);
  if (keys.length > MAX_KEYS)
    throw new LlamaError(
      'LLAMA_KEY_FILE',
      `${file} (${option}): found ${keys.length} keys, expected at most ${MAX_KEYS}; remove those that nobody signs with any more`,
    );
  return keys;
}

/** The key in a line, or the error in it. */
function keyOf(line: string): Uint8Array | string {
  const key = line.startsWith('text:')
    ? Buffer.from(line.slice('text:'.length))
    : hexKey(line.trim().replace(/^hex:/, ''));
  if (typeof key === 'string') return key;
  if (key.length === 0) return `found an empty key, expected 1 to ${MAX_KEY_BYTES} bytes; ${REMEDY}`;
  return key.length > MAX_KEY_BYTES
    ? `found a key of ${key.length} bytes, expected at most ${MAX_KEY_BYTES}; ${REMEDY}`
    : key;
}

function hexKey(digits: string): Uint8Array | string {
  if (!/^[0-9a-f]*$/i.test(digits))
    return "found other characters than hexadecimal digits, expected those, or 'text:' before a key that is written as text";
  return digits.length % 2 === 0
    ? Buffer.from(digits, 'hex')
    : `found ${digits.length} hexadecimal digits, expected two for each byte; is one missing?`;
}
