/**
 * The live picture in a terminal: combines the refresher's data with the keys, and draws on each change and once a
 * second, because ages grow.
 */

import { signalled } from '../shared/signals.js';
import type { ServiceClient } from './client.js';
import { type Frame, frame, helpLines } from './frame.js';
import { keysOf, pressed } from './keys.js';
import { Feed } from './refresher.js';
import type { Looker } from './snapshot.js';
import { Terminal } from './terminal.js';
import type { Paint } from './text.js';
import type { Picture, View } from './types.js';

const REDRAW_MS = 1_000;

/** Resolves when the user quits, or on a signal. */
export async function runLive(
  client: ServiceClient,
  looker: Looker,
  first: Picture,
  firstView: View,
  paint: Paint,
): Promise<void> {
  let view = firstView;
  let shown: Frame | undefined;
  const draw = (): void => {
    const { width, height } = terminal.size;
    if (view.help) {
      terminal.draw(helpLines(width, height));
      return;
    }
    const sinceMs = performance.now() - feed.takenMs;
    const { picture, connection } = feed;
    shown = frame({ picture, view, connection, sinceMs, width, height, paint });
    terminal.draw(shown.lines);
  };
  const input = (text: string): void => {
    for (const key of keysOf(text)) {
      if (shown === undefined) return;
      const { view: changed, effect } = pressed(view, key, shown, feed.picture.classes);
      view = changed;
      if (effect === 'quit') feed.stop();
      else if (effect === 'suspend') terminal.suspend();
      else if (effect === 'ask') feed.ask(view.asked);
      if (effect !== 'suspend') draw();
    }
  };
  const resumed = (): void => {
    feed.ask(view.asked);
    draw();
  };
  const feed = new Feed(client, looker, first, view.asked, () => draw());
  const terminal = new Terminal({ input, resized: draw, resumed });
  const hangUp = (): void => feed.stop();
  process.on('SIGHUP', hangUp);
  void signalled().then(() => feed.stop());
  terminal.open();
  const clock = setInterval(draw, REDRAW_MS);
  try {
    draw();
    await feed.run();
  } finally {
    clearInterval(clock);
    process.off('SIGHUP', hangUp);
    terminal.close();
  }
}
