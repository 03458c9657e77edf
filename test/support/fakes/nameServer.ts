/** A small name server on loopback for tests: A, AAAA and SRV records with TTLs, no such name, failures and silence. */

import { createSocket, type Socket } from 'node:dgram';
import { promises } from 'node:dns';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { addressBytes } from '../../../src/net/address.js';

const TYPES: Readonly<Record<number, 'A' | 'AAAA' | 'SRV'>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
const HEADER_BYTES = 12;
const NO_ERROR = 0;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;

export interface AddressRecord {
  readonly address: string;
  readonly ttlS: number;
}
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
}
/** `truncated`: the answer does not fit into UDP, and nothing listens on TCP. */
export type Records = readonly (AddressRecord | ServiceRecord)[] | 'fails' | 'silent' | 'truncated';

export class NameServer {
  /** By type and name: `A mesh.example`. A name that has none of any type does not exist. */
  readonly records = new Map<string, Records>();
  readonly asked: string[] = [];
  /** How long its resolvers wait. */
  timeoutMs = 100;
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (query, from) => {
      const reply = this.answer(query);
      if (reply !== undefined) socket.send(reply, from.port, from.address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  /** A resolver that asks this server. */
  resolver = (): promises.Resolver => {
    const resolver = new promises.Resolver({ timeout: this.timeoutMs, tries: 1 });
    resolver.setServers([`127.0.0.1:${this.port}`]);
    return resolver;
  };

  get port(): number {
    return (this.socket.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }

  private answer(query: Buffer): Buffer | undefined {
    let at = HEADER_BYTES;
    const labels: string[] = [];
    for (let length = query[at]; length > 0; length = query[at]) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join('.').toLowerCase();
    const type = TYPES[query.readUInt16BE(at + 1)];
    const question = query.subarray(HEADER_BYTES, at + 5);
    this.asked.push(`${type} ${name}`);
    const records = this.records.get(`${type} ${name}`) ?? [];
    if (records === 'silent') return undefined;
    const exists = [...this.records.keys()].some((key) => key.endsWith(` ${name}`));
    const code = records === 'fails' ? SERVER_FAILURE : exists ? NO_ERROR : NO_SUCH_NAME;
    const answers =
      typeof records === 'string' ? [] : records.map((record) => resource(query.readUInt16BE(at + 1), record));
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code | (records === 'truncated' ? 0x0200 : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    return Buffer.concat([header, question, ...answers]);
  }
}

/** Its name is a pointer to the question's. */
function resource(type: number, record: AddressRecord | ServiceRecord): Buffer {
  const data =
    'address' in record
      ? Buffer.from(addressBytes(record.address))
      : Buffer.concat([service(record.port), name(record.name)]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE('ttlS' in record ? record.ttlS : 60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

/** Priority 0, weight 0. */
function service(port: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(port, 4);
  return bytes;
}

function name(text: string): Buffer {
  const labels = text === '' ? [] : text.split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}
