/**
 * The shapes of the sources that a group's targets may come from, once: for the config file, for REST bodies and for
 * the API's documentation. As in `groupSchema.ts`, a `description` starts with the expected value; after `: ` it states
 * the purpose.
 */

import { Type } from 'typebox';

/** Keys that define the targets of a group; a group has exactly one of them. */
export const TARGET_KEYS = ['targets', 'fromFile', 'fromHttp', 'fromDns'] as const;

export const DNS_TYPES = ['A', 'AAAA', 'A+AAAA', 'SRV'] as const;

const allowEmpty = Type.Optional(
  Type.Boolean({
    default: false,
    description:
      'true or false: whether an answer without any target empties the group; false: it is an error, and the last targets stay',
  }),
);

const REFRESH = 'a duration such as 5s, 1m, from 1s to 24h';

export const FromFileSchema = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      description:
        'a path of a file: JSON or YAML as Prometheus reads it (file_sd); relative to the working directory; by REST only in api.allowedDirectories',
    }),
    refresh: Type.Optional(
      Type.String({ default: '30s', description: `${REFRESH}: how often it is read when no change was noticed` }),
    ),
    allowEmpty,
  },
  {
    additionalProperties: false,
    description: 'a map with path, and maybe refresh and allowEmpty: a file with the targets',
  },
);

export const FromHttpSchema = Type.Object(
  {
    url: Type.String({
      description:
        'a URL with http:// or https:// and without a password: it answers with JSON as Prometheus reads it (http_sd); by REST only below api.allowedUrls',
    }),
    refresh: Type.Optional(Type.String({ default: '60s', description: `${REFRESH}: how often it is asked` })),
    timeout: Type.Optional(
      Type.String({
        default: '10s',
        description: 'a duration from 100ms to 60s: the whole answer must be there by then',
      }),
    ),
    tokenFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'a path of a file: the bearer token in it is sent; it is read again for every request; by REST only in api.allowedDirectories',
      }),
    ),
    allowEmpty,
  },
  {
    additionalProperties: false,
    description:
      'a map with url, and maybe refresh, timeout, tokenFile and allowEmpty: an HTTP server with the targets',
  },
);

export const FromDnsSchema = Type.Object(
  {
    name: Type.String({
      description: 'a full DNS name: its records are the targets; search lists and /etc/hosts are not consulted',
    }),
    type: Type.Optional(
      Type.String({
        default: 'A+AAAA',
        description: `one of ${DNS_TYPES.join(', ')}: which records; SRV has ports and names, whose A and AAAA records are the targets`,
      }),
    ),
    refresh: Type.Optional(
      Type.String({ description: `${REFRESH}: how often it is asked; the records' TTL when not given` }),
    ),
    allowEmpty,
  },
  {
    additionalProperties: false,
    description: 'a map with name, and maybe type, refresh and allowEmpty: a DNS name with the targets',
  },
);
