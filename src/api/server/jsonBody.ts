/** JSON bodies of requests, examined with yields before they are parsed: problems are reported with their position. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { inTurns } from '../../base/yielding.js';
import { andMore, found } from '../../config/files/problems.js';
import { jsonProblems } from './jsonText.js';

const BYTE_ORDER_MARK = 0xfeff;

/** Parses the bodies of requests whose content type is JSON. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request: FastifyRequest, body: string) => {
    refuseCompressed(request.headers['content-encoding'], body);
    return parseJsonBody(body);
  });
}

/** Compressed bodies are refused: decompression would let a small request become a large one. */
function refuseCompressed(encoding: string | undefined, body: string): void {
  const plain = encoding === undefined || encoding.toLowerCase() === 'identity';
  // The first byte of gzip; the second is no UTF-8.
  if (plain && !body.startsWith('\u001f')) return;
  const what = plain ? 'a body compressed with gzip' : `a body with the content encoding ${found(encoding)}`;
  throw new LlamaError('LLAMA_MEDIA_TYPE', `found ${what}, expected JSON that is not compressed; send it as it is`);
}

/**
 * @throws LlamaError `LLAMA_REQUEST_INVALID` with the line and column of each syntax error, and of every duplicate key
 * of an object.
 */
export async function parseJsonBody(body: string): Promise<unknown> {
  const text = body.charCodeAt(0) === BYTE_ORDER_MARK ? body.slice(1) : body;
  const { listed, count } = await inTurns(jsonProblems(text));
  // A tag may have any name: `JSON.parse` makes `__proto__` an ordinary key, and no code assigns by the keys of a body.
  if (count === 0) return JSON.parse(text);
  const lines = listed.map(
    ({ path, message, line, column }) => `line ${line}, column ${column}: ${path === '' ? '' : `${path}: `}${message}`,
  );
  throw new LlamaError('LLAMA_REQUEST_INVALID', `${lines.join('\n')}${andMore(count, listed.length)}`, {
    problems: listed,
    problemCount: count,
  });
}
