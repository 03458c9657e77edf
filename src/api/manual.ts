/**
 * `/manual/`: the documents of this version as a static site, as `npm run build` made it in `dist/manual`. There are no data in it, so it needs
 * no token.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../errors.js';

/** Beside `dist/src/api`. */
const BUILT = fileURLToPath(new URL('../../manual/', import.meta.url));
const PATH = '/manual';

/** Registers the files of the manual; where they were not built, an answer that says so. */
export function manualRoutes(app: FastifyInstance, directory = BUILT): void {
  const schema = { hide: true };
  if (!existsSync(directory)) {
    const absent = (): never => {
      throw new LlamaError(
        'LLAMA_NOT_FOUND',
        'found no manual in this installation, expected it in dist/manual; "npm run docs:site" builds it',
      );
    };
    app.get(PATH, { schema }, absent);
    app.get(`${PATH}/*`, { schema }, absent);
    return;
  }
  // Relative: a proxy may serve all of this below a prefix.
  app.get(PATH, { schema }, (_request, reply) => reply.redirect('manual/', 308));
  app.register(fastifyStatic, {
    root: directory,
    prefix: `${PATH}/`,
    // A route for each file: a page that is not there is answered as everywhere.
    wildcard: false,
    decorateReply: false,
    cacheControl: false,
    setHeaders(response) {
      response.header('cache-control', 'no-cache');
    },
  });
}

/** Whether a route, by its path as it was registered, is a file of the manual. */
export function isManual(path: string): boolean {
  return path === PATH || path.startsWith(`${PATH}/`);
}
