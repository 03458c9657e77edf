/** A request and its answer as JSON, or an error. Used by the page and by its worker, so it depends on neither. */

export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** An answer that is an error: a problem document, or none at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: readonly Problem[];

  constructor(status: number, code: string, detail: string, problems: readonly Problem[] = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.problems = problems;
  }
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

/** The JSON of an answer, and its entity tag. */
export async function ask<Body>(
  url: string,
  sent: Sent = {},
): Promise<{ body: Body; etag: string | null; status: number }> {
  const { method = 'GET', headers = {}, body, ifMatch, signal } = sent;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'NO_ANSWER', 'The service does not answer: it is stopped, or the way to it is down.');
  }
  const text = await response.text();
  const json: unknown = text === '' ? undefined : parse(text);
  if (response.ok) return { body: json as Body, etag: response.headers.get('etag'), status: response.status };
  const problem = (json ?? {}) as { code?: string; detail?: string; problems?: Problem[] };
  throw new ApiError(
    response.status,
    problem.code ?? String(response.status),
    problem.detail ?? `The service answered with status ${response.status}.`,
    problem.problems,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
