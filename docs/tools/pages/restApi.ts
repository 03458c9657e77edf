/** `rest-api.md`: every operation of a collector and of a scraper, from their OpenAPI documents. */

import type { FastifyInstance } from 'fastify';
import { DryRunSchema } from '../../../src/api/collector/dryRun.js';
import { ShownGroupSchema } from '../../../src/api/collector/groups.js';
import { GroupSummary } from '../../../src/api/server/schemas.js';
import { PathSchema, ResultRowSchema } from '../../../src/api/shared/answers.js';
import { ERROR_TABLE, type ErrorCode } from '../../../src/base/errors.js';
import { GroupSchema } from '../../../src/config/group/groupSchema.js';
import { fieldTable, type JsonSchema, type KnownSchema, typeText } from '../jsonSchema.js';
import { code, page, sentence, standard, table } from '../markdown.js';
import { collectorApi, scraperApi } from '../services.js';

interface Body {
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: JsonSchema;
}

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body & { readonly description: string }>>;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

interface Document {
  readonly info: { readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Schemas that have a section of their own here. */
const SECTIONS: readonly (KnownSchema & { readonly title: string; readonly about: string })[] = [
  {
    schema: ShownGroupSchema as object as JsonSchema,
    link: 'a [group in an answer](#group-in-an-answer)',
    title: 'Group in an answer',
    about: 'A group as a config would have it. It can be put back as it is.',
  },
  {
    schema: GroupSummary as JsonSchema,
    link: 'a [summary of a group](#summary-of-a-group)',
    title: 'Summary of a group',
    about: 'A group without its targets.',
  },
  {
    schema: DryRunSchema as JsonSchema,
    link: 'a [dry run](#dry-run)',
    title: 'Dry run',
    about: 'A change with `dryRun=1` changes nothing. The answer says what the change would do.',
  },
];

/** Schemas that have a page or a section of their own. */
const KNOWN: readonly KnownSchema[] = [
  { schema: ResultRowSchema as JsonSchema, link: 'a [row](result-fields.md#row)' },
  { schema: PathSchema as JsonSchema, link: 'a [path](result-fields.md#path)' },
  ...SECTIONS,
  { schema: GroupSchema as object as JsonSchema, link: 'a [group](group.md)' },
];

export async function restApiPage(): Promise<string> {
  const written: Written = new Map();
  return page(
    '# REST API',
    `Every service answers \`GET /openapi.json\` with this as an OpenAPI 3.1 document, and \`/docs\` shows it, to read and try. An error is a
[problem document](errors.md). Besides the errors of each operation, almost every operation may answer with
${EVERYWHERE.map((name) => `${code(name)} (${ERROR_TABLE[name].status})`).join(', ')}.`,
    await serviceSection('Collector', collectorApi, written),
    SECTIONS.flatMap(({ schema, title, about }) => [
      `### ${title}`,
      about,
      fieldTable(
        schema,
        KNOWN.filter((known) => known.schema !== schema),
      ),
    ]),
    await serviceSection('Scraper', scraperApi, written),
    [
      '## Reflector',
      'With `--status ADDR:PORT` a reflector answers `GET /v1/status` (counters and warnings as JSON), `/metrics` (for Prometheus), `/healthz` (200 while every thread runs) and `/readyz` (200 while it also listens on every address).',
    ],
  );
}

async function serviceSection(
  title: string,
  build: () => Promise<FastifyInstance>,
  written: Written,
): Promise<string[]> {
  const app = await build();
  const { info, tags, paths }: Document = JSON.parse((await app.inject('/openapi.json')).body);
  await app.close();
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Route => ({ method: method.toUpperCase(), path, operation })),
  );
  return [
    `## ${title}`,
    info.description,
    ...tags.flatMap(({ name, description }) => {
      const ofTag = routes.filter(({ operation }) => operation.tags.includes(name));
      return [
        `${description}:`,
        table(
          ['method and path', 'answer'],
          ofTag.map((route) => [code(`${route.method} ${route.path}`), route.operation.summary]),
        ),
      ];
    }),
    ...routes.flatMap((route) => routeSection(route, title, written)),
  ];
}

/** Headings of the operations that are described already, by what is said of them. */
type Written = Map<string, string>;

/** An operation; one that another service has in the same words is a link to that. */
function routeSection(route: Route, title: string, written: Written): string[] {
  const heading = `${title}: ${route.method} ${route.path}`;
  const text = operationText(route);
  const before = written.get(text.join());
  if (before !== undefined) return [`### ${heading}`, `The same as [${before}](#${anchorOf(before)}).`];
  written.set(text.join(), heading);
  return [`### ${heading}`, ...text];
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');

function operationText({ operation }: Route): string[] {
  const { summary, description = '', parameters = [], requestBody, responses } = operation;
  return [
    sentence(summary),
    description,
    parameters.length === 0
      ? ''
      : table(
          ['parameter', 'in', 'type', 'meaning', 'default'],
          parameters.map((one) => [
            code(one.name),
            one.in,
            typeText(one.schema),
            one.description ?? one.schema.description ?? '',
            standard(one.schema.default),
          ]),
        ),
    ...bodySection(requestBody),
    answerTable(responses),
    ...Object.entries(responses)
      .filter(([status]) => isSuccess(status))
      .flatMap(([status, response]) => fieldSection(`Fields of the answer with status ${status}:`, response)),
  ];
}

function bodySection(body: Body | undefined): string[] {
  if (body === undefined) return [];
  const links = wholes(body);
  return links === '' ? fieldSection('Fields of the body, which is JSON:', body) : [`The body is JSON: ${links}.`];
}

/** A row for each status; of problem documents only those that not every operation may answer with. */
function answerTable(responses: Operation['responses']): string {
  const rows = Object.entries(responses).flatMap(([status, response]) => {
    if (!response.description.includes('LLAMA_')) return [[status, answerText(response)]];
    const codes = ownCodes(response.description);
    return codes.length === 0
      ? []
      : [[status, codes.map((name) => `${code(name)}: ${ERROR_TABLE[name].title}`).join('; ')]];
  });
  return table(['status', 'answer'], rows);
}

function answerText(response: Body & { readonly description: string }): string {
  const links = wholes(response);
  const [type = 'application/json'] = Object.keys(response.content ?? {});
  const named = type === 'application/json' ? '' : ` (${code(type)})`;
  return `${response.description}${named}${links === '' ? '' : `. It is ${links}`}`;
}

/** Links to what the body is, when known schemas describe all that it may be: `a [group](group.md) or a [dry run](#dry-run)`. */
function wholes(body: Body): string {
  const links = alternatives(body).map((one) => KNOWN.find((known) => isWhole(one, known.schema))?.link);
  return links.includes(undefined) ? '' : links.join(' or ');
}

function fieldSection(title: string, body: Body): string[] {
  if (wholes(body) !== '') return [];
  const tables = alternatives(body).map((one) => fieldTable(one, KNOWN));
  return tables.flatMap((fields) => (fields === '' ? [] : [title, fields]));
}

function alternatives({ content = {} }: Body): readonly JsonSchema[] {
  return Object.values(content).flatMap(({ schema }) => schema.anyOf ?? [schema]);
}

/** Whether a body is what a known schema describes, and nothing more. */
function isWhole(body: JsonSchema, known: JsonSchema): boolean {
  return Object.keys(body.properties ?? {}).join() === Object.keys(known.properties ?? {}).join();
}

const isSuccess = (status: string): boolean => status < '400';

function ownCodes(description: string): ErrorCode[] {
  const named: readonly string[] = description.match(/\bLLAMA_[A-Z_]+/g) ?? [];
  return ALL_CODES.filter((name) => named.includes(name) && !EVERYWHERE.includes(name));
}

const ALL_CODES = Object.keys(ERROR_TABLE) as ErrorCode[];
/** Codes that almost every operation may answer with. */
const EVERYWHERE: readonly ErrorCode[] = [
  'LLAMA_REQUEST_INVALID',
  'LLAMA_UNAUTHORIZED',
  'LLAMA_RATE_LIMIT',
  'LLAMA_INTERNAL',
];
