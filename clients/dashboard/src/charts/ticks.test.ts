import { expect, test } from 'vitest';

import { latency, percent, rate } from '../lib/format';
import { decades, tickTexts } from './ticks';

test.each([
  [12, 200_000, [100, 1_000, 10_000, 100_000]],
  [1, 1_000, [1, 10, 100, 1_000]],
  [46, 700, [50, 100, 200, 500]],
  [210, 460, [210, 460]],
  [0.5, 2.1, [0.5, 1, 2]],
])('%d to %d has %j', (lowest, highest, wanted) => {
  expect(decades(lowest, highest)).toEqual(wanted);
});

test.each([
  ['round rates', [0, 50, 100], rate, ['0/s', '50/s', '100/s']],
  ['latencies', [null, 500, 1_000, 1_500], latency, ['', '500 µs', '1 ms', '1.5 ms']],
  ['rates that are close together', [0, 0.02, 0.04, 3 * 0.02], rate, ['0/s', '0.02/s', '0.04/s', '0.06/s']],
  ['latencies that are close together', [46_100, 46_120, 46_140, 46_160], latency, ['46.1 ms', '', '', '46.2 ms']],
  ['shares that are close together', [0.012, 0.01201, 0.01202], percent, ['1.2 %', '', '']],
])('%s are written short', (_, splits, write, wanted) => {
  expect(tickTexts(splits, write)).toEqual(wanted);
});
