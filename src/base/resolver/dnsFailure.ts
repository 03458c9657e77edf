/** The meaning of c-ares codes, and why a name server did not answer. */

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { messageOf } from '../errors.js';

/** NXDOMAIN, and a name without records of the type: authoritative answers. */
export const NEGATIVE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name (NXDOMAIN)',
  ENODATA: 'it has no such records',
};
const FAILURES: Readonly<Record<string, string>> = {
  ETIMEOUT: 'no answer in time',
  ESERVFAIL: 'the name server failed (SERVFAIL)',
  EREFUSED: 'the name server refused to answer',
  ECONNREFUSED: 'no name server can be reached',
  ECANCELLED: 'given up',
  EBADNAME: 'it is no DNS name',
};
/** Errors of a query whose answer needs TCP, when TCP is blocked. */
const MAYBE_TRUNCATED = new Set(['ETIMEOUT', 'ECONNREFUSED', 'ECONNRESET']);

export type RecordType = 'A' | 'AAAA' | 'SRV';
const TYPES: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, SRV: 33 };

/**
 * A query, octets (RFC 1035, 4.1; RFC 6891, 6.1):
 *
 * | offset | bytes | field |
 * | --- | --- | --- |
 * | 0 | 2 | ID |
 * | 2 | 2 | flags: RD (0x0100) here; TC (0x0200) in a truncated answer |
 * | 4 | 8 | counts: 1 question, 0 answers, 0 authorities, 1 additional |
 * | 12 | n | name: labels with their lengths, then 0 |
 * | 12 + n | 4 | type, class IN |
 * | 16 + n | 11 | OPT: root name, type 41, 1232 bytes of UDP payload, no flags, no data |
 */
const RECURSION_DESIRED = 0x0100;
const TRUNCATED = 0x0200;
const OPT = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);

const DNS_PORT = 53;
const UDP_WAIT_MS = 500;

export function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | null)?.code ?? '');
}

/** Why a name server gave no answer, for the operator. `servers`: format of `Resolver.getServers`. */
export async function failureText(
  error: unknown,
  name: string,
  type: RecordType,
  servers: readonly string[],
): Promise<string> {
  const code = codeOf(error);
  if (MAYBE_TRUNCATED.has(code)) {
    const server = await truncatingServer(name, type, servers);
    if (server !== undefined)
      return `the answer of ${server} is too long for UDP (truncated), and it gives none by TCP; let TCP port 53 through`;
  }
  return FAILURES[code] ?? messageOf(error);
}

/** The first server that answers by UDP with a truncated answer. */
async function truncatingServer(
  name: string,
  type: RecordType,
  servers: readonly string[],
): Promise<string | undefined> {
  const question = questionOf(name, type);
  if (question === undefined) return undefined;
  const truncated = await Promise.all(servers.map((server) => answersTruncated(server, question)));
  return servers.find((_, at) => truncated[at]);
}

function questionOf(name: string, type: RecordType): Buffer | undefined {
  const labels = name.replace(/\.$/, '').split('.');
  if (labels.some((label) => label === '' || label.length > 63)) return undefined;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(Math.floor(Math.random() * 0x1_0000), 0);
  head.writeUInt16BE(RECURSION_DESIRED, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(1, 10);
  const encoded = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  return Buffer.concat([head, ...encoded, Buffer.from([0, 0, TYPES[type], 0, 1]), OPT]);
}

function answersTruncated(server: string, question: Buffer): Promise<boolean> {
  const match = /^\[(.+)\](?::(\d+))?$|^([^:]+):(\d+)$/.exec(server);
  const address = match?.[1] ?? match?.[3] ?? server;
  const port = Number(match?.[2] ?? match?.[4] ?? DNS_PORT);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address.replace(/%.*/, '')) ? 'udp6' : 'udp4');
    const end = (truncated: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(truncated);
    };
    const timer = setTimeout(() => end(false), UDP_WAIT_MS);
    socket.once('error', () => end(false));
    socket.on('message', (answer) => {
      if (answer.length < 12 || answer.readUInt16BE(0) !== question.readUInt16BE(0)) return;
      end((answer.readUInt16BE(2) & TRUNCATED) !== 0);
    });
    socket.send(question, port, address);
  });
}
