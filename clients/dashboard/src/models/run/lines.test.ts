import { expect, test } from 'vitest';

import { bands, failureLines, held, lines, now } from './lines';
import type { PhaseName } from './run';
import type { Column, Part } from './series';

const PART: Part = { succeeded: 10, failed: 0, failures: [], p50Us: 1, p95Us: 2, p99Us: 3, p999Us: 4 };

function column(second: number, part: Partial<Part> = {}, phase: PhaseName = 'MEASUREMENT', seconds = 1): Column {
  const total = { ...PART, ...part };
  const operations = [total, { ...total, succeeded: 1 }];
  return { timeUs: second * 1e6, lengthUs: seconds * 1e6, phase, total, operations, inFlight: second, backlog: 7 };
}

test('counts become rates by the length of their stretch', () => {
  const made = lines([column(0, { succeeded: 600, failed: 60 }, 'MEASUREMENT', 60), column(60)]);
  expect([made.x, made.perS, made.failedPerS]).toEqual([[0, 60], [10, 10], [1, 0]]);
});

test('a second in which the phase changes is one again', () => {
  const made = lines([column(0, { succeeded: 4, p99Us: 9 }, 'WARMUP'), column(0, { succeeded: 6, p99Us: 7 })]);
  expect([made.x, made.perS, made.p99Us]).toEqual([[0], [10], [7]]);
});

test('a second in which nothing ended is 0, and has no latency', () => {
  const still = { succeeded: 0, p50Us: 0, p95Us: 0, p99Us: 0, p999Us: 0 };
  const columns = [column(0), column(1, still), column(2, still), column(3)];
  const made = lines(columns);
  expect([made.x, made.perS, made.p50Us]).toEqual([
    [0, 1, 2, 3],
    [10, 0, 0, 10],
    [1, null, null, 1],
  ]);
  expect(held(columns).inFlight).toEqual([0, 1, 2, 3]);
});

test('of a stretch that is not known nothing is drawn', () => {
  const made = lines([column(0), column(5)]);
  expect([made.x, made.perS, made.failedPerS, made.p50Us]).toEqual([
    [0, 1, 4, 5],
    [10, null, null, 10],
    [0, null, null, 0],
    [1, null, null, 1],
  ]);
  expect(failureLines([column(0, { failed: 1 }), column(5)]).classes[0]?.perS).toEqual([1, null, null, 0]);
});

test('where nothing succeeded there is no latency', () => {
  expect(lines([column(0, { succeeded: 0, failed: 3, p99Us: 0 })]).p99Us).toEqual([null]);
});

test('one operation is found by its place', () => {
  expect(lines([column(0)], 1).perS).toEqual([1]);
});

test('what is held is the most of a stretch, and unknown where nothing was measured', () => {
  const busy = { ...column(5, {}, 'WARMUP'), inFlight: 9 };
  expect(held([column(0), busy, column(5)])).toEqual({ x: [0, 1, 4, 5], inFlight: [0, null, null, 9], backlog: [7, null, null, 7] });
});

test('failures per second are told by class, and what has none apart', () => {
  const [timeout, constraint] = [[2, 0, 0, 0, 0, 0], [0, 0, 4, 0, 0, 0]];
  const made = failureLines([
    column(0, { failed: 20 }, 'WARMUP', 10),
    column(10, { failed: 2, failures: timeout }, 'WARMUP'),
    column(10, { failed: 5, failures: constraint }),
    column(11),
  ]);
  expect([made.x, made.classes.map(({ of, perS }) => [of.word, perS])]).toEqual([
    [0, 10, 11],
    [
      ['timeout', [0, 2, 0]],
      ['constraint', [0, 4, 0]],
      ['class not kept', [2, 1, 0]],
    ],
  ]);
});

test('phases are stretches without overlap', () => {
  const found = bands([column(0, {}, 'WARMUP'), column(1, {}, 'WARMUP'), column(1), column(2)]);
  expect(found.map(({ name, from, to }) => [name, from, to])).toEqual([
    ['warmup', 0, 1],
    ['measurement', 1, 3],
  ]);
});

test.each([
  ['nothing', [], undefined],
  ['one second', [column(0, { failed: 10 })], { perS: 10, inFlight: 0, backlog: 7, errorRatio: 0.5, p50Us: 1, p95Us: 2, p99Us: 3, p999Us: 4 }],
])('the newest second of %s', (_, columns, wanted) => {
  expect(now(columns)).toEqual(wanted);
});
