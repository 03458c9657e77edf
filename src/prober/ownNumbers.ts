/**
 * Whether a responder numbers the replies of each path separately. A responder that tells sessions by addresses and
 * ports only (TWAMP-Light) shares its numbers among all classes of a source port. Shared numbers say nothing about the
 * losses of a single path. So a path's numbers are used only after this proof:
 *
 * In a stretch of time, the path's numbers grow by g, o of its probes are answered, and s probes of the other classes
 * certainly arrive. If the numbers were shared, then g >= o + s. So g < o + s proves separate numbers.
 *
 * An answered probe certainly arrived within its timeout. So s counts the probes that were sent at least a timeout
 * after the stretch's first probe, and whose timeout ended before its last probe was sent. A path without other classes
 * needs no proof.
 *
 * Hot, until proven: the other classes are read about once a timeout.
 */

import { column, grown } from '../base/growable.js';
import { MAX_STREAMS } from '../threads/messages.js';
import type { ProberState } from './state.js';

/** State of a path's proof. The stages follow each other in this order. */
const Stage = {
  nothing: 0,
  /** The stretch has begun. */
  begun: 1,
  /** Answers of the other classes count. */
  counting: 2,
  /** They were also read, in case the stretch ends with the next probe. */
  counted: 3,
  proven: 4,
} as const;

export class OwnNumbers {
  private readonly state: ProberState;
  /** By path: probes answered in time, modulo 2^32. */
  private answers: Uint32Array;
  /** By path: its stage, and its start, ns. */
  private stage: Uint8Array;
  private sinceNs: Float64Array;
  /**
   * By path: number and answers at the beginning of the stretch; the others' answers when counting began, and from then
   * to the last reading.
   */
  private numberBefore: Uint32Array;
  private answersBefore: Uint32Array;
  private othersBefore: Uint32Array;
  private others: Uint32Array;
  /** Results of `look`. */
  private sum = 0;
  private alone = true;
  private timeoutNs = 0;

  constructor(state: ProberState) {
    this.state = state;
    const most = MAX_STREAMS * state.streams.ports;
    this.answers = column(Uint32Array, 0, most);
    this.stage = column(Uint8Array, 0, most);
    this.sinceNs = column(Float64Array, 0, most);
    this.numberBefore = column(Uint32Array, 0, most);
    this.answersBefore = column(Uint32Array, 0, most);
    this.othersBefore = column(Uint32Array, 0, most);
    this.others = column(Uint32Array, 0, most);
  }

  /** Grows the columns to `paths` paths. */
  reserve(paths: number): void {
    this.answers = grown(this.answers, paths);
    this.stage = grown(this.stage, paths);
    this.sinceNs = grown(this.sinceNs, paths);
    this.numberBefore = grown(this.numberBefore, paths);
    this.answersBefore = grown(this.answersBefore, paths);
    this.othersBefore = grown(this.othersBefore, paths);
    this.others = grown(this.others, paths);
  }

  /** Whether the path's numbers are proven to be its own. */
  isOwn(path: number): boolean {
    return this.stage[path] === Stage.proven;
  }

  /** The path's numbers contradict each other: another responder may answer by now. */
  lapse(path: number): void {
    this.stage[path] = Stage.nothing;
  }

  /** Each path continues as another flow, whose numbers start again. Earlier numbers can't be compared with them. */
  lapseAll(): void {
    this.stage.fill(Stage.nothing);
  }

  /** A stream was added: the other classes of its target must prove their numbers again. */
  added(stream: number): void {
    const { streams } = this.state;
    for (let other = streams.first(streams.flow[stream]); other >= 0; other = streams.next(other))
      if (streams.sameFlows(stream, other))
        this.stage.fill(Stage.nothing, other * streams.ports, (other + 1) * streams.ports);
  }

  /**
   * Hot: a probe of the path, sent at `sentNs`, was answered in time with `number`. Called in the order of sending
   * within each path.
   */
  answered(path: number, number: number, sentNs: number, nowNs: number): void {
    this.answers[path]++;
    const stage = this.stage[path];
    if (stage === Stage.proven) return;
    if (stage === Stage.nothing) {
      this.look(path);
      this.stage[path] = this.alone ? Stage.proven : Stage.begun;
      this.sinceNs[path] = sentNs;
      this.numberBefore[path] = number;
      this.answersBefore[path] = this.answers[path];
    } else if (stage === Stage.begun) {
      this.count(path, nowNs);
    } else if (sentNs >= this.sinceNs[path]) {
      if (stage === Stage.counted) this.prove(path, number);
      if (this.stage[path] !== Stage.proven) this.read(path, nowNs);
    }
  }

  /** Counting begins when all probes sent less than a timeout after the stretch's first one are decided. */
  private count(path: number, nowNs: number): void {
    const { streams, watermarkNs } = this.state;
    const stream = Math.floor(path / streams.ports);
    const overNs = watermarkNs - this.sinceNs[path];
    if (overNs < streams.timeoutNs[stream]) return;
    this.look(path);
    if (overNs < this.timeoutNs) return;
    this.othersBefore[path] = this.sum;
    this.sinceNs[path] = nowNs;
    this.stage[path] = Stage.counting;
  }

  private read(path: number, nowNs: number): void {
    this.look(path);
    // Negative when a stream was removed.
    this.others[path] = Math.max(0, (this.sum - this.othersBefore[path]) | 0);
    this.sinceNs[path] = nowNs;
    this.stage[path] = Stage.counted;
  }

  private prove(path: number, number: number): void {
    const grownBy = (number - this.numberBefore[path]) | 0;
    const own = (this.answers[path] - this.answersBefore[path]) >>> 0;
    if (grownBy >= 0 && grownBy < own + this.others[path]) this.stage[path] = Stage.proven;
  }

  /** Reads the other streams towards the path's target: answers on its source port, and the longest timeout. */
  private look(path: number): void {
    const { streams } = this.state;
    const stream = Math.floor(path / streams.ports);
    const port = path - stream * streams.ports;
    this.sum = 0;
    this.alone = true;
    this.timeoutNs = streams.timeoutNs[stream];
    for (let other = streams.first(streams.flow[stream]); other >= 0; other = streams.next(other)) {
      if (other === stream || !streams.sameFlows(stream, other)) continue;
      this.alone = false;
      this.sum = (this.sum + this.answers[other * streams.ports + port]) >>> 0;
      this.timeoutNs = Math.max(this.timeoutNs, streams.timeoutNs[other]);
    }
  }
}
