/**
 * One reflector thread's loop: wait, receive a batch, drop and count what is not to be answered, reflect the rest.
 * It must never allocate, block (but in `ppoll`) or throw because of what a packet holds, nor answer with more bytes than it was asked with.
 */

import { SOCKADDR_PORT, sockaddrAddressOffset } from '../net/address.js';
import { ReceiveBatch } from '../net/batch.js';
import { SystemClock } from '../net/clock.js';
import { PollSet } from '../net/poll.js';
import { ControlBlock, ThreadState } from '../ring/control.js';
import { msToNs, NS_PER_S, nsToMs, sToNs } from '../stats/units.js';
import { checkStampRequest, reflectStamp, StampFault, stampSequence, stampSsid } from '../wire/stamp.js';
import { AllowList } from './allow.js';
import { type ListenSocket, REFLECTOR_COUNTERS, type ReflectorCounter, type ReflectorStart } from './messages.js';
import { ReplySender } from './replies.js';
import { SessionKey, SessionTable } from './sessions.js';
import { TokenBucket } from './tokens.js';

/** Datagrams per `recvmmsg`. */
const BATCH = 64;
/** Longest request: a jumbo frame. 64 more than a multiple of 4096 would need, so that payloads do not share cache sets. */
export const MAX_REQUEST_BYTES = 9216 + 64;
/** Batches from one socket before the others get their turn. */
const BATCHES_PER_TURN = 8;
/** Longest wait: bounds how late a thread sees that it is to end when the wake-up got lost. */
const WAIT_NS = msToNs(250);
/**
 * Under load the thread lets requests gather for a moment, so that a system call takes many and nobody has to wake the thread for each:
 * at 150,000 requests a second that saves a third of its CPU time. They have T2 from the kernel, so the wait is residence and in no RTT.
 */
const GATHER_FROM = 8;
const GATHER_NS = 100_000;
const EXPIRE_PERIOD_NS = sToNs(1);
const EXPIRE_LIMIT = 1024;

const counterIndex = (name: ReflectorCounter): number => REFLECTOR_COUNTERS.indexOf(name);
const RECEIVED = counterIndex('received');
const REFLECTED = counterIndex('reflected');
const NO_SOURCE = counterIndex('noSource');
const NOT_ALLOWED = counterIndex('notAllowed');
const TOO_LONG = counterIndex('tooLong');
const OVER_RATE = counterIndex('overRate');
const SEND_ERRORS = counterIndex('sendErrors');
const STAMPS_MISSING = counterIndex('stampsMissing');
const SESSIONS = counterIndex('sessions');
const SESSIONS_EVICTED = counterIndex('sessionsEvicted');
const SESSIONS_EXPIRED = counterIndex('sessionsExpired');
const TURNS = counterIndex('turns');

/** The counter of each `StampFault`. */
const FAULT_COUNTERS = new Int32Array(3);
FAULT_COUNTERS[StampFault.tooShort] = counterIndex('tooShort');
FAULT_COUNTERS[StampFault.reply] = counterIndex('looksLikeReply');

export class ReflectorEngine {
  private readonly sockets: readonly ListenSocket[];
  private readonly doorbell: number;
  readonly control: ControlBlock<ReflectorCounter>;
  private readonly counters: Float64Array;
  private readonly clock: SystemClock;
  private readonly poll: PollSet;
  private readonly batch = new ReceiveBatch(BATCH, MAX_REQUEST_BYTES);
  private readonly replies: ReplySender;
  private readonly allow: AllowList | null;
  private readonly tokens: TokenBucket | null;
  private readonly sessions: SessionTable | null;
  /** Indices in `batch` of the requests to answer. */
  private readonly picks = new Uint8Array(BATCH);
  private expireAtNs = 0;

  constructor(start: ReflectorStart) {
    this.sockets = start.sockets;
    this.doorbell = start.doorbell;
    this.control = new ControlBlock(REFLECTOR_COUNTERS, start.control);
    this.counters = this.control.counters;
    this.clock = new SystemClock(start.timeBase);
    this.poll = new PollSet(
      start.wakeFd,
      start.sockets.map(({ fd }) => fd),
    );
    this.replies = new ReplySender(this.batch, this.clock, (ns) => this.poll.sleep(ns));
    this.allow = start.allow === null ? null : new AllowList(start.allow);
    this.tokens = start.limit === null ? null : new TokenBucket(start.limit.tokens, start.limit.maxPps);
    this.sessions =
      start.sessions === null ? null : new SessionTable(start.sessions.maxSessions, start.sessions.timeoutMs);
  }

  /** Returns when the doorbell rings. */
  run(): void {
    this.counters[SESSIONS] = 0;
    this.control.state = ThreadState.running;
    while (this.control.doorbell === this.doorbell) this.turn();
    this.control.state = ThreadState.stopped;
  }

  private turn(): void {
    this.control.beat();
    this.counters[TURNS]++;
    let most = 0;
    if (this.poll.wait(WAIT_NS) > 0)
      for (let i = 0; i < this.sockets.length; i++) {
        // An error is drained too: receiving takes it off the socket, else ppoll would return at once for ever.
        if (this.poll.readable(i) || this.poll.hasErrors(i)) most = Math.max(most, this.drain(i));
      }
    if (this.sessions !== null) this.tidySessions(this.sessions);
    if (most >= GATHER_FROM && most < BATCH) this.poll.sleep(GATHER_NS);
  }

  /** Answers what waits on a socket; returns how many datagrams the last batch had. */
  private drain(socket: number): number {
    const { fd } = this.sockets[socket];
    let count = 0;
    for (let round = 0; round < BATCHES_PER_TURN; round++) {
      count = this.batch.receive(fd);
      // A pending error of the socket is reported once, in place of a datagram; the next turn goes on.
      if (count <= 0) return 0;
      this.counters[RECEIVED] += count;
      this.reflect(socket, count);
      if (count < BATCH) return count;
    }
    return count;
  }

  /** Hot: answers what is to be answered of the `count` datagrams in the batch. */
  private reflect(socket: number, count: number): void {
    const { batch, counters, picks, replies } = this;
    const { family, fd } = this.sockets[socket];
    let picked = 0;
    for (let j = 0; j < count; j++) {
      const junk = this.examine(family, j);
      if (junk < 0) picks[picked++] = j;
      else counters[junk]++;
    }
    const nowMs = this.tokens === null && this.sessions === null ? 0 : nsToMs(this.clock.nowNs());
    const granted = this.tokens === null ? picked : this.tokens.take(picked, nowMs);
    counters[OVER_RATE] += picked - granted;
    // Raised before the replies go out and corrected after: whoever has a reply finds it counted.
    counters[REFLECTED] += granted;
    const { errors } = replies;
    replies.behind = count === BATCH;
    const { view } = batch.memory;
    for (let i = 0; i < granted; i++) {
      const j = picks[i];
      const at = batch.payloadAt(j);
      const sequence =
        this.sessions === null ? stampSequence(view, at) : this.sessionNumber(this.sessions, socket, j, nowMs);
      reflectStamp(view, at, batch.lengths[j], sequence, batch.stampS[j], batch.stampNs[j], batch.ttl[j]);
      replies.add(family, j);
      if (replies.full) replies.flush(family, fd);
    }
    replies.flush(family, fd);
    const failed = replies.errors - errors;
    counters[REFLECTED] -= failed;
    counters[SEND_ERRORS] += failed;
  }

  /** Hot: the counter of the reason why datagram `j` is not to be answered, or -1. Sees to it that it has a T2. */
  private examine(family: 4 | 6, j: number): number {
    const { batch, allow } = this;
    const { view } = batch.memory;
    const name = batch.nameAt(j);
    if (view.getUint16(name + SOCKADDR_PORT) === 0) return NO_SOURCE;
    if (allow !== null) {
      const at = name + sockaddrAddressOffset(family);
      const allowed =
        family === 4
          ? allow.allows(4, view.getUint32(at), 0, 0, 0)
          : allow.allows(
              6,
              view.getUint32(at),
              view.getUint32(at + 4),
              view.getUint32(at + 8),
              view.getUint32(at + 12),
            );
      if (!allowed) return NOT_ALLOWED;
    }
    if (batch.truncated[j] !== 0) return TOO_LONG;
    if (batch.stampS[j] === 0) this.stampFromClock(j);
    const fault = checkStampRequest(view, batch.payloadAt(j), batch.lengths[j], batch.stampS[j]);
    return fault === StampFault.none ? -1 : FAULT_COUNTERS[fault];
  }

  private stampFromClock(j: number): void {
    this.counters[STAMPS_MISSING]++;
    const wallNs = this.clock.wallNs();
    const seconds = Math.floor(wallNs / NS_PER_S);
    this.batch.stampS[j] = this.clock.timeBase.epochS + seconds;
    this.batch.stampNs[j] = wallNs - seconds * NS_PER_S;
  }

  private sessionNumber(sessions: SessionTable, socket: number, j: number, nowMs: number): number {
    const { batch } = this;
    const { view } = batch.memory;
    const { family } = this.sockets[socket];
    const { key } = sessions;
    const name = batch.nameAt(j);
    const source = name + sockaddrAddressOffset(family);
    const local = batch.localAddressAt[j];
    const words = family === 4 ? 1 : 4;
    for (let word = 0; word < 4; word++) {
      key[SessionKey.source + word] = word < words ? view.getUint32(source + word * 4) : 0;
      key[SessionKey.local + word] = word < words && local !== 0 ? view.getUint32(local + word * 4) : 0;
    }
    key[SessionKey.portAndSsid] = view.getUint16(name + SOCKADDR_PORT) * 65_536 + stampSsid(view, batch.payloadAt(j));
    key[SessionKey.socket] = socket;
    return sessions.next(nowMs);
  }

  private tidySessions(sessions: SessionTable): void {
    const nowNs = this.clock.nowNs();
    const { counters } = this;
    if (nowNs >= this.expireAtNs) {
      const { expired } = sessions;
      sessions.expire(nsToMs(nowNs), EXPIRE_LIMIT);
      // All of the limit used up: there may be more, go on with the next turn.
      if (sessions.expired - expired < EXPIRE_LIMIT) this.expireAtNs = nowNs + EXPIRE_PERIOD_NS;
    }
    counters[SESSIONS] = sessions.size;
    counters[SESSIONS_EVICTED] += sessions.evicted;
    counters[SESSIONS_EXPIRED] += sessions.expired;
    sessions.evicted = 0;
    sessions.expired = 0;
  }
}
