import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { SearchEnd, SearchProgressSchema, StepKind, StepOutcome, StepSchema, type StepOutcome as Outcome } from '../../lib/pb';
import { curves, path, scalability, searchView, stepViews } from './search';

function step(number: number, connections: number, perS: number, outcome: Outcome = StepOutcome.PASSED) {
  return create(StepSchema, {
    step: number,
    kind: StepKind.GROW,
    level: { level: { case: 'connections', value: connections } },
    windowFromUs: BigInt(number * 10_000_000),
    windowToUs: BigInt(number * 10_000_000 + 5_000_000),
    outcome,
    succeeded: 90n,
    failed: 10n,
    throughputPerS: perS,
    response: { p95Us: number * 100 },
  });
}

const steps = stepViews([step(1, 8, 100), step(2, 16, 180), step(3, 32, 120, StepOutcome.LATENCY), step(4, 16, 170)]);

test('a step tells its outcome against the first', () => {
  expect(steps.map((one) => [one.outcome, one.tone, one.errorRatio, one.p95Growth])).toEqual([
    ['passed', 'good', 0.1, undefined],
    ['passed', 'good', 0.1, 1],
    ['latency', 'bad', 0.1, 2],
    ['passed', 'good', 0.1, 3],
  ]);
});

test('a level that was tried twice counts with its newest step', () => {
  expect(curves(steps)).toEqual({
    x: [8, 16, 32],
    passed: [100, 170, null],
    failed: [null, null, 120],
    fitted: [null, null, null],
    p95Us: [100, 400, 300],
  });
});

test('a step that was broken off has no point', () => {
  const broken = { ...step(5, 64, 0, StepOutcome.ABANDONED), succeeded: 0n, failed: 0n };
  expect(curves(stepViews([step(1, 8, 100), broken])).x).toEqual([8]);
});

test('a step in which all failed has no latency', () => {
  const failed = { ...step(2, 16, 0, StepOutcome.ERRORS), succeeded: 0n };
  const views = stepViews([step(1, 8, 100), failed]);
  expect(views[1]).toMatchObject({ isMeasured: true, succeeded: 0, errorRatio: 1, p50Us: undefined, p95Us: undefined, p95Growth: undefined });
  expect(curves(views).p95Us).toEqual([100, null]);
});

test('a law without loss is a straight line', () => {
  const law = { lambda: 5, sigma: 0, kappa: 0 };
  expect([1, 2, 10].map((at) => scalability(law, at))).toEqual([5, 10, 50]);
});

test('the path goes on with the step under load', () => {
  const progress = searchView(
    create(SearchProgressSchema, { current: { step: 5, beginsUs: 50_000_000n, level: { level: { case: 'connections', value: 24 } } } }),
  );
  expect(path(steps, progress?.current, 57)).toEqual({ x: [10, 20, 30, 40, 50, 57], level: [8, 16, 32, 16, 24, 24] });
  expect(path(steps, undefined, 57)).toEqual({ x: [10, 20, 30, 40, 45], level: [8, 16, 32, 16, 16] });
  expect(path([], undefined, 57)).toEqual({ x: [], level: [] });
});

test('the end of a search is said in words', () => {
  expect(searchView(create(SearchProgressSchema, { end: SearchEnd.MAX_LEVEL }))?.end).toBe('max level');
  expect(searchView(undefined)).toBeUndefined();
});
