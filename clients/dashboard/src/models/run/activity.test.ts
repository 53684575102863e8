import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { TargetActivitySchema } from '../../lib/pb';
import { activity } from './activity';

function sample(second: number, waits: Record<string, number>) {
  return create(TargetActivitySchema, {
    timeUs: BigInt(second * 1e6),
    queued: second,
    waits: Object.entries(waits).map(([kind, sessions]) => ({ kind, sessions })),
  });
}

test('kinds are ordered by their weight; one that is absent is 0', () => {
  expect(activity([sample(1, { CPU: 1, Lock: 2 }), sample(2, { Lock: 3 })])).toEqual({
    x: [1, 2],
    kinds: [
      { name: 'Lock', sessions: [2, 3] },
      { name: 'CPU', sessions: [1, 0] },
    ],
    queued: [1, 2],
  });
});

test('rare kinds come together', () => {
  const made = activity([sample(1, { a: 7, b: 6, c: 5, d: 4, e: 3, f: 2, g: 1 })]);
  expect(made.kinds.map((kind) => [kind.name, kind.sessions[0]])).toEqual([['a', 7], ['b', 6], ['c', 5], ['d', 4], ['e', 3], ['others', 3]]);
});
