/** Why there is no answer, and what to do. */

import type { ApiError } from '../lib/http.js';

/** Problems that the message does not say already: of a single one it is the message. */
const saidOnce = ({ message, problems }: ApiError) => problems.filter((problem) => !message.includes(problem.message));

export function Notice({ error }: { error: ApiError | undefined }) {
  if (error === undefined) return null;
  return (
    <div class="notice" role="alert">
      <b>{error.status === 401 ? 'A token is needed: enter it at the top right.' : error.message}</b>
      {saidOnce(error).map(({ path, message }) => (
        <p key={path + message}>
          <code>{path}</code> {message}
        </p>
      ))}
    </div>
  );
}
