/**
 * Files and URLs that a group set by REST may name: files in the directories, and URLs below the prefixes, that the
 * config lists; none by default. Otherwise a client with the write token could make the collector read any file of the
 * host, or send a file to any server.
 *
 * A path is compared twice: as it is written, before anything is opened, and as the kernel reports the open file,
 * behind symbolic links. A file with several names (hard links) is refused: one of them may be outside.
 */

import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { found, type Report, withoutSecrets } from './files/problems.js';
import type { Allowed, Group, TargetSource } from './types.js';

/**
 * The same for one group: the files and the source that the config file gives to the group of this name may stay as
 * they are.
 */
export interface GroupRules extends Allowed {
  readonly trusted?: Pick<Group, 'from' | 'keyFile'> | undefined;
}

const DIRECTORIES = 'api.allowedDirectories';
const URLS = 'api.allowedUrls';

/** Whether the config file has the same source. */
export function isTrustedSource(from: TargetSource, trusted: GroupRules['trusted']): boolean {
  return trusted?.from !== undefined && JSON.stringify(trusted.from) === JSON.stringify(from);
}

/** Reports the files and the URL of a source that REST may not name. */
export function checkSource(from: TargetSource | undefined, rules: GroupRules, report: Report): void {
  if (from === undefined || from.kind === 'dns' || isTrustedSource(from, rules.trusted)) return;
  if (from.kind === 'file') {
    checkPath(from.path, ['fromFile', 'path'], rules, report);
    return;
  }
  if (URL.canParse(from.url) && !allowsUrl(new URL(from.url), rules.urls))
    report(['fromHttp', 'url'], `found ${found(withoutSecrets(from.url))}, ${expectedUrl(rules.urls)}`);
  if (from.tokenFile !== null) checkPath(from.tokenFile, ['fromHttp', 'tokenFile'], rules, report);
}

function checkPath(path: string, at: readonly string[], { directories }: Allowed, report: Report): void {
  const why = path === '' ? undefined : whyOutside(path, directories);
  if (why !== undefined) report(at, why);
}

/** Why REST may not name a path, found without opening anything outside of the directories; undefined when it may. */
export function whyOutside(path: string, directories: readonly string[]): string | undefined {
  const expected = expectedDirectory(directories);
  const absolute = resolve(path);
  const roots = directories.map((directory) => resolve(directory));
  if (![...roots, ...realRoots(roots)].some((root) => isBelow(absolute, root)))
    return `found ${found(path)}, ${expected}`;
  let real: string;
  let stats: Stats;
  try {
    real = realpathSync(absolute);
    stats = statSync(real);
  } catch {
    // Not there yet: it is looked at again whenever it is opened.
    return undefined;
  }
  return realRoots(roots).some((root) => isBelow(real, root))
    ? whySeveralNames(path, stats)
    : `found ${found(path)}, a symbolic link that leads elsewhere, ${expected}`;
}

/**
 * Opens a file for reading that REST named. Never blocks, not even on a pipe at this path.
 * @throws Error when the file is outside of the directories, with a message for the operator; or the system's error.
 */
export function openAllowed(path: string, directories: readonly string[]): number {
  const outside = whyOutside(path, directories);
  if (outside !== undefined) throw new Error(outside);
  const descriptor = openSync(resolve(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    mustBeInside(descriptor, path, directories);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * The error for a file with several names: a user who may not read it could have linked it into an allowed directory.
 */
function whySeveralNames(path: string, stats: Stats): string | undefined {
  return stats.isFile() && stats.nlink > 1
    ? `found ${found(path)}, a file with ${stats.nlink} names (hard links), expected one with a single name, for another one may be outside of the directories that ${DIRECTORIES} names; copy the file instead of linking it`
    : undefined;
}

/**
 * Throws unless an open file is in one of the directories, under this name only: a link may have been swapped since its
 * path was looked at.
 */
export function mustBeInside(descriptor: number, path: string, directories: readonly string[]): void {
  const real = readlinkSync(`/proc/self/fd/${descriptor}`);
  const roots = realRoots(directories.map((directory) => resolve(directory)));
  if (!roots.some((root) => isBelow(real, root)))
    throw new Error(`found ${found(path)}, a symbolic link that leads elsewhere, ${expectedDirectory(directories)}`);
  const several = whySeveralNames(path, fstatSync(descriptor));
  if (several !== undefined) throw new Error(several);
}

/**
 * Whether a URL has the origin of a prefix and begins with its path segments. A path that servers interpret in
 * different ways is never allowed.
 */
export function allowsUrl(url: URL, prefixes: readonly string[]): boolean {
  const segments = segmentsOf(url);
  if (segments === undefined) return false;
  return prefixes.some((prefix) => {
    const allowed = new URL(prefix);
    const wanted = segmentsOf(allowed) ?? [];
    if (wanted.at(-1) === '') wanted.pop();
    return allowed.origin === url.origin && wanted.every((segment, at) => segments[at] === segment);
  });
}

/** A prefix in the form that is compared; undefined when it is not a URL prefix. */
export function urlPrefix(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const http = url.protocol === 'http:' || url.protocol === 'https:';
  return http && plain && segmentsOf(url) !== undefined ? url.href : undefined;
}

/** The message for a URL, or a redirect, that is below none of the prefixes. */
export function expectedUrl(urls: readonly string[]): string {
  return `expected a URL below one that ${URLS} names${urls.length === 0 ? ', which names none' : ''}; add its beginning there, or define the group in the config file`;
}

function expectedDirectory(directories: readonly string[]): string {
  return `expected a file in a directory that ${DIRECTORIES} names${directories.length === 0 ? ', which names none' : ''}; add its directory there, or define the group in the config file`;
}

function realRoots(roots: readonly string[]): string[] {
  return roots.flatMap((root) => {
    try {
      return [realpathSync(root)];
    } catch {
      return [];
    }
  });
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
}

/**
 * Decoded segments of the path; undefined when a server may interpret them differently: encoded slashes, dots, and
 * doubly encoded characters.
 */
function segmentsOf({ pathname }: URL): string[] | undefined {
  const segments: string[] = [];
  for (const written of pathname.split('/').slice(1)) {
    let segment: string;
    try {
      segment = decodeURIComponent(written);
    } catch {
      return undefined;
    }
    if (/[/\\]|%(?:2e|2f|5c|25)/i.test(segment) || /^\.{1,2}(?:;|$)/.test(segment)) return undefined;
    segments.push(segment);
  }
  return segments;
}
