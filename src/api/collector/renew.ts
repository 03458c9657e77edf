/** `POST /v1/sourcePorts/renew`: replaces source ports whose flows are dead. */

import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type ErrorCode, LlamaError } from '../../base/errors.js';
import type { CollectorService } from '../../collector/service.js';
import { NoQuery } from '../server/schemas.js';

const RETRY_AFTER_S = 60;

const ports = (description: string) => Type.Array(Type.Integer(), { description });

const RenewedSchema = Type.Object(
  {
    before: ports('UDP source ports over IPv4 until now, of groups without an interface of their own'),
    after: ports('source ports in use from now on'),
    drainMs: Type.Number({ description: 'replies to probes from the old ports are awaited for so long, ms' }),
  },
  { description: 'probes leave from new ports' },
);

export function renewRoute(app: FastifyInstance, service: CollectorService): void {
  const schema = {
    operationId: 'renewSourcePorts',
    summary: 'Open new source ports in place of all of them, at most once a minute',
    tags: ['service'],
    querystring: NoQuery,
    response: { 200: RenewedSchema },
    problems: ['LLAMA_SOURCE_PORTS_FIXED', 'LLAMA_TOO_SOON', 'LLAMA_NOT_READY'] satisfies ErrorCode[],
  };
  app.post('/v1/sourcePorts/renew', { schema }, async (_, reply) => {
    try {
      return await service.renewSourcePorts();
    } catch (error) {
      if (error instanceof LlamaError && error.code === 'LLAMA_TOO_SOON') reply.header('retry-after', RETRY_AFTER_S);
      throw error;
    }
  });
}
