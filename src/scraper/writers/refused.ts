/**
 * Separates the lines that a database refuses for their content from the accepted ones, so that a bad point never keeps
 * a good one from being written. Pure except for the `send` that is passed in.
 *
 * A line counts as written only when a request with it was acknowledged whole. It counts as rejected only when the
 * database named it, or refused it alone. A partly refused request is sent again in parts: to write a point twice does
 * no harm.
 */

/** The answer of a database to lines that it refuses for their content. */
export interface Refusal {
  readonly status: number;
  /** For people: the message of the answer. */
  readonly message: string;
  readonly body: string;
}

/**
 * Sends lines in one request: undefined when they were acknowledged. Throws when the database is unavailable, asks to
 * retry later, or rejects the credentials.
 */
type SendLines = (lines: readonly string[]) => Promise<Refusal | undefined>;

interface Sent {
  written: number;
  rejected: number;
  /** The first reasons, without repeats. */
  reasons: string[];
}

const MAX_REASONS = 10;
const MAX_REASON_LENGTH = 300;
/**
 * After this many refused requests, with none accepted and no message about points, the cause is another one: a wrong
 * parameter, for instance.
 */
const CANARY = 24;
/** Words about points in the messages of InfluxDB 1, 2 and 3, and VictoriaMetrics. */
const ABOUT_POINTS =
  /partial write|unable to parse|parse error|parsing error|parsing failed|field type conflict|line protocol|beyond retention|points? |max-(values|series)|invalid (field|tag|column|number|timestamp)|missing (fields|tag)|duplicate tags|schema/i;

export class RefusedForAnotherReason extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.status}: ${refusal.message}`);
    this.refusal = refusal;
  }
}

/** Sends all lines, in requests of at most `batch`, and refused ones in ever smaller requests. */
export async function sendAll(lines: readonly string[], batch: number, send: SendLines): Promise<Sent> {
  const sent: Sent = { written: 0, rejected: 0, reasons: [] };
  let refusals = 0;
  let aboutPoints = false;
  let last: Refusal | undefined;
  // A stack of parts, the next one last.
  const parts: (readonly string[])[] = [];
  for (let end = lines.length; end > 0; end -= batch) parts.push(lines.slice(Math.max(0, end - batch), end));
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const refusal = await send(part);
    if (refusal === undefined) {
      sent.written += part.length;
      continue;
    }
    last = refusal;
    refusals++;
    aboutPoints ||= refusal.status === 413 || ABOUT_POINTS.test(refusal.message);
    if (!aboutPoints && sent.written === 0 && refusals >= CANARY) break;
    const { bad, rest } = split(part, refusal);
    reject(sent, bad);
    parts.push(...rest.reverse());
  }
  // No line was accepted, and no message is about points: to reject them would lose all because of a wrong parameter.
  if (last !== undefined && !aboutPoints && sent.written === 0) throw new RefusedForAnotherReason(last);
  return sent;
}

interface Bad {
  readonly count: number;
  readonly reason: string;
}

/** The lines known to be bad, and the parts in which the others are sent again. */
function split(part: readonly string[], refusal: Refusal): { bad: Bad[]; rest: (readonly string[])[] } {
  const named = namedLines(part, refusal);
  if (named.size > 0) {
    const bad = [...named.values()].map((reason) => ({ count: 1, reason }));
    const others = part.filter((_, index) => !named.has(index));
    return { bad, rest: others.length === 0 ? [] : [others] };
  }
  if (part.length === 1 || dropped(refusal) === part.length)
    return { bad: [{ count: part.length, reason: refusal.message }], rest: [] };
  const half = part.length >> 1;
  return { bad: [], rest: [part.slice(0, half), part.slice(half)] };
}

function reject(sent: Sent, bad: readonly Bad[]): void {
  for (const { count, reason } of bad) {
    sent.rejected += count;
    const text = reason.length > MAX_REASON_LENGTH ? `${reason.slice(0, MAX_REASON_LENGTH)}…` : reason;
    if (sent.reasons.length < MAX_REASONS && !sent.reasons.includes(text)) sent.reasons.push(text);
  }
}

/** InfluxDB 1 and 2 end a message on points that they left out with their number, `… dropped=3`. */
function dropped({ message }: Refusal): number | undefined {
  const match = /dropped=(\d+)\s*$/.exec(message);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/**
 * Lines that the answer names, each with the reason: by their text (`unable to parse '…': why`), or their number, as
 * InfluxDB 3 does.
 */
function namedLines(part: readonly string[], { message, body }: Refusal): Map<number, string> {
  const named = new Map<number, string>();
  const indexes = new Map<string, number>();
  for (const found of message.matchAll(/unable to parse '(.+?)': (.+)/g)) {
    if (indexes.size === 0) for (const [index, line] of part.entries()) indexes.set(line, index);
    const index = indexes.get(found[1] ?? '');
    if (index !== undefined) named.set(index, found[0]);
  }
  for (const { line, reason } of numberedLines(body)) {
    if (line >= 1 && line <= part.length) named.set(line - 1, reason);
  }
  return named;
}

function numberedLines(body: string): { line: number; reason: string }[] {
  if (!body.includes('"line_number"')) return [];
  try {
    const answer: unknown = JSON.parse(body);
    const data: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'data') : undefined;
    if (!Array.isArray(data)) return [];
    return data.map((entry: unknown) => {
      const of = (key: string): unknown =>
        typeof entry === 'object' && entry !== null ? Reflect.get(entry, key) : undefined;
      return { line: Math.trunc(Number(of('line_number'))), reason: `line refused: ${String(of('error_message'))}` };
    });
  } catch {
    return [];
  }
}
