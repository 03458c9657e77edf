/**
 * The API's documentation: `/openapi.json` (OpenAPI 3.1) out of the schemas of the routes, and `/docs` to read and try it. What holds
 * for every route (tokens, limits, problem documents) is added here once; a route says only what is its own.
 */

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { ERROR_TABLE, type ErrorCode } from '../errors.js';
import { VERSION } from '../version.js';
import { isOpen, onlyReads } from './access.js';
import { NoQuery, PROBLEM_TYPE, ProblemSchema } from './schemas.js';
import type { Tokens } from './tokens.js';

declare module 'fastify' {
  interface FastifySchema {
    /** Codes that this route may answer with, beside those that every route has. */
    readonly problems?: readonly ErrorCode[];
  }
}

const DESCRIPTION = `Loss and latency of a network, as this collector measures them.

Times are ISO 8601 in UTC, or epoch milliseconds where the name ends in Ms; latencies are microseconds. Errors are problem documents
(RFC 9457) with a stable code. Changes need the token of api.tokenFile; where there is none they come from the collector's own host, unless api.writes is token.`;

const TAGS = [
  { name: 'results', description: 'What was measured' },
  { name: 'groups', description: 'What is probed' },
  { name: 'service', description: 'How the collector does' },
];

const OF_BODY: readonly ErrorCode[] = ['LLAMA_REQUEST_INVALID', 'LLAMA_BODY_TOO_LARGE', 'LLAMA_MEDIA_TYPE'];
const OF_WRITING: readonly ErrorCode[] = ['LLAMA_FORBIDDEN', 'LLAMA_READ_ONLY'];

/** Registers both pages; call before the routes are, so that they are seen. */
export function documentApi(app: FastifyInstance, tokens: Tokens | undefined): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'LLAMA collector', version: VERSION, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      tags: TAGS,
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'the token of api.tokenFile, or of api.readTokenFile' },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ url, schema: complete(schema ?? {}, url, route, tokens) }),
    transformObject: (given) => ('openapiObject' in given ? withShared(given.openapiObject) : given.swaggerObject),
  });
  app.register(swaggerUi, {
    routePrefix: '/docs',
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
          200: Type.Object({ openapi: Type.String() }, { additionalProperties: true, description: 'OpenAPI 3.1' }),
        },
      },
    },
    () => app.swagger(),
  );
}

/** A route's own schema and what holds for all. */
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
