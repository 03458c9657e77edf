/**
 * Loop of one reflector thread: wait, receive a batch, count and drop invalid datagrams, reflect the rest. It must
 * never allocate, block (except in `ppoll`) or throw because of a packet's content, nor send a longer reply than its
 * request (short requests excepted, see `examine.ts`).
 */

import { msToNs, nsToMs, sToNs } from '../base/units.js';
import { SOCKADDR_PORT, sockaddrAddressOffset } from '../net/address.js';
import { ReceiveBatch } from '../net/batch.js';
import { SystemClock } from '../net/clock.js';
import { PollSet } from '../net/poll.js';
import { ControlBlock, ThreadState } from '../ring/control.js';
import { PacketSigner } from '../wire/hmac.js';
import { AllowList } from './allow.js';
import { Answerer } from './answer.js';
import { Examiner } from './examine.js';
import { SharedKeys } from './keys.js';
import {
  FORMATS,
  type ListenSocket,
  REFLECTOR_COUNTERS,
  type ReflectorCounter,
  type ReflectorStart,
} from './messages.js';
import { ReplySender } from './replies.js';
import { ReplyInterfaces } from './replyInterface.js';
import { SessionTable } from './sessions.js';
import { TokenBucket } from './tokens.js';

/** Datagrams per `recvmmsg`. */
const BATCH = 64;
/**
 * Longest request: a jumbo frame. The extra 64 bytes avoid a multiple of 4096, so that payloads do not share cache
 * sets.
 */
const MAX_REQUEST_BYTES = 9216 + 64;
/** Limit of batches read from one socket before the next socket is read. */
const BATCHES_PER_TURN = 8;
/** Longest wait: bounds the delay of a stop whose wake-up got lost. */
const WAIT_NS = msToNs(250);
/**
 * Under load the thread lets requests gather for a moment, so that one system call receives many and fewer wake-ups are
 * needed. At 150,000 requests a second that saves a third of its CPU time. The kernel stamps T2 on arrival, so the wait
 * is residence and not part of any RTT.
 */
const GATHER_FROM = 8;
const GATHER_NS = 100_000;
const EXPIRE_PERIOD_NS = sToNs(1);
const EXPIRE_LIMIT = 1024;
/** Resolution of the age order of sessions, ms. */
const ORDER_MS = 1000;
const SYNC_PERIOD_NS = sToNs(10);

const counterIndex = (name: ReflectorCounter): number => REFLECTOR_COUNTERS.indexOf(name);
const RECEIVED = counterIndex('received');
const REFLECTED = counterIndex('reflected');
/** By `Format`. */
const REFLECTED_AS = FORMATS.map((name) =>
  counterIndex(`reflected${name[0].toUpperCase()}${name.slice(1)}` as ReflectorCounter),
);
const OVER_RATE = counterIndex('overRate');
const SEND_ERRORS = counterIndex('sendErrors');
const SHORT_REQUESTS = counterIndex('shortRequests');
const STAMPS_MISSING = counterIndex('stampsMissing');
const MALFORMED_TLVS = counterIndex('malformedTlvs');
const FORGED_TLVS = counterIndex('forgedTlvs');
const SESSIONS = counterIndex('sessions');
const SESSIONS_EVICTED = counterIndex('sessionsEvicted');
const SESSIONS_EXPIRED = counterIndex('sessionsExpired');
const TURNS = counterIndex('turns');

export class ReflectorEngine {
  private readonly sockets: readonly ListenSocket[];
  private readonly doorbell: number;
  readonly control: ControlBlock<ReflectorCounter>;
  private readonly counters: Float64Array;
  private readonly clock: SystemClock;
  private readonly poll: PollSet;
  private readonly batch = new ReceiveBatch(BATCH, MAX_REQUEST_BYTES);
  private readonly replies: ReplySender;
  private readonly tokens: TokenBucket | null;
  private readonly sessions: SessionTable;
  private readonly examiner: Examiner;
  private readonly answerer: Answerer;
  private readonly keys: SharedKeys | null;
  private keysVersion = -1;
  /** Indices in `batch` of the requests to answer. */
  private readonly picks = new Uint8Array(BATCH);
  private expireAtNs = 0;
  private syncAtNs = 0;

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
    const interfaces = new ReplyInterfaces(start.replyInterface, start.vrfs);
    this.replies = new ReplySender(this.batch, this.clock, (ns) => this.poll.sleep(ns), interfaces);
    this.tokens = start.limit === null ? null : new TokenBucket(start.limit.tokens, start.limit.maxPps);
    const { maxSessions, timeoutMs } = start.sessions;
    this.sessions = new SessionTable(maxSessions, timeoutMs, Math.min(ORDER_MS, timeoutMs / 4), BATCH);
    const allow = start.allow === null ? null : new AllowList(start.allow);
    this.examiner = new Examiner(this.batch, this.clock, allow, start.short);
    this.answerer = new Answerer(this.batch, this.sockets, this.sessions, start.stateful);
    this.keys = start.keys === null ? null : new SharedKeys(start.keys);
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
    const ready = this.poll.wait(WAIT_NS);
    // After the wait: requests that arrive after a change of keys are checked with the new keys.
    if (this.keys !== null && this.keys.version !== this.keysVersion) this.takeKeys(this.keys);
    if (ready > 0)
      for (let i = 0; i < this.sockets.length; i++) {
        // A socket with an error is drained too: receiving clears the error. Otherwise ppoll would always return at
        // once.
        if (this.poll.readable(i) || this.poll.hasErrors(i)) most = Math.max(most, this.drain(i));
      }
    this.tidy();
    if (most >= GATHER_FROM && most < BATCH) this.poll.sleep(GATHER_NS);
  }

  /** Answers the datagrams that wait on a socket. Returns the size of the last batch. */
  private drain(socket: number): number {
    const { fd } = this.sockets[socket];
    let count = 0;
    for (let round = 0; round < BATCHES_PER_TURN; round++) {
      count = this.batch.receive(fd);
      // A pending error of the socket is reported once, in place of a datagram; the next iteration continues.
      if (count <= 0) return 0;
      this.counters[RECEIVED] += count;
      this.reflect(socket, count);
      if (count < BATCH) return count;
    }
    return count;
  }

  /** Hot: answers the valid requests among the `count` datagrams of the batch. */
  private reflect(socket: number, count: number): void {
    const { counters, picks, replies, examiner, answerer } = this;
    const { family, fd } = this.sockets[socket];
    const nowNs = this.clock.nowNs();
    const nowMs = nsToMs(nowNs);
    this.control.examples.nowNs = nowNs;
    let picked = 0;
    for (let j = 0; j < count; j++) {
      const junk = examiner.examine(family, j, nowMs);
      if (junk < 0) picks[picked++] = j;
      else {
        counters[junk]++;
        this.note(junk, family, j, 0);
      }
    }
    const granted = this.tokens === null ? picked : this.tokens.take(picked, nowMs);
    counters[OVER_RATE] += picked - granted;
    if (granted < picked) this.note(OVER_RATE, family, picks[granted], 0);
    for (let i = granted; i < picked; i++) answerer.skip(socket, picks[i], examiner.formats[picks[i]]);
    // Raised before the replies are sent and corrected afterwards, so that a received reply is always counted already.
    counters[REFLECTED] += granted;
    replies.behind = count === BATCH;
    answerer.lookAhead(socket, picks, granted, examiner.formats);
    for (let i = 0; i < granted; i++) {
      const j = picks[i];
      const format = examiner.formats[j];
      const key = examiner.keys[j];
      counters[REFLECTED_AS[format]]++;
      replies.add(family, j, answerer.answer(socket, j, format, key, nowMs), format, key);
      if (replies.full) replies.flush(family, fd);
    }
    replies.flush(family, fd);
    if (replies.errors > 0) {
      this.note(SEND_ERRORS, family, replies.errorOf, replies.errorErrno);
      this.correct();
    }
  }

  /** Stores datagram `j` as the example of a counter. */
  private note(counter: number, family: 4 | 6, j: number, errno: number): void {
    const { u16, u32 } = this.batch.memory;
    const name = this.batch.nameAt(j);
    const address = (name + sockaddrAddressOffset(family)) >> 2;
    const port = u16[(name + SOCKADDR_PORT) >> 1];
    this.control.examples.note(counter, family, u32, address, port, this.batch.lengths[j], errno, -1);
  }

  /** Subtracts unsent replies from the reflected ones. */
  private correct(): void {
    const { counters, replies } = this;
    counters[REFLECTED] -= replies.errors;
    counters[SEND_ERRORS] += replies.errors;
    for (let format = 0; format < REFLECTED_AS.length; format++)
      counters[REFLECTED_AS[format]] -= replies.errorsByFormat[format];
    replies.errors = 0;
    replies.errorsByFormat.fill(0);
  }

  private takeKeys(shared: SharedKeys): void {
    const { version, keys } = shared.read();
    const signer = new PacketSigner(keys);
    this.keysVersion = version;
    this.examiner.signer = signer;
    this.answerer.signer = signer;
    this.replies.signer = signer;
  }

  private tidy(): void {
    const nowNs = this.clock.nowNs();
    const { counters, sessions, examiner, answerer } = this;
    if (nowNs >= this.expireAtNs) {
      const { expired } = sessions;
      sessions.expire(nsToMs(nowNs), EXPIRE_LIMIT);
      // The limit was reached: more sessions may have expired, so the next iteration continues.
      if (sessions.expired - expired < EXPIRE_LIMIT) this.expireAtNs = nowNs + EXPIRE_PERIOD_NS;
    }
    if (nowNs >= this.syncAtNs) {
      answerer.readSync();
      this.syncAtNs = nowNs + SYNC_PERIOD_NS;
    }
    counters[SESSIONS] = sessions.size;
    counters[SESSIONS_EVICTED] += sessions.evicted;
    counters[SESSIONS_EXPIRED] += sessions.expired;
    counters[SHORT_REQUESTS] += examiner.shortRequests;
    counters[STAMPS_MISSING] += examiner.stampsMissing;
    counters[MALFORMED_TLVS] += answerer.malformedTlvs;
    counters[FORGED_TLVS] += answerer.forgedTlvs;
    sessions.evicted = 0;
    sessions.expired = 0;
    examiner.shortRequests = 0;
    examiner.stampsMissing = 0;
    answerer.malformedTlvs = 0;
    answerer.forgedTlvs = 0;
  }
}
