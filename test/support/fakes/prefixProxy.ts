/** A proxy that serves a service below a path, as an operator may set one up. */

import { createServer, request, type Server } from 'node:http';

export const PREFIX = '/llama';

/** A proxy that serves the API below a prefix, and nothing elsewhere; `outside`: paths that were asked for there. */
export async function prefixProxy(to: string, outside: string[]): Promise<Server> {
  const server = createServer((asked, answer) => {
    const path = asked.url ?? '';
    if (!path.startsWith(`${PREFIX}/`)) {
      outside.push(path);
      answer.writeHead(404).end();
      return;
    }
    const { method, headers } = asked;
    const onward = request(to + path.slice(PREFIX.length), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
