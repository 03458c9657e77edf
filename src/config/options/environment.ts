/**
 * Environment variables with our prefix that are no option: a typo in a name must not silently leave an option at its
 * default.
 */

import { distance } from 'fastest-levenshtein';
import { found } from '../files/problems.js';
import type { Environment } from './options.js';

const PREFIX = 'LLAMA_';
/** Variables that are not options of the config. */
const OTHERS: readonly string[] = ['LLAMA_LOG_LEVEL'];
/** So few changes lead from one name to another only by a slip. */
const SLIP = 3;

/** A variable that is not known. */
interface StrangeVariable {
  readonly name: string;
  /** The known one that was meant, when only a slip lies between the two. */
  readonly meant: string | undefined;
  /** What was found, what was expected, what to do. */
  readonly message: string;
}

/**
 * `known` are the variables of the options of `command` (null: of every command); variables of other commands
 * (`ofOthers`) may be in an environment that they share. A variable that is set but empty counts as not set.
 */
export function strangeVariables(
  environment: Environment,
  known: readonly string[],
  command: 'collector' | 'scraper' | null = 'collector',
  ofOthers: readonly string[] = [],
): StrangeVariable[] {
  const names = [...known, ...OTHERS];
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined && value !== '' && !names.includes(name))
    .filter(([name]) => !ofOthers.includes(name))
    .filter(([name, value]) => !isOfKubernetes(name, value ?? ''))
    .map(([name]) => {
      const meant = names.find((one) => plain(one) === plain(name)) ?? closest(name, names);
      const remedy =
        meant === undefined ? 'it has no effect; unset it if it was meant for LLAMA' : `did you mean ${meant}?`;
      return {
        name,
        meant,
        message: `found the environment variable ${name.length > 64 ? found(name) : name}, expected one of those that "${command === null ? 'llama --help' : `llama help ${command}`}" lists; ${remedy}`,
      };
    });
}

const plain = (name: string): string => name.replaceAll('_', '');

function closest(name: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((one) => ({ one, changes: distance(name, one) }))
    .filter(({ changes }) => changes <= SLIP)
    .toSorted((a, b) => a.changes - b.changes);
  return best?.one;
}

/**
 * Kubernetes sets variables in every container for every service, by its name: for one named llama,
 * `LLAMA_SERVICE_HOST` or `LLAMA_PORT_8100_UDP_ADDR`.
 */
function isOfKubernetes(name: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name))
    return true;
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value);
}
