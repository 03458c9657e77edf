/**
 * The shapes of collectors and writers, once: for the config file, its documentation and tests. As in
 * `../group/groupSchema.ts`, a `description` starts with the expected value; after `: ` it states the purpose.
 */

import { type TObject, Type } from 'typebox';
import type { CollectorKind } from '../../contract/scraperStatus.js';
import { FromDnsSchema, FromFileSchema, FromHttpSchema } from '../group/sourceSchema.js';
import type { WriterConfig } from './writerConfig.js';

export const COLLECTOR_KINDS: readonly CollectorKind[] = ['collector', 'llama'];
export const MAX_COLLECTORS = 10_000;

const optionalFile = (description: string) =>
  Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()], { default: null, description }));
const optionalText = (description: string) =>
  Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()], { default: null, description }));

const ACCESS = {
  kind: Type.Optional(
    Type.String({
      default: 'collector',
      description: "collector or llama: llama collector, or Dropbox's LLAMA in Go, whose /influxdata is asked",
    }),
  ),
  tokenFile: optionalFile(
    'a path of a file, or null: the bearer token in it is sent; it is read again for every request',
  ),
  interval: Type.Optional(
    Type.String({
      default: '30s',
      description:
        "a duration such as 10s, 30s, 1m, from 1s to 1h: how long the intervals of Dropbox's LLAMA are; for kind llama only",
    }),
  ),
};

export const CollectorSchema = Type.Object(
  {
    url: Type.String({
      description: 'a URL such as http://10.1.0.2:5000, without a password: where the API of the collector answers',
    }),
    ...ACCESS,
  },
  {
    additionalProperties: false,
    description: 'a URL, or a map with url, and maybe kind, tokenFile and interval: a collector',
  },
);

export const CollectorSourceSchema = Type.Object(
  {
    fromFile: Type.Optional(FromFileSchema),
    fromHttp: Type.Optional(FromHttpSchema),
    fromDns: Type.Optional(FromDnsSchema),
    scheme: Type.Optional(
      Type.String({ default: 'http', description: 'http or https: how the collectors that are found are asked' }),
    ),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        default: 5000,
        description: 'a port, an integer from 1 to 65535: that of collectors which the source gives without one',
      }),
    ),
    ...ACCESS,
  },
  {
    additionalProperties: false,
    description: 'a map with one of fromFile, fromHttp, fromDns, and maybe scheme, port, kind, tokenFile and interval',
  },
);

export const COLLECTORS_EXPECTED =
  'a list of URLs and of maps with url, kind, tokenFile and interval; or a map with one of fromFile, fromHttp, fromDns, and maybe scheme, port, kind, tokenFile and interval';

const kind = (name: WriterConfig['kind'], purpose: string) =>
  Type.Literal(name, { description: `${name}: ${purpose}` });

const COMMON = {
  layout: Type.Optional(
    Type.String({
      default: 'llama',
      description:
        "llama or llama-legacy: a point raw_stats for each row; or the points of Dropbox's LLAMA in Python, measurements rtt and loss with the field value",
    }),
  ),
};

const HTTP = {
  url: Type.String({
    description: 'a URL such as http://127.0.0.1:8086, without a password: where the database answers',
  }),
  batchPoints: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 5000,
      description: 'an integer from 1 to 1000000: most points in one request',
    }),
  ),
  timeout: Type.Optional(
    Type.String({
      default: '10s',
      description: 'a duration such as 5s, 1m, from 100ms to 10m: the answer to one request must be there by then',
    }),
  ),
  gzip: Type.Optional(Type.Boolean({ default: true, description: 'true or false: whether requests are compressed' })),
};

/** By kind. */
export const WRITER_SCHEMAS: Readonly<Record<WriterConfig['kind'], TObject>> = {
  influx2: Type.Object(
    {
      kind: kind('influx2', 'InfluxDB 2 or 3, VictoriaMetrics, by /api/v2/write'),
      url: HTTP.url,
      org: Type.String({ minLength: 1, description: 'a name: the organisation' }),
      bucket: Type.String({ minLength: 1, description: 'a name: the bucket' }),
      tokenFile: optionalFile('a path of a file, or null: the API token in it is sent'),
      ...COMMON,
      batchPoints: HTTP.batchPoints,
      timeout: HTTP.timeout,
      gzip: HTTP.gzip,
    },
    { additionalProperties: false, description: 'a map with kind, url, org and bucket' },
  ),
  influx1: Type.Object(
    {
      kind: kind('influx1', 'InfluxDB 1, and what takes its /write'),
      url: HTTP.url,
      database: Type.String({ minLength: 1, description: 'a name: the database' }),
      user: optionalText('a name, or null: who writes'),
      passwordFile: optionalFile('a path of a file, or null: the password of user is in it'),
      retentionPolicy: optionalText('a name, or null for the default of the database: the retention policy'),
      ...COMMON,
      batchPoints: HTTP.batchPoints,
      timeout: HTTP.timeout,
      gzip: HTTP.gzip,
    },
    { additionalProperties: false, description: 'a map with kind, url and database' },
  ),
  file: Type.Object(
    {
      kind: kind('file', 'line protocol in files'),
      dir: Type.String({
        minLength: 1,
        description: 'a path of a directory: where the files are; made when it is missing',
      }),
      ...COMMON,
      maxSize: Type.Optional(
        Type.Union([Type.String(), Type.Integer()], {
          default: '64MiB',
          description:
            'an amount such as 64MiB, from 64KiB to 1024GiB: a file that has grown to it is closed, and the next begun',
        }),
      ),
      maxAge: Type.Optional(
        Type.String({
          default: '1h',
          description:
            'a duration such as 10m, 1h, from 1s to 168h: a file as old as that is closed, and the next begun',
        }),
      ),
      keep: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 1_000_000,
          default: 0,
          description: 'an integer from 0 to 1000000: how many closed files are kept; 0: all',
        }),
      ),
    },
    { additionalProperties: false, description: 'a map with kind and dir' },
  ),
};
