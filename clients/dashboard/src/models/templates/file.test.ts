import { expect, test } from 'vitest';

import { hasComments, keepable, nameFault, offsetOf, projectFault, renamed, withName, writable } from './file';

test.each([
  [1, 1, 0],
  [1, 3, 2],
  [1, 99, 3],
  [2, 1, 4],
  [3, 2, 6],
  [9, 1, 7],
  [0, 0, 0],
])('line %i, column %i begins at %i', (line, column, offset) => {
  expect(offsetOf('abc\n\nde', line, column)).toBe(offset);
});

test('a name that the server would not write is put into its text', () => {
  expect(writable('My test', 'Acme')).toEqual({ name: 'unnamed', project: '' });
  expect(writable('mine', 'acme/web')).toEqual({ name: 'mine', project: 'acme/web' });
  expect(withName('name: unnamed\ntarget: name: x\n', 'My "$&" test')).toBe('name: "My \\"$&\\" test"\ntarget: name: x\n');
  expect(withName('name: unnamed\n', '')).toBe('name: ""\n');
  expect(withName('name: mine\n', 'mine')).toBe('name: mine\n');
});

test.each([
  ['# above\na: 1', true],
  ['a: 1 # beside', true],
  ['a: 1\n  # within', true],
  ['a: "#1"\nb: x#y', false],
  ['a: "b # c"', false],
  ["a: 'it''s # c'", false],
  ["a: it's so # isn't it", true],
  ['a: "b" # c', true],
  ['a: [x, "y # z"]', false],
  ['a: |\n  SELECT # 1\n\n  # 2\nb: 1', false],
  ['a: |\n  SELECT 1\n# after', true],
  ['- sql: >-\n    # no\n  b: 1 # yes', true],
  ['- sql: >-\n    # no\n  b: 1', false],
  ['- |\n  # no\n- b', false],
  ['a: |\n', false],
])('%j has comments: %s', (text, has) => {
  expect(hasComments(text)).toBe(has);
});

test('a copy of a file has another name and all else', () => {
  expect(renamed('# name: a\nname:  a # why\nb:\n  name: c\n', 'd')).toBe('# name: a\nname:  d # why\nb:\n  name: c\n');
  expect(renamed('name: "a"\n', 'd')).toBe('name: d\n');
  expect(renamed('name: # none\n', 'd')).toBe('name: # none\n');
});

test('a file that is too long is not kept', () => {
  expect(keepable('é'.repeat(128 * 1024))).toHaveLength(128 * 1024);
  expect(keepable(`${'é'.repeat(128 * 1024)}#`)).toBe('');
});

test('names', () => {
  expect(['a', 'a-1', 'x'.repeat(63)].map(nameFault)).toEqual(['', '', '']);
  expect(['', 'A', '1a', 'a-', 'x'.repeat(64)].every((name) => nameFault(name) !== '')).toBe(true);
  expect(['', 'a', 'a/b/c'].map(projectFault)).toEqual(['', '', '']);
  expect(['a/b/c/d', 'a//b', '/a'].every((name) => projectFault(name) !== '')).toBe(true);
});
