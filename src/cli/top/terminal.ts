/**
 * The terminal while the picture is live: its second screen, keys as they are pressed, no cursor. However the process
 * ends, short of SIGKILL, the terminal is given back as it was; and before an error is printed, which would go with the
 * second screen.
 */

import { writeSync } from 'node:fs';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[0m\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

interface TerminalEvents {
  readonly input: (text: string) => void;
  readonly resized: () => void;
  /** Back after having been suspended. */
  readonly resumed: () => void;
}

export class Terminal {
  private readonly events: TerminalEvents;
  private entered = false;

  constructor(events: TerminalEvents) {
    this.events = events;
  }

  get size(): { readonly width: number; readonly height: number } {
    // A terminal that was never given a size reports 0.
    return { width: process.stdout.columns || 80, height: process.stdout.rows || 24 };
  }

  open(): void {
    process.on('exit', this.leave);
    process.on('uncaughtExceptionMonitor', this.leave);
    process.on('SIGTSTP', this.stop);
    process.on('SIGCONT', this.goOn);
    process.stdout.on('resize', this.events.resized);
    process.stdin.setEncoding('utf8').on('data', this.events.input);
    this.enter();
  }

  close(): void {
    process.off('exit', this.leave);
    process.off('uncaughtExceptionMonitor', this.leave);
    process.off('SIGTSTP', this.stop);
    process.off('SIGCONT', this.goOn);
    process.stdout.off('resize', this.events.resized);
    process.stdin.off('data', this.events.input).pause();
    this.leave();
  }

  draw(lines: readonly string[]): void {
    if (!this.entered) return;
    process.stdout.write(`${HOME}${lines.map((line) => line + REST_OF_LINE).join('\r\n')}${REST_OF_SCREEN}`);
  }

  /** Ctrl-Z, which comes as a key: the whole job is stopped, as a terminal in its usual mode would do it. */
  suspend(): void {
    process.kill(0, 'SIGTSTP');
  }

  private enter(): void {
    if (this.entered) return;
    this.entered = true;
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(ENTER);
  }

  /** Writes past the stream: at the end of the process it would not be flushed. */
  private readonly leave = (): void => {
    if (!this.entered) return;
    this.entered = false;
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false);
      writeSync(1, LEAVE);
    } catch {
      // The terminal is gone, so there is nothing to restore.
    }
  };

  /** Without our handler the signal has its default effect. */
  private readonly stop = (): void => {
    this.leave();
    process.off('SIGTSTP', this.stop);
    process.kill(process.pid, 'SIGTSTP');
  };

  private readonly goOn = (): void => {
    process.off('SIGTSTP', this.stop);
    process.on('SIGTSTP', this.stop);
    // The shell has used the screen in between; its terminal settings are not ours.
    this.entered = false;
    this.enter();
    this.events.resumed();
  };
}
