/** The state of a collector or a scraper, in short: is it the network, or the tool? */

import type { ToolState } from './types.js';

interface ThreadAnswer {
  readonly thread: string;
  readonly state: string;
  readonly restarts: number;
  readonly lastError: string | null;
}

/** `GET /v1/status` of a collector, as far as it is used. */
export interface CollectorAnswer {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly totals: Readonly<Record<string, number>>;
  readonly workers: readonly ThreadAnswer[];
  readonly aggregator: ThreadAnswer;
  readonly warnings: readonly string[];
}

/** `GET /v1/status` of a scraper, as far as it is used. */
interface ScraperAnswer {
  readonly version: string;
  readonly state: string;
  readonly collectors: readonly {
    readonly url: string;
    readonly name: string | null;
    readonly state: string;
    readonly intervalMs: number | null;
    readonly lostIntervals: number;
    readonly lastError: string | null;
    /** Null: it does not tell. */
    readonly troubles: readonly string[] | null;
  }[];
  readonly writers: readonly { readonly name: string; readonly up: boolean; readonly lastError: string | null }[];
  readonly warnings: readonly string[];
}

export type StatusAnswer = CollectorAnswer | ScraperAnswer;

export const isScraper = (status: StatusAnswer): status is ScraperAnswer => 'writers' in status;

export function isStatus(answer: unknown): answer is StatusAnswer {
  if (typeof answer !== 'object' || answer === null) return false;
  const has = (name: string): boolean => Array.isArray(Reflect.get(answer, name));
  return has('warnings') && (has('workers') || (has('collectors') && has('writers')));
}

/** Counters about this host and not the network, and their short names. */
const COUNTERS: readonly (readonly [name: string, counters: readonly string[]])[] = [
  ['slips', ['scheduleSlips']],
  ['overflows', ['ringOverflows', 'ringOverflowsOther']],
  ['local drops', ['localDrops', 'receiveQueueDrops']],
  ['send errors', ['sendErrors']],
  ['thread losses', ['threadLosses']],
];

/** `before`: the totals of the previous snapshot, to tell recent growth from old counts. */
export function collectorState(
  status: CollectorAnswer,
  intervalMs: number | null,
  before: Readonly<Record<string, number>> | undefined,
): ToolState {
  const sum = (totals: Readonly<Record<string, number>>, names: readonly string[]): number =>
    names.reduce((all, name) => all + (totals[name] ?? 0), 0);
  const counters = COUNTERS.map(([name, of]) => {
    const total = sum(status.totals, of);
    const more = before === undefined ? 0 : total - sum(before, of);
    return `${name} ${total}${more > 0 ? ` (+${more})` : ''}`;
  });
  const threads = [...status.workers, status.aggregator];
  const running = threads.filter(({ state }) => state === 'running').length;
  const dead = threads.filter(({ state }) => state !== 'running');
  const restarts = threads.reduce((all, one) => all + one.restarts, 0);
  return {
    kind: 'collector',
    name: status.name,
    version: status.version,
    intervalMs,
    facts: [
      ...counters,
      `threads ${running} of ${threads.length} running${restarts === 0 ? '' : `, ${restarts} restarts`}`,
    ],
    troubles: [
      ...(status.state === 'running' ? [] : [`the collector is ${status.state}`]),
      ...dead.map(({ thread, state, lastError }) => `thread ${thread}: ${state}${because(lastError)}`),
      ...status.warnings,
    ],
  };
}

export function scraperState(status: ScraperAnswer): ToolState {
  const { collectors, writers } = status;
  const states = ['up', 'behind', 'starting', 'down']
    .map((state) => [state, collectors.filter((one) => one.state === state).length] as const)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`);
  const lost = collectors.reduce((all, one) => all + one.lostIntervals, 0);
  const intervals = collectors.map(({ intervalMs }) => intervalMs ?? 0);
  const longest = Math.max(0, ...intervals);
  return {
    kind: 'scraper',
    name: `${collectors.length} ${collectors.length === 1 ? 'collector' : 'collectors'}`,
    version: status.version,
    intervalMs: longest === 0 ? null : longest,
    facts: [
      `collectors ${states.join(', ') || 'none'}`,
      `intervals lost ${lost}`,
      `writers ${writers.filter(({ up }) => up).length} of ${writers.length} up`,
    ],
    troubles: [
      ...(status.state === 'running' ? [] : [`the scraper is ${status.state}`]),
      ...collectors
        .filter(({ state }) => state === 'down')
        .map(({ name, url, lastError }) => `collector ${name ?? url}: down${because(lastError)}`),
      ...collectors.flatMap(({ name, url, troubles }) =>
        (troubles ?? []).map((trouble) => `collector ${name ?? url}: ${trouble}`),
      ),
      ...writers.filter(({ up }) => !up).map(({ name, lastError }) => `writer ${name}: down${because(lastError)}`),
      ...status.warnings,
    ],
  };
}

const because = (reason: string | null): string => (reason === null ? '' : `: ${reason}`);
