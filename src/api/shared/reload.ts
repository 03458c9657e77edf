/**
 * `POST /v1/reload`: reads the config file again, as SIGHUP does. The function that is passed in decides the details.
 */

import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import type { ErrorCode } from '../../base/errors.js';
import { NoQuery } from '../server/schemas.js';

const names = (description: string) => Type.Array(Type.String(), { description });

const ReloadSchema = Type.Object(
  {
    added: names('groups that the file has and that were not probed'),
    changed: names('groups that are probed otherwise now'),
    removed: names('groups that the file has no more'),
    kept: names('groups of the file that were set or removed over REST: what REST said stays'),
    restart: names('options that have another value than at the start; they take effect at the next start'),
    notes: names("what of a configuration of Dropbox's LLAMA is not carried over"),
  },
  { description: 'config, tokens and certificate are in force' },
);

/** Resolves when the file is in force; rejects with a LlamaError that names the problems, and changes nothing. */
export type Reload = () => Promise<ReloadAnswer>;

/** The effect of a reload; a `ReloadReport` is one. */
export type ReloadAnswer = { readonly [Key in keyof Static<typeof ReloadSchema>]: readonly string[] };

/** The route's documentation where it does not reload the groups of a collector. */
interface ReloadDescription {
  readonly schema: TSchema;
  readonly summary: string;
  readonly problems: readonly ErrorCode[];
}

const OF_COLLECTOR: ReloadDescription = {
  schema: ReloadSchema,
  summary: 'Read the config file, tokens and certificate again',
  problems: [
    'LLAMA_CONFIG_UNREADABLE',
    'LLAMA_CONFIG_SYNTAX',
    'LLAMA_CONFIG_INVALID',
    'LLAMA_GROUP_INVALID',
    'LLAMA_PLAN_TOO_LARGE',
    'LLAMA_TOKEN_FILE',
    'LLAMA_TLS_FILE',
    'LLAMA_STATE_UNWRITABLE',
    'LLAMA_NOT_READY',
  ],
};

export function reloadRoute<Answer>(
  app: FastifyInstance,
  reload: () => Promise<Answer>,
  { schema, summary, problems }: ReloadDescription = OF_COLLECTOR,
): void {
  app.post(
    '/v1/reload',
    {
      schema: {
        operationId: 'reload',
        summary,
        tags: ['service'],
        querystring: NoQuery,
        response: { 200: schema },
        problems,
      },
    },
    () => reload(),
  );
}
