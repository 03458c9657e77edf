/** The tables that schemas become. */

import { expect } from 'chai';
import { fieldTable, type JsonSchema, typeText } from '../../docs/tools/jsonSchema.js';
import { page, sentence, standard, table } from '../../docs/tools/markdown.js';

const text = (description: string): JsonSchema => ({ type: 'string', description });

describe('a schema as a table', () => {
  it('has a row for each field, also of objects and lists below it', () => {
    const schema: JsonSchema = {
      type: 'object',
      required: ['rows'],
      properties: {
        rows: {
          ...{ type: 'array', description: 'all rows' },
          items: { type: 'object', required: ['name'], properties: { name: text('its name') } },
        },
        note: { anyOf: [text('what is to be known'), { type: 'null' }] },
      },
    };
    expect(fieldTable(schema, []).split('\n').slice(2)).to.deep.equal([
      '| `rows` | list of object | all rows |',
      '| `rows[].name` | string | its name |',
      '| `note` | string or null | optional; what is to be known |',
    ]);
  });

  it('has one row for the fields of a known schema, and rows for those that differ from it', () => {
    const known: JsonSchema = { properties: { a: text('A'), b: text('B'), c: text('C') } };
    const schema: JsonSchema = { properties: { a: text('A'), b: text('another B'), c: text('C'), d: text('D') } };
    expect(
      fieldTable(schema, [{ schema: known, link: 'a [row](x.md)' }])
        .split('\n')
        .slice(2),
    ).to.deep.equal([
      '| `b` | string | another B |',
      '| `d` | string | D |',
      '| `…` |  | all other fields of a [row](x.md) |',
    ]);
  });

  it('does not take another schema for a known one because some fields are the same', () => {
    const known: JsonSchema = { properties: { a: text('A'), b: text('B'), c: text('C') } };
    const schema: JsonSchema = { properties: { a: text('A'), b: text('other'), c: text('other') } };
    expect(fieldTable(schema, [{ schema: known, link: 'a row' }])).not.to.include('…');
    expect(fieldTable({ properties: { a: text('A') } }, [{ schema: known, link: 'a row' }])).not.to.include('…');
  });

  it('says types in words', () => {
    expect(typeText({ enum: ['0', '1'] })).to.equal('`0`, `1`');
    expect(typeText({ const: 'file' })).to.equal('`file`');
    expect(typeText({ type: 'array', items: { type: 'integer' } })).to.equal('list of integer');
    for (const map of [{ patternProperties: {} }, { additionalProperties: { type: 'string' } }])
      expect(typeText({ type: 'object', ...map })).to.equal('map');
    expect(typeText({ type: 'object', additionalProperties: false })).to.equal('object');
  });
});

describe('pieces of Markdown', () => {
  it('keep a bar and a line break inside their cell', () => {
    expect(table(['a'], [['b | c\nd']])).to.equal('| a |\n| --- |\n| b \\| c d |');
  });

  it('leave out empty sections', () => {
    expect(page('# A', '', ['b', ''], 'c')).to.equal('# A\n\nb\n\nc\n');
  });

  it('write defaults as a config has them', () => {
    expect([standard(undefined), standard(null), standard(['cs0']), standard('1s')]).to.deep.equal([
      'none',
      '`null`',
      '`[cs0]`',
      '`1s`',
    ]);
  });

  it('make sentences', () => {
    expect([sentence('answer probes'), sentence('Is it up?')]).to.deep.equal(['Answer probes.', 'Is it up?']);
  });
});
