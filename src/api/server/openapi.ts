/**
 * The API's documentation: `/openapi.json` (OpenAPI 3.1) from the schemas of the routes, and `/docs` to read and try
 * it. Parts that every route has (tokens, limits, problem documents) are added here once; a route declares only its
 * own.
 */

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { ERROR_TABLE, type ErrorCode } from '../../base/errors.js';
import { VERSION } from '../../base/version.js';
import { isOpen, onlyReads } from './access.js';
import { NoQuery, PROBLEM_TYPE, ProblemSchema } from './schemas.js';
import type { ApiSection, Tokens } from './tokens.js';

declare module 'fastify' {
  interface FastifySchema {
    /** Codes that this route may answer with, in addition to the codes of every route. */
    readonly problems?: readonly ErrorCode[];
  }
}

/** Description of a service in its documentation. */
export interface ApiDescription {
  readonly title: string;
  readonly description: string;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  /** The section of the config that has the options of the API. */
  readonly section: ApiSection;
}

const OF_BODY: readonly ErrorCode[] = ['LLAMA_REQUEST_INVALID', 'LLAMA_BODY_TOO_LARGE', 'LLAMA_MEDIA_TYPE'];
const OF_WRITING: readonly ErrorCode[] = ['LLAMA_FORBIDDEN', 'LLAMA_READ_ONLY'];

/** Registers both pages; call before the routes are, so that they are seen. */
export function documentApi(app: FastifyInstance, about: ApiDescription, tokens: Tokens | undefined): void {
  const { title, description, tags, section } = about;
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version: VERSION, description, license: { name: 'Apache-2.0' } },
      tags: [...tags],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: `the token of ${section}.tokenFile, or of ${section}.readTokenFile`,
          },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ url, schema: complete(schema ?? {}, url, route, tokens) }),
    transformObject: (given) => ('openapiObject' in given ? withShared(given.openapiObject) : given.swaggerObject),
  });
  app.register(swaggerUi, {
    routePrefix: '/docs',
    // Files and requests are relative to the page: a proxy may serve all of this below a prefix.
    indexPrefix: '.',
    transformSpecification: (document) => ({ ...document, servers: [{ url: '..' }] }),
    transformSpecificationClone: false,
    uiConfig: { validatorUrl: null, persistAuthorization: false, docExpansion: 'list' },
    theme: { title: 'LLAMA: the API' },
  });
}

export function openApiRoute(app: FastifyInstance): void {
  app.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'getOpenApi',
        summary: 'This document',
        tags: ['service'],
        querystring: NoQuery,
        response: {
          200: Type.Object(
            { openapi: Type.String({ description: 'version of OpenAPI' }) },
            { additionalProperties: true, description: 'OpenAPI 3.1' },
          ),
        },
      },
    },
    () => app.swagger(),
  );
}

/** A route's own schema and the common parts. */
function complete(
  { problems = [], ...schema }: FastifySchema,
  url: string,
  route: Pick<RouteOptions, 'method'>,
  tokens: Tokens | undefined,
): FastifySchema {
  if (Reflect.get(schema, 'hide') === true) return schema;
  const reads = [route.method].flat().every(onlyReads);
  const open = reads && isOpen(url);
  const codes: ErrorCode[] = [...problems, 'LLAMA_INTERNAL'];
  if (schema.querystring !== undefined || schema.params !== undefined) codes.push('LLAMA_REQUEST_INVALID');
  if (schema.body !== undefined) codes.push(...OF_BODY);
  if (!reads) codes.push(...OF_WRITING);
  if (!open) codes.push('LLAMA_UNAUTHORIZED');
  if (url !== '/healthz') codes.push('LLAMA_RATE_LIMIT');
  const token = { token: [] };
  const needed = reads ? tokens?.forReading : tokens?.forWriting;
  return {
    ...schema,
    security: open ? [] : needed ? [token] : [{}, token],
    response: { ...problemResponses(codes), ...(schema.response as object | undefined) },
  };
}

/** One response per status, with the codes it may have. */
function problemResponses(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_TABLE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      {
        description: list.map((code) => `${code}: ${ERROR_TABLE[code].title}`).join('; '),
        content: { [PROBLEM_TYPE]: { schema: ProblemSchema } },
      },
    ]),
  );
}

/** The problem document stands once in the document, and is referred to. */
function withShared<Document extends object>(document: Document): Document {
  const shared = JSON.parse(
    JSON.stringify(document, (key, value) =>
      key === PROBLEM_TYPE ? { schema: { $ref: '#/components/schemas/Problem' } } : value,
    ),
  );
  shared.components.schemas = { ...shared.components.schemas, Problem: ProblemSchema };
  return shared;
}
