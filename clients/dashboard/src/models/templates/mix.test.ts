import { describe, expect, test } from 'vitest';

import { balanced, fitted, slots, toHundred, weightSum } from './mix';
import type { Doc } from './path';

test.each<[string, number[], number[]]>([
  ['already fair', [70, 30], [70, 30]],
  ['too much', [100, 100], [50, 50]],
  ['thirds', [1, 1, 1], [33.34, 33.33, 33.33]],
  ['nothing said', [0, 0, 0, 0], [25, 25, 25, 25]],
  ['one with nothing', [50, 0], [99.99, 0.01]],
  ['what is no number', [Number.NaN, 10], [0.01, 99.99]],
  ['none', [], []],
])('weights to a hundred: %s', (_, given, expected) => {
  expect(toHundred(given)).toEqual(expected);
});

test('a hundred weights sum to a hundred', () => {
  const fair = toHundred(Array.from({ length: 100 }, (_, index) => index ** 3));
  expect(Math.round(fair.reduce((sum, weight) => sum + weight * 100, 0))).toBe(10_000);
  expect(Math.min(...fair)).toBeGreaterThanOrEqual(0.01);
});

test('a document is balanced, and its sum shown without the dust of binary numbers', () => {
  const doc: Doc = { operations: [{ weight: '0.1' }, { weight: 0.2 }] };
  expect(weightSum(doc)).toBe(0.3);
  expect(weightSum(balanced(doc))).toBe(100);
});

describe('the parameters of an operation', () => {
  test.each<[Doc, string[]]>([
    [{ kind: 'point_lookup' }, ['key']],
    [{ kind: 'range_scan' }, ['first key']],
    [{ kind: 'insert', columns: ['k', 'c'] }, ['value of k', 'value of c']],
    [{ kind: 'update', columns: ['k'] }, ['value of k', 'key']],
    [{ kind: 'sql', sql: "SELECT $2, '$9' -- $5\nWHERE a = $1" }, ['$1', '$2']],
    [{ kind: 'sql', sql: '' }, []],
    [{}, []],
  ])('%j', (operation, expected) => {
    expect(slots(operation)).toEqual(expected);
  });

  const k: Doc = { zipf: { min: 1, max: 9 } };
  const key: Doc = { uniform: { min: 1, max: 5 } };
  const fresh: Doc = { uniform: { min: 1, max: 1000 } };

  test.each<[string, Doc, Doc, Doc[]]>([
    ['a column comes', { kind: 'update', columns: ['k'], parameters: [k, key] }, { kind: 'update', columns: ['c', 'k'] }, [fresh, k, key]],
    ['a column goes', { kind: 'update', columns: ['c', 'k'], parameters: [fresh, k, key] }, { kind: 'update', columns: ['k'] }, [k, key]],
    ['another kind with the same key', { kind: 'update', columns: ['k'], parameters: [k, key] }, { kind: 'point_lookup' }, [key]],
    ['a first kind', {}, { kind: 'point_lookup' }, [fresh]],
    ['a placeholder comes', { kind: 'sql', sql: '$1', parameters: [key] }, { kind: 'sql', sql: '$1 $2' }, [key, fresh]],
    ['a placeholder goes: half typed', { kind: 'sql', sql: '$1 $2', parameters: [key, k] }, { kind: 'sql', sql: '$1' }, [key, k]],
  ])('%s', (_, before, after, parameters) => {
    expect(fitted(before, after)).toEqual({ ...after, parameters });
  });
});
