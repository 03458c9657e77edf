/**
 * The format of a file with the last good targets of a group. Text in, text out; both with yields, for there may be
 * 65,535 of them.
 *
 * In the form of `sealedFile.ts` it has an entry:
 * `{"name":…,"source":"<identity>","updatedAtMs":…,"targets":[{"address":…,"port":…,"tags":{…}}]}`; the port is left
 * out where it is the group's, tags where there are none.
 */

import { bodyHash, damageOf, seal, unseal } from '../../base/files/sealedFile.js';
import { parseAddress, whyNotTarget } from '../../config/address.js';
import { isRecord } from '../../config/files/problems.js';
import type { TargetSource } from '../../config/types.js';
import type { Entry } from '../../targets/source.js';

const FORMAT = 'llama-targets';
/** Number of targets written or read between two yields: about a millisecond. */
const CHUNK = 250;

interface KeptText {
  readonly name: string;
  /** See `sourceIdentity`. */
  readonly source: string;
  /** When the source gave them. */
  readonly updatedAtMs: number;
  readonly entries: readonly Entry[];
}

/** The origin of targets, without interval and timeouts: answers stay valid when only those change. */
export function sourceIdentity(from: TargetSource): string {
  switch (from.kind) {
    case 'file':
      return JSON.stringify([from.kind, from.path]);
    case 'http':
      return JSON.stringify([from.kind, from.url, from.tokenFile]);
    case 'dns':
      return JSON.stringify([from.kind, from.name, from.type]);
    default:
      return from satisfies never;
  }
}

/** The text of a file, and a digest of all of it but the time. */
export async function writeKeptTargets(
  { name, source, updatedAtMs, entries }: KeptText,
  pause: () => Promise<void>,
): Promise<{ readonly text: string; readonly digest: string }> {
  const head = `{"name":${JSON.stringify(name)},"source":${JSON.stringify(source)},"updatedAtMs":${updatedAtMs},"targets":[`;
  const sum = bodyHash().update(head);
  const digest = bodyHash().update(source);
  const parts: string[] = [head];
  for (let from = 0; from < entries.length; from += CHUNK) {
    if (from > 0) await pause();
    const part = JSON.stringify(entries.slice(from, from + CHUNK).map(entryToJson)).slice(1, -1);
    const text = from > 0 ? `,${part}` : part;
    sum.update(text);
    digest.update(text);
    parts.push(text);
  }
  parts.push(']}');
  return { text: seal(FORMAT, parts.join(''), sum.update(']}').digest('hex')), digest: digest.digest('hex') };
}

/** The content of a text, or why it can't be used. */
export async function readKeptTargets(
  text: string,
  pause: () => Promise<void>,
): Promise<KeptText | { readonly damage: string }> {
  const unsealed = unseal(FORMAT, text);
  if (!('body' in unsealed)) return { damage: damageOf(unsealed) };
  const value: unknown = JSON.parse(unsealed.body);
  const damage = { damage: 'it does not hold the targets of a group' };
  if (!isRecord(value)) return damage;
  const { name, source, updatedAtMs, targets } = value;
  if (typeof name !== 'string' || typeof source !== 'string' || !Array.isArray(targets)) return damage;
  if (typeof updatedAtMs !== 'number' || !(updatedAtMs >= 0 && updatedAtMs <= Number.MAX_SAFE_INTEGER)) return damage;
  const entries: Entry[] = [];
  for (const [index, target] of targets.entries()) {
    if (index % CHUNK === CHUNK - 1) await pause();
    const entry = entryOf(target);
    if (entry === undefined) return damage;
    entries.push(entry);
  }
  return { name, source, updatedAtMs, entries };
}

function entryToJson({ address, port, tags }: Entry) {
  return {
    address,
    ...(port === null ? {} : { port }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
}

function entryOf(value: unknown): Entry | undefined {
  if (!isRecord(value) || typeof value.address !== 'string') return undefined;
  const address = parseAddress(value.address);
  if (address === undefined || whyNotTarget(address) !== undefined) return undefined;
  const { port = null, tags = {} } = value;
  if (port !== null && !(Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535)) return undefined;
  if (!isRecord(tags) || !Object.values(tags).every((tag) => typeof tag === 'string')) return undefined;
  return { ...address, port: port === null ? null : Number(port), tags: tags as Record<string, string> };
}
