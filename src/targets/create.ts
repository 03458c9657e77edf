/** Creates a source of targets from its config. */

import { promises } from 'node:dns';
import type { Timing } from '../base/timing.js';
import type { TargetSource } from '../config/types.js';
import { type DnsResolver, DnsSource } from './dns.js';
import { FileSource } from './file.js';
import { HttpSource } from './http.js';
import type { AllowedNow, Source } from './source.js';
import type { TargetParser } from './targetParser.js';

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

/** The outer world that sources ask; each has the system's as its default. */
export interface SourceTools {
  readonly resolver?: () => DnsResolver;
}

/** `parser` reads the lists of files and servers; its owner closes it. */
export function createSource(
  from: TargetSource,
  timing: Timing,
  parser: TargetParser,
  tools: SourceTools = {},
  allowed: AllowedNow = () => undefined,
): Source {
  switch (from.kind) {
    case 'file':
      return new FileSource(from.path, timing, { parse: parser.parse, allowed });
    case 'http':
      return new HttpSource(from, timing, { parse: parser.parse, allowed });
    case 'dns':
      return new DnsSource(from, tools.resolver ?? systemResolver);
    default:
      return from satisfies never;
  }
}

function systemResolver(): DnsResolver {
  return new promises.Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
}
