/**
 * `/manual/`: the documents of this version as a static site, as `npm run build` made it in `dist/manual`. There are no
 * data in it, so it needs no token.
 */

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { pathOf } from './errors.js';

/** Next to `dist/src`. */
const BUILT = fileURLToPath(new URL('../../../manual/', import.meta.url));
const PATH = '/manual';

/** Registers the manual; where it was not built, an answer that says so. */
export function manualRoutes(app: FastifyInstance, directory = BUILT): void {
  const schema = { hide: true };
  const built = existsSync(directory);
  const files = new Set(built ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : []);
  if (built) app.register(fastifyStatic, { root: directory, serve: false });
  // Relative: a proxy may serve all of this below a prefix.
  app.get(PATH, { schema }, (_request, reply) => reply.redirect('manual/', 308));
  // One route, because a route for each of a hundred files would delay every start.
  app.get<FilePath>(`${PATH}/*`, { schema }, (request, reply) => {
    const file = request.params['*'] || 'index.html';
    if (!built)
      throw new LlamaError(
        'LLAMA_NOT_FOUND',
        'found no manual in this installation, expected it in dist/manual; "npm run docs:site" builds it',
      );
    if (!files.has(file) || !file.includes('.'))
      throw new LlamaError(
        'LLAMA_NOT_FOUND',
        `found ${request.method} ${pathOf(request)}, expected a page of the manual; ${PATH}/ leads to all of them`,
      );
    return reply.header('cache-control', 'no-cache').sendFile(file, { cacheControl: false });
  });
}

interface FilePath {
  readonly Params: { readonly '*': string };
}

/** Whether a route, by its path as it was registered, is a file of the manual. */
export function isManual(path: string): boolean {
  return path === PATH || path.startsWith(`${PATH}/`);
}
