/** Shared by collectors and writers: reading and writing URLs and durations. */

import { formatDuration, msToNs, nsToMs, parseDurationNs } from '../../base/units.js';
import { found, type Path, type Report, withoutSecrets } from '../files/problems.js';

/**
 * The URL without a slash at its end; empty, and reported, when a request cannot go to it. The message does not show
 * the URL, because a password must not get into logs.
 */
export function readUrl(written: unknown, path: Path, example: string, remedy: string, report: Report): string {
  if (typeof written !== 'string') return '';
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    const [host, port] = /^[^/:\s?#@]+(:\d+)?$/.exec(written) ?? [];
    const near =
      host === undefined ? '' : `; write http://${host}${port === undefined ? `:${new URL(example).port}` : ''}`;
    report(path, `found ${found(withoutSecrets(written))}, expected a URL such as ${example}${near}`);
    return '';
  }
  if (url.username !== '' || url.password !== '')
    report(path, `found ${found(withoutSecrets(written))}, expected a URL without user and password; ${remedy}`);
  if (url.search !== '' || url.hash !== '')
    report(
      path,
      `found ${found(withoutSecrets(written))}, expected a URL without what follows "?" or "#", such as ${example}`,
    );
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Whether a URL leaves the port to its scheme: 80 or 443. */
export const lacksPort = (url: string): boolean => /^https?:\/\/([^/:]+|\[[^\]]*\])(\/|$)/i.test(url);

/** Milliseconds of a duration, the least when it is not valid: that is reported. Wrong types were reported before. */
export function readMs(
  written: unknown,
  standard: string,
  path: Path,
  limits: { readonly leastMs: number; readonly mostMs: number },
  schema: object,
  report: Report,
): number {
  const text = written === undefined ? standard : written;
  const ns = typeof text === 'string' ? parseDurationNs(text) : undefined;
  const ms = ns === undefined ? undefined : nsToMs(ns);
  if (ms !== undefined && ms >= limits.leastMs && ms <= limits.mostMs) return ms;
  if (typeof text === 'string') report(path, `found ${found(text)}, expected ${expectedBy(schema)}`);
  return limits.leastMs;
}

/** The expected value from a schema's description. */
export function expectedBy(schema: object): string {
  return String(Reflect.get(schema, 'description')).split(': ')[0] ?? '';
}

export const defaultOf = (schema: object): unknown => Reflect.get(schema, 'default');

export const formatMs = (ms: number): string => formatDuration(msToNs(ms));

/** A text that may be null or missing. */
export const textOrNull = (written: unknown): string | null => (typeof written === 'string' ? written : null);
