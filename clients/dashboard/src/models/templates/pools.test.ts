import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { ValuePoolSchema } from '../../lib/pb';

import { parseValues, poolView, type Values } from './pools';

test.each<[string, string, Values]>([
  ['lines', 'a\nb', { ok: true, values: [{ text: 'a' }, { text: 'b' }] }],
  ['a line end at the end', 'a\r\nb\r\n', { ok: true, values: [{ text: 'a' }, { text: 'b' }] }],
  ['an empty text among them', 'a\n\nb', { ok: true, values: [{ text: 'a' }, { text: '' }, { text: 'b' }] }],
  ['NULL', '\\N\n\\n', { ok: true, values: [{}, { text: '\\n' }] }],
  ['nothing', '', { ok: false, message: 'give it one value or more, each on a line of its own' }],
  ['too many', 'x\n'.repeat(100_001), { ok: false, message: '100,001 values are too many; 100,000 are allowed' }],
  ['too large', 'x'.repeat(8 * 1024 * 1024 + 1), { ok: false, message: 'the values are too large; 8 MiB in all are allowed' }],
])('pasted values: %s', (_, text, expected) => {
  expect(parseValues(text)).toEqual(expected);
});

test('a pool says where its values come from', () => {
  const pool = create(ValuePoolSchema, { project: 'p', name: 'n', count: 7, createdUs: 5n });
  expect(poolView(pool)).toEqual({ project: 'p', name: 'n', count: 7, source: 'given values', createdUs: 5 });
  expect(poolView(create(ValuePoolSchema, { source: { target: 'db', table: 't', column: 'c', seed: 3n } })).source).toBe('db: t.c, seed 3');
});
