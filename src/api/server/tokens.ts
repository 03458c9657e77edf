/**
 * Bearer tokens from files. Only their hashes are kept, and compared in constant time; no part of a token is ever
 * logged or sent.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { readSecret, unusable } from '../../config/secrets.js';
import type { ApiSettings } from '../../config/types.js';

/** The permission of a token. Write includes read. */
type Grant = 'write' | 'read';

/** The section of the config with the options of the API: `api` of a collector, `scraper` of a scraper. */
export type ApiSection = 'api' | 'scraper';

/** RFC 6750 section 2.1, `b64token`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** Shorter ones can be guessed in the lifetime of a collector. */
const SAFE_LENGTH = 16;
const HASH_BYTES = 32;

type TokenFiles = Pick<ApiSettings, 'tokenFile' | 'readTokenFile'>;

type Hash = Uint8Array;
interface Hashes {
  readonly write: Hash | undefined;
  readonly read: Hash | undefined;
}

export class Tokens {
  private readonly files: TokenFiles;
  private readonly section: ApiSection;
  private hashes: Hashes;

  /**
   * @throws LlamaError `LLAMA_TOKEN_FILE` with the remedy; `warn` is called for files that all users can read, and for
   * short tokens.
   */
  constructor(files: TokenFiles, warn: (text: string) => void, section: ApiSection = 'api') {
    this.files = files;
    this.section = section;
    this.hashes = readHashes(files, section, warn);
  }

  /** True when changes need a token. */
  get forWriting(): boolean {
    return this.hashes.write !== undefined;
  }

  /** True when reading needs a token too. */
  get forReading(): boolean {
    return this.hashes.read !== undefined;
  }

  /**
   * Reads the files again. The returned function puts them in force; until then, or when this throws, nothing changes.
   */
  readAgain(warn: (text: string) => void): () => void {
    const hashes = readHashes(this.files, this.section, warn);
    return () => {
      this.hashes = hashes;
    };
  }

  /** The grant of the header `Authorization`; undefined when it is missing, or its token is unknown. */
  grantOf(authorization: string | undefined): Grant | undefined {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const hash = hashOf(token);
    // Both are always compared: the time must not show which of them is similar.
    const writes = equal(hash, this.hashes.write);
    const reads = equal(hash, this.hashes.read);
    if (writes) return 'write';
    return reads ? 'read' : undefined;
  }
}

function readHashes(
  { tokenFile, readTokenFile }: TokenFiles,
  section: ApiSection,
  warn: (text: string) => void,
): Hashes {
  const write = readToken(tokenFile, `${section}.tokenFile`, warn);
  const read = readToken(readTokenFile, `${section}.readTokenFile`, warn);
  if (write !== undefined && equal(write, read))
    throw unusable(
      'LLAMA_TOKEN_FILE',
      `${section}.readTokenFile`,
      `${readTokenFile} (${section}.readTokenFile): found the token of ${section}.tokenFile, expected another one; readers could make changes with it`,
    );
  return { write, read };
}

function readToken(file: string | null, option: string, warn: (text: string) => void): Hash | undefined {
  if (file === null) return undefined;
  const token = readSecret(file, option, 'LLAMA_TOKEN_FILE', warn).trim();
  const remedy = 'make one with: openssl rand -hex 32';
  if (token === '')
    throw unusable('LLAMA_TOKEN_FILE', option, `${file} (${option}): found an empty file, expected a token; ${remedy}`);
  if (!TOKEN.test(token))
    throw unusable(
      'LLAMA_TOKEN_FILE',
      option,
      `${file} (${option}): found characters that a bearer token cannot have, expected one line of letters, digits and any of - . _ ~ + / ; ${remedy}`,
    );
  if (token.length < SAFE_LENGTH)
    warn(
      `${file} (${option}): the token has ${token.length} characters; fewer than ${SAFE_LENGTH} can be guessed; ${remedy}`,
    );
  return hashOf(token);
}

function hashOf(token: string): Hash {
  return createHash('sha256').update(token).digest();
}

const NOTHING = new Uint8Array(HASH_BYTES);

function equal(hash: Hash, other: Hash | undefined): boolean {
  return timingSafeEqual(hash, other ?? NOTHING) && other !== undefined;
}
