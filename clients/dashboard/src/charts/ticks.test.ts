import { expect, test } from 'vitest';

import { decades } from './ticks';

test.each([
  [12, 200_000, [100, 1_000, 10_000, 100_000]],
  [1, 1_000, [1, 10, 100, 1_000]],
  [46, 700, [50, 100, 200, 500]],
  [210, 460, [210, 460]],
  [0.5, 2.1, [0.5, 1, 2]],
])('%d to %d has %j', (lowest, highest, wanted) => {
  expect(decades(lowest, highest)).toEqual(wanted);
});
