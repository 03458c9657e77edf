/** Why there is no answer, and what to do. */

import type { ApiError } from '../lib/http.js';

export function Notice({ error }: { error: ApiError | undefined }) {
  if (error === undefined) return null;
  return (
    <div class="notice" role="alert">
      <b>{error.status === 401 ? 'A token is needed: enter it at the top right.' : error.message}</b>
      {error.problems.map(({ path, message }) => (
        <p key={path + message}>
          <code>{path}</code> {message}
        </p>
      ))}
    </div>
  );
}
