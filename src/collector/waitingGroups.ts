/**
 * Live groups that the state directory keeps and that are not in force: there is no room for them under the limits, or this version of LLAMA
 * does not read them. They are shown, may be changed and removed as others are, and are tried again whenever something else makes room.
 */

import type { Logger } from 'pino';
import type { Group } from '../config/types.js';
import { digestOf, tagOf, type WaitingGroup } from './held.js';

export interface WaitingOptions {
  readonly logger: Logger;
  /** Does something between two changes. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  /** Puts a group in force, at its turn. Rejects with the reason when it can't be. */
  readonly put: (group: Group) => Promise<void>;
}

export class WaitingGroups {
  private readonly options: WaitingOptions;
  private readonly waiting = new Map<string, WaitingGroup>();
  private trying = false;

  constructor(options: WaitingOptions) {
    this.options = options;
  }

  all(): readonly WaitingGroup[] {
    return [...this.waiting.values()];
  }

  get(name: string): WaitingGroup | undefined {
    return this.waiting.get(name);
  }

  has(name: string): boolean {
    return this.waiting.has(name);
  }

  /** `text` is what is kept: of a group its JSON; whatever it is when it is no group to this version. */
  add(name: string, group: Group | undefined, text: string, reason: string): void {
    const said = this.waiting.get(name)?.reason;
    this.waiting.set(name, {
      name,
      group,
      origin: 'api',
      text: group === undefined ? '{}' : text,
      etag: tagOf('api', digestOf(text)),
      reason: reason.replaceAll('\n', '; '),
    });
    if (said === undefined)
      this.options.logger.error(
        { group: name, error: reason },
        'a live group of the state directory is not in force; it is kept there, shown in /v1/groups, and tried again when there is room',
      );
  }

  /** The name means something else now. */
  delete(name: string): void {
    this.waiting.delete(name);
  }

  /** Something was removed or changed: behind this change, every group is tried again. */
  roomMade(): void {
    if (this.trying || this.waiting.size === 0) return;
    this.trying = true;
    const work = async (): Promise<void> => {
      this.trying = false;
      for (const { name, group, text } of this.all()) {
        if (group === undefined) continue;
        try {
          await this.options.put(group);
          this.options.logger.info({ group: name }, 'a live group that was waiting for room is in force again');
        } catch (error) {
          this.add(name, group, text, error instanceof Error ? error.message : String(error));
        }
      }
    };
    void this.options.inTurn(work);
  }
}
