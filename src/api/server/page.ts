/**
 * `/`: the web page, as `npm run build` made it in `dist/ui`. Static files only: there are no data in them, so they
 * need no token, and the page asks for data with the token that its user gives it.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Next to `dist/src`. */
const BUILT = fileURLToPath(new URL('../../../ui/', import.meta.url));
/** Files below it have a hash of their content in their name. */
const HASHED = '/assets/';
const YEAR_SECONDS = 31_536_000;

/** Registers the page's files; none when they were not built, as after `tsc` alone. */
export function pageRoutes(app: FastifyInstance, directory = BUILT): void {
  if (!existsSync(directory)) return;
  app.register(fastifyStatic, {
    root: directory,
    // A route for each file: a missing one gets the same answer as everywhere.
    wildcard: false,
    decorateReply: false,
    cacheControl: false,
    setHeaders(response, path) {
      response.header(
        'cache-control',
        path.includes(HASHED) ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache',
      );
    },
  });
}

/** Whether a route, by its path as it was registered, is one of the page's files. */
export function isPage(path: string): boolean {
  return path === '/' || path === '/index.html' || path === '/icon.svg' || path.startsWith(HASHED);
}
