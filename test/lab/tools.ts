/** Paths of the small programs that run inside namespaces. */

import { fileURLToPath } from 'node:url';

export const RESPOND = fileURLToPath(new URL('./respond.js', import.meta.url));
export const SENDER = fileURLToPath(new URL('./sender.js', import.meta.url));
