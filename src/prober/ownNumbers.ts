/**
 * Whether a responder numbers the replies of each path on its own. One that tells sessions by addresses and ports only (TWAMP-Light) shares its numbers
 * among all classes of a source port. Shared numbers say nothing of a single path's losses, so a path's numbers are taken for its own only after
 * this proof:
 *
 * In a stretch of time let the path's numbers grow by g, let o of its probes be answered, and s probes of the other classes, which certainly arrived within
 * the stretch. Were the numbers shared, then g >= o + s. So g < o + s proves that they are not.
 *
 * Certainly arrived: an answered probe arrived within its timeout. So the others count that were sent at least a timeout after the stretch's
 * first probe, and whose timeout was over before its last one was sent. A path without other classes has none to share numbers with.
 *
 * Hot, until proven: other classes are looked at about once a timeout.
 */

import { column, grown } from '../base/growable.js';
import { MAX_STREAMS } from '../threads/messages.js';
import type { ProberState } from './state.js';

/** What is known of a path. The stages of its proof follow each other in this order. */
const Stage = {
  nothing: 0,
  /** The stretch has begun. */
  begun: 1,
  /** Other classes' answers count. */
  counting: 2,
  /** And were read, in case the stretch ends with the next probe. */
  counted: 3,
  proven: 4,
} as const;

export class OwnNumbers {
  private readonly state: ProberState;
  /** By path: probes answered in time, modulo 2^32. */
  private answers: Uint32Array;
  /** By path: its stage, and since when, ns. */
  private stage: Uint8Array;
  private sinceNs: Float64Array;
  /** By path: its number and its answers at the beginning of the stretch; the others' answers when counting began, and from then until they were read. */
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

  /** Makes room for paths below `paths`. */
  reserve(paths: number): void {
    this.answers = grown(this.answers, paths);
    this.stage = grown(this.stage, paths);
    this.sinceNs = grown(this.sinceNs, paths);
    this.numberBefore = grown(this.numberBefore, paths);
    this.answersBefore = grown(this.answersBefore, paths);
    this.othersBefore = grown(this.othersBefore, paths);
    this.others = grown(this.others, paths);
  }

  /** Whether the numbers of the path are proven to be its own. */
  isOwn(path: number): boolean {
    return this.stage[path] === Stage.proven;
  }

  /** A contradiction in the path's numbers: another responder may answer by now. */
  lapse(path: number): void {
    this.stage[path] = Stage.nothing;
  }

  /** Every path goes on as another flow, whose numbers begin anew: what they grow by from before tells nothing. */
  lapseAll(): void {
    this.stage.fill(Stage.nothing);
  }

  /** A stream was added: the other classes of its target have to prove their numbers again. */
  added(stream: number): void {
    const { streams } = this.state;
    for (let other = streams.first(streams.flow[stream]); other >= 0; other = streams.next(other))
      if (streams.sameFlows(stream, other))
        this.stage.fill(Stage.nothing, other * streams.ports, (other + 1) * streams.ports);
  }

  /** Hot: a probe of the path, sent at `sentNs`, was answered in time with `number`. For each path in the order of sending. */
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

  /** Counting begins when all probes are decided that were sent less than a timeout after the stretch's first one. */
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
    // Negative when a stream was taken out.
    this.others[path] = Math.max(0, (this.sum - this.othersBefore[path]) | 0);
    this.sinceNs[path] = nowNs;
    this.stage[path] = Stage.counted;
  }

  private prove(path: number, number: number): void {
    const grownBy = (number - this.numberBefore[path]) | 0;
    const own = (this.answers[path] - this.answersBefore[path]) >>> 0;
    if (grownBy >= 0 && grownBy < own + this.others[path]) this.stage[path] = Stage.proven;
  }

  /** Looks at the other streams towards the path's target: what was answered on its source port, and the longest timeout. */
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
