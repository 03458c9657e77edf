/**
 * Every error of the API as an RFC 9457 problem document. No internals (stacks, paths, values of other requests) get
 * out.
 */

import { randomUUID } from 'node:crypto';
import { maxHeaderSize } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_TABLE, type ErrorCode, LlamaError, type Problem } from '../../base/errors.js';
import { found, nearest } from '../../config/files/problems.js';
import { PROBLEM_TYPE, type ProblemDocument } from './schemas.js';

/** Errors of Fastify itself, by its code. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'LLAMA_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'LLAMA_MEDIA_TYPE',
};

/** Internal errors whose message is for the client: it says what to wait for or to correct. */
const TOLD: readonly ErrorCode[] = [
  'LLAMA_NOT_READY',
  'LLAMA_STREAMS_FULL',
  'LLAMA_STATE_UNWRITABLE',
  'LLAMA_TOKEN_FILE',
  'LLAMA_TLS_FILE',
];

/** Makes all error answers of this app problem documents, also for requests without a route. */
export function useProblemDocuments(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
}

/** Answers a request that is not valid HTTP on the bare socket, and closes it. */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code: ErrorCode = 'LLAMA_REQUEST_INVALID';
  const { status, title } = ERROR_TABLE[code];
  const type = `urn:llama:error:${code}`;
  const detail =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? `found a URL and headers of more than ${maxHeaderSize} bytes, expected fewer; shorten the query`
      : `found a request that cannot be read (${error.code ?? 'unknown'}), expected HTTP/1.1`;
  const instance = `urn:llama:request:${randomUUID()}`;
  const document: ProblemDocument = { type, title, status, detail, code, instance };
  const body = JSON.stringify(document);
  socket.end(
    `HTTP/1.1 ${status} Bad Request\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const problems = new WeakMap<FastifyRequest, ErrorCode>();

/** The code of the problem document that a request was answered with; undefined when it was not. */
export function problemOf(request: FastifyRequest): ErrorCode | undefined {
  return problems.get(request);
}

/**
 * Answers with the problem document of `error`. An unknown error is logged, and the client gets its request id only.
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asLlamaError(error, request);
  const code = known?.code ?? 'LLAMA_INTERNAL';
  if (known === undefined)
    request.log.error(
      { client: request.ip, method: request.method, path: pathOf(request), err: error },
      'request failed',
    );
  problems.set(request, code);
  const { status, title } = ERROR_TABLE[code];
  const document: ProblemDocument = {
    type: `urn:llama:error:${code}`,
    title,
    status,
    detail:
      known?.message ??
      `the request could not be carried out; the log of this process says why, at request ${request.id}`,
    code,
    instance: `urn:llama:request:${request.id}`,
    ...(known === undefined || known.problems.length === 0 ? {} : { problems: [...known.problems] }),
    ...(known === undefined || known.problemCount === known.problems.length
      ? {}
      : { problemCount: known.problemCount }),
  };
  return reply.code(status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document);
}

function asLlamaError(error: unknown, request: FastifyRequest): LlamaError | undefined {
  if (error instanceof LlamaError) return error.status >= 500 && !TOLD.includes(error.code) ? undefined : error;
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode, validation } = error as Partial<FastifyError> & Error;
  if (validation !== undefined) return invalidRequest(validation, request);
  const known = code === undefined ? undefined : FASTIFY_CODES[code];
  if (known === 'LLAMA_MEDIA_TYPE')
    return new LlamaError(
      known,
      `found the content type ${found(request.headers['content-type'])}, expected application/json`,
    );
  if (known !== undefined)
    return new LlamaError(known, `${error.message}; expected less, send the targets as several groups`);
  if (code === 'FST_ERR_BAD_URL')
    return new LlamaError(
      'LLAMA_REQUEST_INVALID',
      `found the path ${found(pathOf(request))}, expected UTF-8 in its percent signs; encode names as encodeURIComponent does`,
    );
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? new LlamaError('LLAMA_REQUEST_INVALID', error.message)
    : undefined;
}

type ValidationErrors = NonNullable<FastifyError['validation']>;

/** Query parameters that do not fit their schema. */
function invalidRequest(validation: ValidationErrors, request: FastifyRequest): LlamaError {
  const query = request.query as Readonly<Record<string, unknown>>;
  const schema: unknown = Reflect.get(request.routeOptions.schema ?? {}, 'querystring');
  const properties = (schema === undefined ? {} : Reflect.get(Object(schema), 'properties')) as Readonly<
    Record<string, { readonly description?: string }>
  >;
  const problems = validation.map(({ keyword, instancePath, params }): Problem => {
    if (keyword === 'additionalProperties') {
      const name = String(params.additionalProperty);
      const known = Object.keys(properties);
      const near = nearest(name, known);
      const expected = known.length === 0 ? 'no query parameters' : `one of ${known.join(', ')}`;
      const remedy = near === undefined ? '' : `; did you mean "${near}"?`;
      return {
        path: `/query/${name}`,
        message: `found the query parameter ${found(name)}, expected ${expected}${remedy}`,
      };
    }
    const name = instancePath.slice(1);
    return {
      path: `/query/${name}`,
      message: `found ${found(query[name])} for the query parameter ${name}, expected ${properties[name]?.description ?? 'something else'}`,
    };
  });
  return new LlamaError('LLAMA_REQUEST_INVALID', problems.map(({ message }) => message).join('\n'), { problems });
}

/** Without the query, which may be confidential. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}
