/** Requests without a route: 404 for an unknown path, 405 with the header Allow for a known path with other methods. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { nearest } from '../../config/files/problems.js';
import { pathOf } from './errors.js';

interface Address {
  /** As it was registered: `/v1/groups/:name`. */
  readonly url: string;
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Collects the routes for `refuse`; call it before they are registered. */
export function watchRoutes(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => void {
  const addresses = new Map<string, Address>();
  app.addHook('onRoute', ({ url, method }) => {
    const address = addresses.get(url) ?? { url, pattern: patternOf(url), methods: new Set() };
    addresses.set(url, address);
    for (const one of [method].flat()) address.methods.add(one);
  });
  return (request, reply) => {
    const path = pathOf(request);
    const here = [...addresses.values()].filter(({ pattern }) => pattern.test(path));
    const methods = [...new Set(here.flatMap((address) => [...address.methods]))].sort();
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '));
      throw new LlamaError(
        'LLAMA_METHOD_NOT_ALLOWED',
        `found ${request.method} ${path}, expected one of the methods ${methods.join(', ')}; /openapi.json says what each does`,
      );
    }
    const near = nearest(
      path,
      [...addresses.keys()].filter((url) => !url.includes(':') && !url.includes('*')),
    );
    throw new LlamaError(
      'LLAMA_NOT_FOUND',
      `found ${request.method} ${path}, expected a method and path of this API; ${near === undefined ? '/openapi.json lists them' : `did you mean ${near}?`}`,
    );
  };
}

/** A parameter is one segment, a star is all that follows. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
