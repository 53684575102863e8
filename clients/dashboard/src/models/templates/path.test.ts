import { expect, test } from 'vitest';

import { isSame, type Json } from './path';

test.each<[Json | undefined, Json | undefined, boolean]>([
  [{ a: 1, b: [{ c: 'x' }] }, { b: [{ c: 'x' }], a: 1 }, true],
  // Inputs have numbers as texts.
  [{ a: 250 }, { a: '250' }, true],
  [{ a: 250 }, { a: '250.5' }, false],
  [{ a: 1 }, { a: 1, b: null }, false],
  [{ a: 1 }, { b: 1 }, false],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [[], {}, false],
  [true, 'true', false],
  [null, undefined, false],
  [undefined, undefined, true],
])('%j and %j are the same: %s', (one, other, same) => {
  expect(isSame(one, other)).toBe(same);
});
