/**
 * Every error for users, in one table: class, stable code, HTTP status, exit code.
 *
 * A message says what was found, what was expected and what to do. Code elsewhere throws `new LlamaError(code,
 * message)` with a code of this table.
 */

/**
 * HTTP status: of the API's answer. Exit code: 1 wrong input, 2 could not run; 3 is not an error, see `exitCode` of
 * `llama probe`.
 */
export const ERROR_TABLE = {
  LLAMA_ARGUMENT_INVALID: { status: 400, exitCode: 1, title: 'A command-line argument is not valid' },
  LLAMA_CONFIG_UNREADABLE: { status: 400, exitCode: 1, title: 'The configuration file cannot be read' },
  LLAMA_CONFIG_SYNTAX: { status: 400, exitCode: 1, title: 'The configuration is not valid YAML' },
  LLAMA_CONFIG_INVALID: { status: 400, exitCode: 1, title: 'The configuration is not valid' },
  LLAMA_GROUP_INVALID: { status: 400, exitCode: 1, title: 'The group is not valid' },
  LLAMA_GROUP_UNKNOWN: { status: 404, exitCode: 1, title: 'There is no group of this name' },
  LLAMA_GROUP_EXISTS: { status: 409, exitCode: 1, title: 'A group of this name exists already' },
  LLAMA_GROUP_CONFLICT: { status: 409, exitCode: 1, title: 'The group as it is does not allow this' },
  LLAMA_GROUP_CHANGED: { status: 412, exitCode: 1, title: 'The group is not as the request expects it' },
  LLAMA_PLAN_TOO_LARGE: { status: 422, exitCode: 1, title: 'The plan needs more than its limits allow' },
  LLAMA_REQUEST_INVALID: { status: 400, exitCode: 1, title: 'The request is not valid' },
  LLAMA_NOT_FOUND: { status: 404, exitCode: 1, title: 'There is nothing at this address' },
  LLAMA_METHOD_NOT_ALLOWED: { status: 405, exitCode: 1, title: 'This address does not take this method' },
  LLAMA_BODY_TOO_LARGE: { status: 413, exitCode: 1, title: 'The request body is too large' },
  LLAMA_MEDIA_TYPE: { status: 415, exitCode: 1, title: 'The request body is not JSON' },
  LLAMA_READ_ONLY: { status: 403, exitCode: 1, title: 'Changes are not accepted from here' },
  LLAMA_UNAUTHORIZED: { status: 401, exitCode: 1, title: 'A valid token is needed' },
  LLAMA_FORBIDDEN: { status: 403, exitCode: 1, title: 'The token does not allow this' },
  LLAMA_SOURCE_PORTS_FIXED: { status: 409, exitCode: 1, title: 'The source ports are fixed by the configuration' },
  LLAMA_TOO_SOON: { status: 429, exitCode: 1, title: 'This was done a moment ago' },
  LLAMA_RATE_LIMIT: { status: 429, exitCode: 1, title: 'Too many requests from this address' },
  LLAMA_TOKEN_FILE: { status: 500, exitCode: 1, title: 'A token file cannot be used' },
  LLAMA_TLS_FILE: { status: 500, exitCode: 1, title: 'The TLS certificate or key cannot be used' },
  LLAMA_KEY_FILE: { status: 500, exitCode: 1, title: 'A file of HMAC keys cannot be used' },
  LLAMA_NOT_READY: { status: 503, exitCode: 2, title: 'The service is starting or stopping' },
  LLAMA_STREAMS_FULL: { status: 503, exitCode: 2, title: 'As many streams are open as may be' },
  LLAMA_STATE_UNWRITABLE: { status: 507, exitCode: 2, title: 'The directory cannot be written' },
  LLAMA_STATE_IN_USE: { status: 500, exitCode: 2, title: 'Another process uses the directory' },
  LLAMA_HOST_UNKNOWN: { status: 422, exitCode: 1, title: 'The host name does not resolve' },
  LLAMA_URL_WRONG: { status: 422, exitCode: 1, title: 'There is no LLAMA at this URL' },
  LLAMA_UNREACHABLE: { status: 502, exitCode: 2, title: 'The service cannot be reached' },
  LLAMA_PLATFORM: { status: 500, exitCode: 1, title: 'LLAMA runs on Linux, x64 or arm64, only' },
  LLAMA_SYSTEM_CALL: { status: 500, exitCode: 2, title: 'A system call failed' },
  LLAMA_ADDRESS_IN_USE: { status: 500, exitCode: 2, title: 'The address or port is taken' },
  LLAMA_PRIVILEGE: { status: 422, exitCode: 2, title: 'A privilege is missing' },
  LLAMA_NO_FILES: { status: 500, exitCode: 2, title: 'No file descriptors are left' },
  LLAMA_THREAD: { status: 500, exitCode: 2, title: 'A worker thread could not be started' },
  LLAMA_INTERNAL: { status: 500, exitCode: 2, title: 'Internal error' },
} as const;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** One problem in an input, with its place. */
export interface Problem {
  /** JSON pointer into the input, e.g. `/groups/west/period`; empty for the whole. */
  path: string;
  /** What was found, what was expected, what to do. */
  message: string;
  /** 1-based line and column in a file; absent when the input is not a file. */
  line?: number;
  column?: number;
}

/** An error for the user: its message is understandable without a stack trace. */
export class LlamaError extends Error {
  override readonly name = 'LlamaError';
  readonly code: ErrorCode;
  /** The single problems of an input, at least the first ones. */
  readonly problems: readonly Problem[];
  /** Total number of problems. */
  readonly problemCount: number;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[]; problemCount?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
    this.problemCount = options.problemCount ?? this.problems.length;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get exitCode(): number {
    return ERROR_TABLE[this.code].exitCode;
  }
}

/** The message of a caught value, which may be no Error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
