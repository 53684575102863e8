import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import {
  GetMetricsResponseSchema,
  ReportSchema,
  RunPhase,
  RunSchema,
  RunStatus,
  StepKind,
  StepOutcome,
  StepSchema,
  TemplateSpecSchema,
  Verdict,
  type LoadLevel,
} from '../../lib/pb';
import { figuresOf, figuresOfReport, inFull, rangeOf, scopeOf } from './figures';
import { runView } from './run';
import { stepViews } from './search';
import { objectives, standing } from './slos';

const SECOND = 1_000_000;

function level(perS: number): { level: LoadLevel['level'] } {
  return { level: { case: 'perSecond', value: perS } };
}

function step(number: number, perS: number, outcome: StepOutcome, kind = StepKind.GROW, succeeded = 10n) {
  const window = { windowFromUs: BigInt(10 * number * SECOND), windowToUs: BigInt((10 * number + 5) * SECOND) };
  return create(StepSchema, { step: number, kind, level: level(perS), outcome, succeeded, failed: 5n, ...window });
}

const { PASSED, SLO } = StepOutcome;
const STEPS = [step(1, 400, PASSED), step(2, 800, PASSED), step(3, 1_600, SLO), step(4, 800, PASSED, StepKind.CONFIRM)];
const spec = create(TemplateSpecSchema, {
  search: {},
  slos: [
    { limit: { case: 'latency', value: { percentile: 99, max: { seconds: 0n, nanos: 15_000_000 } } } },
    { limit: { case: 'minThroughputPerS', value: 500 } },
  ],
});

function search(parts: Parameters<typeof create<typeof RunSchema>>[1]) {
  return runView(create(RunSchema, { spec, status: RunStatus.RUNNING, phase: RunPhase.MEASUREMENT, ...parts }));
}

const trial = { step: 4, level: level(800), windowFromUs: BigInt(40 * SECOND), windowToUs: BigInt(45 * SECOND) };
const over = { status: RunStatus.COMPLETED, phase: RunPhase.DONE };

test.each([
  ['in its warmup', search({ phase: RunPhase.WARMUP, search: {} }), STEPS, 'the warmup', undefined, true],
  ['in a step', search({ search: { current: trial, best: level(800) } }), STEPS, 'step 4, 800/s', [40, 45], true],
  ['that drains', search({ phase: RunPhase.COOLDOWN, search: { best: level(800) } }), STEPS, 'the best step, 800/s', [40, 45], false],
  ['that is over', search({ ...over, search: { best: level(400) } }), STEPS, 'the best step, 400/s', [10, 15], false],
  ['without a level that passed', search({ ...over, search: {} }), [step(1, 400, SLO)], 'step 1, 400/s (none passed)', [10, 15], false],
  [
    'in whose first step all failed',
    search({ ...over, search: {} }),
    [step(1, 400, StepOutcome.ERRORS, StepKind.GROW, 0n), step(2, 200, SLO)],
    'step 2, 200/s (none passed)',
    [20, 25],
    false,
  ],
  ['that ended before its first step', search({ ...over, search: {} }), [], 'the measurement', undefined, false],
])('a search %s has figures of what is under load, or of what is judged', (_, run, steps, text, seconds, isNow) => {
  const range = seconds && { fromUs: (seconds[0] ?? 0) * SECOND, toUs: (seconds[1] ?? 0) * SECOND };
  const scope = scopeOf(run, stepViews(steps), 42 * SECOND);
  expect([scope.text, scope.range, scope.isNow]).toEqual([text, range, isNow]);
  expect(inFull(scope)).toBe(range ? `${text} (operations that ended in the step’s window)` : text);
});

test('a run without a search has figures of its phase', () => {
  const scope = (phase: RunPhase, measuredToUs: number) =>
    scopeOf(runView(create(RunSchema, { phase, phaseStartedUs: BigInt(10 * SECOND) })), [], measuredToUs);
  expect(scope(RunPhase.WARMUP, 0)).toMatchObject({ text: 'the warmup', range: undefined, isNow: true });
  expect(scope(RunPhase.MEASUREMENT, 20 * SECOND)).toMatchObject({ text: 'the measurement', range: undefined, isNow: true });
  // The last second of the load comes when it has ended.
  expect(scope(RunPhase.COOLDOWN, 9 * SECOND)).toMatchObject({ text: 'the measurement', isNow: true });
  expect(scope(RunPhase.COOLDOWN, 10 * SECOND)).toMatchObject({ text: 'the measurement', isNow: false });
  expect(scope(RunPhase.PROCESSING, 20 * SECOND).isNow).toBe(false);
  expect(scope(RunPhase.DONE, Infinity)).toMatchObject({ text: 'the measurement', isNow: false });
});

describe('what is asked for', () => {
  const scope = scopeOf(search({ search: { current: trial } }), [], 0);

  test.each([
    ['nothing while the level settles', 40 * SECOND, undefined],
    ['what is measured of the step', 42 * SECOND, { fromUs: BigInt(40 * SECOND), toUs: BigInt(42 * SECOND) }],
    ['no more than the step', 60 * SECOND, { fromUs: BigInt(40 * SECOND), toUs: BigInt(45 * SECOND) }],
  ])('is %s', (_, measuredToUs, wanted) => {
    expect(rangeOf(scope, measuredToUs)).toEqual(wanted);
  });

  test('is all of a run that is over', () => {
    expect(rangeOf(scopeOf(runView(create(RunSchema, over)), [], Infinity), Infinity)).toEqual({ fromUs: 0n, toUs: 0n });
  });
});

describe('figures', () => {
  const answer = (phase: RunPhase) =>
    create(GetMetricsResponseSchema, {
      percentiles: [50],
      // Two seconds are measured; the server counts a third, which goes on.
      totals: [{ phase, timeUs: BigInt(40 * SECOND), lengthUs: BigInt(3 * SECOND), total: { succeeded: 1_600n, throughputPerS: 533 } }],
    });

  test('so far have the rate of what is measured', () => {
    const scope = scopeOf(search({ search: { current: trial } }), [], 42 * SECOND);
    expect(figuresOf(scope, answer(RunPhase.MEASUREMENT), 42 * SECOND).total?.total.perS).toBe(800);
    expect(figuresOf(scope, answer(RunPhase.MEASUREMENT), 40 * SECOND).total).toBeUndefined();
  });

  test('of what is over have that of the server', () => {
    const scope = scopeOf(search({ ...over, search: { best: level(800) } }), stepViews(STEPS), Infinity);
    expect(figuresOf(scope, answer(RunPhase.MEASUREMENT), Infinity).total?.total.perS).toBe(533);
  });

  test('of a run that ended in its warmup are of that', () => {
    const ended = figuresOf(scopeOf(runView(create(RunSchema, over)), [], Infinity), answer(RunPhase.WARMUP), Infinity);
    expect([ended.scope.text, ended.total?.total.succeeded]).toEqual(['the warmup', 1_600]);
  });

  test('of what the server knows no time of are none', () => {
    const late = create(GetMetricsResponseSchema, { totals: [{ phase: RunPhase.MEASUREMENT, timeUs: 1n, total: { succeeded: 3n } }] });
    expect(figuresOf(scopeOf(runView(create(RunSchema, over)), [], Infinity), late, Infinity).total).toBeUndefined();
  });
});

describe('a run at 1,000/s that is to reach 800/s', () => {
  const { MEASUREMENT, COOLDOWN, PROCESSING } = RunPhase;
  const [objective] = objectives(create(TemplateSpecSchema, { slos: [{ limit: { case: 'minThroughputPerS', value: 800 } }] }));

  test.each([
    // The phase that the page knows of, seconds measured, what of them succeeded, the length that the server counts.
    ['under load', MEASUREMENT, 8, 8_000, 9.3],
    ['whose last seconds are on the way', COOLDOWN, 8, 8_000, 10],
    ['at its end', COOLDOWN, 10, 10_000, 10],
    ['in the middle of its drain', COOLDOWN, 15, 10_000, 10],
    ['after ten seconds of drain', PROCESSING, 20, 10_000, 10],
    ['stopped in mid-second', COOLDOWN, 11, 10_400, 10.4],
    ['whose stop the page does not know yet', MEASUREMENT, 12, 10_400, 10.4],
  ])('%s does so', (_, phase, measured, succeeded, length) => {
    const run = runView(create(RunSchema, { phase, status: RunStatus.STOPPING, phaseStartedUs: BigInt((phase === COOLDOWN ? length : 0) * SECOND) }));
    const answer = create(GetMetricsResponseSchema, {
      totals: [
        {
          phase: MEASUREMENT,
          lengthUs: BigInt(length * SECOND),
          total: { succeeded: BigInt(succeeded), throughputPerS: succeeded / length },
          operations: [{ operation: 'get', succeeded: BigInt(succeeded), throughputPerS: succeeded / length }],
        },
        { phase: COOLDOWN, timeUs: BigInt(length * SECOND), lengthUs: BigInt(10 * SECOND), total: {} },
      ],
    });
    const { total } = figuresOf(scopeOf(run, [], measured * SECOND), answer, measured * SECOND);
    expect([total?.total.perS, total?.operations[0]?.perS]).toEqual([1_000, 1_000]);
    expect(objective && standing(objective, total, new Map()).state).toBe('met');
  });
});

test('a report has the figures and the verdicts of the best step', () => {
  const report = create(ReportSchema, {
    total: { succeeded: 90n, failed: 10n, throughputPerS: 799, response: { p50Us: 1, p95Us: 2, p99Us: 3, p999Us: 4, maxUs: 5 } },
    operations: [{ operation: 'read', succeeded: 90n }],
    slos: [
      { verdict: Verdict.PASS, measured: 7_500, limit: 15_000 },
      { verdict: Verdict.INCONCLUSIVE, measured: -1, limit: 500 },
    ],
    search: { bestStep: 4, steps: STEPS },
  });
  const { scope, total, verdicts } = figuresOfReport(report, objectives(spec));
  expect(scope).toEqual({
    text: 'the best step, 800/s',
    phase: 'MEASUREMENT',
    range: { fromUs: 40 * SECOND, toUs: 45 * SECOND },
    isNow: false,
    note: '',
  });
  expect([total?.total.perS, total?.total.errorRatio, total?.total.percentiles.get(99), total?.operations[0]?.name]).toEqual([799, 0.1, 3, 'read']);
  expect(verdicts?.map((one) => [one.name, one.state, one.measured, one.share])).toEqual([
    ['p99 at most 15.0 ms', 'met', '7.50 ms', 0.5],
    ['at least 500/s', 'inconclusive', '–', undefined],
  ]);
});
