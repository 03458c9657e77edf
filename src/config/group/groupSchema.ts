/**
 * The shape of a group, once: for the config file, for REST bodies and for the API's documentation.
 *
 * A `description` starts with the expected value, in words that complete "expected …"; after `: ` it states the
 * purpose. Checks that a schema cannot express (durations, class names, addresses) are in `group.ts`.
 */

import { type Static, type TSchema, Type } from 'typebox';
import { MAX_SOURCE_PORTS } from '../options/schema.js';
import { CLASS_NAMES } from './classes.js';
import { FromDnsSchema, FromFileSchema, FromHttpSchema } from './sourceSchema.js';

/** The shortest packet of any format; and more than the payload of a jumbo frame of 9,000 bytes. */
const MIN_PAYLOAD_BYTES = 36;
const MAX_PAYLOAD_BYTES = 9000;
export const MAX_TARGETS = 65_535;

const port = (purpose: string, options: { readonly default?: number } = {}) =>
  Type.Integer({
    minimum: 0,
    maximum: 65_535,
    description: `a port, an integer from 1 to 65535, with tcp-syn from 0: ${purpose}`,
    ...options,
  });

export const TargetSchema = Type.Object(
  {
    address: Type.String({
      description: 'an IPv4 or IPv6 address: where probes are sent; names are not resolved',
    }),
    port: Type.Optional(port("where this target answers, when it differs from the group's port")),
    tags: Type.Optional(
      Type.Record(
        Type.String(),
        Type.String({
          maxLength: 1024,
          description: 'text of at most 1024 characters (put numbers, true and false in quotes): a tag of the results',
        }),
        { description: 'a map of tags, text to text: passed on with every result of this target' },
      ),
    ),
  },
  { additionalProperties: false, description: 'a map with address, and maybe port and tags: one that answers probes' },
);

export const GroupSchema = Type.Object(
  {
    protocol: Type.Optional(
      Type.String({
        default: 'stamp',
        description:
          "stamp, llama, llama-legacy, tcp-syn or icmp: how targets are probed: STAMP (RFC 8762, which TWAMP-Light responders answer too), the packets of Dropbox's LLAMA in Go (1028 bytes) or in Python (36 bytes), SYNs to a TCP port, echo requests; the last two need no reflector",
      }),
    ),
    port: Type.Optional(
      port(
        'UDP port that the targets answer on; 60000 by default for llama-legacy; for tcp-syn the TCP port, open or closed, 0 by default; icmp has none',
        { default: 8100 },
      ),
    ),
    period: Type.Optional(
      Type.String({
        default: '1s',
        description: 'a duration such as 10ms, 1s, 5m, from 1ms to 1h: every path is probed once a period',
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        default: '1s',
        description:
          'a duration such as 10ms, 1s, from 1ms to 60s: a probe without a reply by then is lost; 200ms by default for llama-legacy',
      }),
    ),
    classes: Type.Optional(
      Type.Array(
        Type.Union([Type.String(), Type.Integer({ minimum: 0, maximum: 63 })], {
          description: 'a class such as cs0, af41, ef, or a DSCP from 0 to 63: the marking of the probes',
        }),
        {
          minItems: 1,
          maxItems: 64,
          default: ['cs0'],
          description: `a list of 1 to 64 classes: every target is probed in each; ${CLASS_NAMES.join(', ')} or a DSCP`,
        },
      ),
    ),
    payloadBytes: Type.Optional(
      Type.Integer({
        minimum: MIN_PAYLOAD_BYTES,
        maximum: MAX_PAYLOAD_BYTES,
        default: 44,
        description: `an integer from 44 (a STAMP packet) to ${MAX_PAYLOAD_BYTES}: bytes of a probe behind the UDP or ICMP header, by default as few as there can be: 44, or 112 with keyFile, and what TLVs take; an MTU of 1500 holds 1472 (IPv4) or 1452 (IPv6), one of 9000 holds 8972 or 8952; tcp-syn has none`,
      }),
    ),
    dontFragment: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'true or false: whether probes are never fragmented, so that those too big for a link are counted as tooBig, with its MTU',
      }),
    ),
    keyFile: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        default: null,
        description:
          'a file of HMAC keys, or null: probes are STAMP in authenticated mode, signed with the first key; replies signed with any of them count; by REST only in api.allowedDirectories',
      }),
    ),
    tlvs: Type.Optional(
      Type.Array(
        Type.String({
          description:
            'classOfService, directMeasurement or timestampInformation: a TLV (RFC 8972) behind the STAMP packet',
        }),
        {
          maxItems: 3,
          default: [],
          description:
            'a list of TLVs, of classOfService, directMeasurement, timestampInformation: what the probes ask of a STAMP reflector beside their echo (RFC 8972); payloadBytes grows by 8, 16 and 8 bytes',
        },
      ),
    ),
    ecn: Type.Optional(
      Type.String({
        default: 'none',
        description:
          'none or ect0: the ECN codepoint of the probes; with ect0 congested queues may mark them, and marks are counted',
      }),
    ),
    anySource: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'true or false: whether replies count from any address and port, when session, number and time match; each one from elsewhere is in otherSource; stamp and llama only. Reflectors on a wildcard address of a host with several addresses may need it',
      }),
    ),
    sourcePorts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SOURCE_PORTS,
        description: `an integer from 1 to ${MAX_SOURCE_PORTS}, at most source.ports: probes leave from this many of the collector's source ports, the first ones; by default from all; icmp has none`,
      }),
    ),
    sourceInterface: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        default: null,
        description:
          'a name of 1 to 15 characters without blanks and slashes, or null: the interface or VRF that the probes of this group leave by (SO_BINDTODEVICE); by default that of source.interface',
      }),
    ),
    skipSelf: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          "true or false: whether this host's own addresses are left out, so that one config serves every host",
      }),
    ),
    targets: Type.Optional(
      Type.Array(
        Type.Union([Type.String(), TargetSchema], {
          description: 'an address, or a map with address and maybe port and tags: one that answers probes',
        }),
        {
          minItems: 1,
          maxItems: MAX_TARGETS,
          description:
            'a list of at least one target: what the group probes; to stop probing, remove the group. A group has exactly one of targets, fromFile, fromHttp, fromDns',
        },
      ),
    ),
    fromFile: Type.Optional(FromFileSchema),
    fromHttp: Type.Optional(FromHttpSchema),
    fromDns: Type.Optional(FromDnsSchema),
  },
  {
    additionalProperties: false,
    description: 'a map with targets, or a source of targets: a named set of targets probed alike',
  },
);

/** A group as it is written in a config file or a request. */
export type GroupInput = Static<typeof GroupSchema>;

/** The expected value from a schema's description. */
export function expectedBy(schema: TSchema | undefined): string {
  const description: unknown = schema === undefined ? undefined : Reflect.get(schema, 'description');
  return typeof description === 'string' ? (description.split(': ')[0] ?? description) : 'something else';
}

/** The default that the schema gives to a key of the group. */
export function defaultOf(key: keyof GroupInput): unknown {
  return Reflect.get(GroupSchema.properties[key], 'default');
}
