import { expect, test } from 'vitest';

import { hasComments, nameFault, offsetOf, projectFault, withName, writable } from './file';

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
])('%j has comments: %s', (text, has) => {
  expect(hasComments(text)).toBe(has);
});

test('names', () => {
  expect(['a', 'a-1', 'x'.repeat(63)].map(nameFault)).toEqual(['', '', '']);
  expect(['', 'A', '1a', 'a-', 'x'.repeat(64)].every((name) => nameFault(name) !== '')).toBe(true);
  expect(['', 'a', 'a/b/c'].map(projectFault)).toEqual(['', '', '']);
  expect(['a/b/c/d', 'a//b', '/a'].every((name) => projectFault(name) !== '')).toBe(true);
});
