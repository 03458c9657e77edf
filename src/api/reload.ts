/** `POST /v1/reload`: reads the config file again, as SIGHUP does. What that means is decided by whoever hands the function in. */

import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { requireLocalWriter } from './guard.js';
import { NoQuery } from './schemas.js';

export const ReloadSchema = Type.Object({
  groups: Type.Integer({ description: 'groups that the file has now' }),
});

/** Resolves when the file is in force; rejects with a LlamaError that says what is wrong with it, and changes nothing. */
export type Reload = () => Promise<Static<typeof ReloadSchema>>;

export function reloadRoute(app: FastifyInstance, reload: Reload): void {
  app.post(
    '/v1/reload',
    { schema: { querystring: NoQuery, response: { 200: ReloadSchema } }, onRequest: requireLocalWriter },
    () => reload(),
  );
}
