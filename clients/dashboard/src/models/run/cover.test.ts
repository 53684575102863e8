import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { ControlAction, GetMetricsResponseSchema, RunEventKind, RunEventSchema, RunPhase, RunSchema } from '../../lib/pb';
import { covered, coveredUs, isTelling, LEAST_COVERED, partOf, windowsOf, windowsOfTotals, type PhaseWindow } from './cover';
import { eventView } from './events';
import { bands, failureLines, lines, now } from './lines';
import { runView } from './run';
import type { Column, Part } from './series';

const SECOND = 1_000_000;
/** A warmup of 2.5 s, a measurement of 3 s. */
const WINDOWS: PhaseWindow[] = [
  { phase: 'WARMUP', fromUs: 0, toUs: 2.5 * SECOND },
  { phase: 'MEASUREMENT', fromUs: 2.5 * SECOND, toUs: 5.5 * SECOND },
];

function column(second: number, phase: PhaseWindow['phase'], succeeded: number, part: Partial<Part> = {}): Column {
  const total = { succeeded, failed: 0, failures: [], p50Us: 50, p95Us: 95, p99Us: 99, p999Us: 100, ...part };
  return { timeUs: second * SECOND, lengthUs: SECOND, phase, total, operations: [total], inFlight: 1, backlog: 0 };
}

test.each([
  ['inside', column(0, 'WARMUP', 1), SECOND],
  ['at the end of the warmup', column(2, 'WARMUP', 1), SECOND / 2],
  ['at the start of the measurement', column(2, 'MEASUREMENT', 1), SECOND / 2],
  ['after it', column(6, 'MEASUREMENT', 1), 0],
  ['of a phase that the windows do not know', column(6, 'COOLDOWN', 1), SECOND],
])('a second %s is covered', (_, one, us) => {
  expect(coveredUs(one, WINDOWS)).toBe(us);
});

describe('a run of 100 operations per second', () => {
  const columns = covered(
    [
      column(0, 'WARMUP', 100),
      column(1, 'WARMUP', 100),
      column(2, 'WARMUP', 50),
      column(2, 'MEASUREMENT', 50),
      column(3, 'MEASUREMENT', 100),
      column(4, 'MEASUREMENT', 100),
      // Half a second, and what was due in it and ended in the next one.
      column(5, 'MEASUREMENT', 48),
      column(6, 'MEASUREMENT', 2, { p50Us: 900_000, failed: 3 }),
    ],
    WINDOWS,
  );

  test('has that rate in its part-seconds, and no end that falls', () => {
    const made = lines(columns);
    expect(made.perS).toEqual([100, 100, 100, 100, 100, 96, null]);
    // What failed late counts where it ended.
    expect(made.failedPerS).toEqual([0, 0, 0, 0, 0, 0, 3]);
    expect(made.p50Us.at(-1)).toBe(null);
    expect(lines(columns, 0).perS).toEqual(made.perS);
    expect(lines(columns, 0).failedPerS).toEqual(made.failedPerS);
    expect(failureLines(columns).classes.map(({ perS }) => perS)).toEqual([made.failedPerS]);
  });

  test('is at that rate in its newest second that tells it', () => {
    expect(now(columns)).toMatchObject({ perS: 96, p50Us: 50, errorRatio: 0.6 });
  });

  test('has phases that end where they end', () => {
    expect(bands(columns, WINDOWS).map(({ name, from, to }) => [name, from, to])).toEqual([
      ['warmup', 0, 2.5],
      ['measurement', 2.5, 5.5],
    ]);
  });

  test('is drawn with its own window alone when both are in a second', () => {
    const late = covered([column(3, 'WARMUP', 1, { p99Us: 2_000_000 }), column(3, 'MEASUREMENT', 99)], WINDOWS);
    expect([lines(late).perS, lines(late).p99Us]).toEqual([[99], [99]]);
  });
});

describe('a run of 1,000 operations per second that is stopped in mid-second', () => {
  const nothing = { p50Us: 0, p95Us: 0, p99Us: 0, p999Us: 0 };
  const points = [
    column(0, 'MEASUREMENT', 1_000),
    column(1, 'MEASUREMENT', 400),
    column(1, 'COOLDOWN', 0, nothing),
    column(2, 'MEASUREMENT', 3, { failed: 1, failures: [1, 0, 0, 0, 0, 0] }),
    column(2, 'COOLDOWN', 0, nothing),
    column(3, 'MEASUREMENT', 0, { ...nothing, failed: 2, failures: [0, 2, 0, 0, 0, 0] }),
    column(3, 'COOLDOWN', 0, nothing),
    column(4, 'COOLDOWN', 0, nothing),
  ];
  const stop = { kind: RunEventKind.CONTROL, command: { action: ControlAction.STOP, atUs: BigInt(1.4 * SECOND) } };
  const start = { kind: RunEventKind.CONTROL, command: { action: ControlAction.START, phase: RunPhase.MEASUREMENT } };
  const events = [start, stop].map((one) => eventView(create(RunEventSchema, one)));
  const followed = windowsOf(events, runView(create(RunSchema, { phase: RunPhase.PROCESSING })));
  const totals = [
    { phase: RunPhase.MEASUREMENT, lengthUs: BigInt(1.4 * SECOND) },
    { phase: RunPhase.COOLDOWN, timeUs: BigInt(1.4 * SECOND), lengthUs: BigInt(3.6 * SECOND) },
  ];

  test.each([
    ['the page follows', followed],
    ['the report tells', windowsOfTotals(create(GetMetricsResponseSchema, { totals }))],
  ])('has that rate to its end and none in its drain, as %s', (_, windows) => {
    const columns = covered(points, windows);
    expect(lines(columns).perS).toEqual([1_000, 1_000, null, null, null]);
    expect(lines(columns).p50Us).toEqual([50, 50, null, null, null]);
    expect(lines(columns).failedPerS).toEqual([0, 0, 1, 2, 0]);
    expect(failureLines(columns).classes.map(({ of, perS }) => [of.word, perS])).toEqual([
      ['timeout', [0, 0, 1, 0, 0]],
      ['connection', [0, 0, 0, 2, 0]],
    ]);
    expect(bands(columns, windows).map(({ name, from, to }) => [name, from, to])).toEqual([
      ['measurement', 0, 1.4],
      ['cooldown', 1.4, 5],
    ]);
  });

  const columns = covered(points, followed);

  test.each([
    ['at its end', 3, { perS: 1_000, p50Us: 50, errorRatio: 0 }],
    ['of what came late', 5, { perS: undefined, p50Us: undefined, errorRatio: 0.25 }],
    ['in which all failed late', 7, { perS: undefined, errorRatio: 1 }],
    ['in which nothing ended', 8, { perS: undefined, p99Us: undefined, errorRatio: undefined }],
  ])('tells of its newest second %s', (_, known, wanted) => {
    expect(now(columns.slice(0, known))).toMatchObject(wanted);
  });

  test('has its failures in a long stretch over the time that it lasted', () => {
    const long = [column(0, 'MEASUREMENT', 1_400, { failed: 50 }), column(0, 'COOLDOWN', 0)].map((one) => ({ ...one, lengthUs: 10 * SECOND }));
    const made = lines(covered(long, windowsOfTotals(create(GetMetricsResponseSchema, { totals }))));
    expect([made.perS, made.failedPerS]).toEqual([[null], [10]]);
  });
});

test('the newest second may have three parts, and so the one before', () => {
  const parts = (second: number, failed: number) => [
    column(second, 'WARMUP', 1),
    column(second, 'MEASUREMENT', 20, { failed }),
    column(second, 'COOLDOWN', 0),
  ];
  const windows: PhaseWindow[] = [
    { phase: 'WARMUP', fromUs: 0, toUs: 0.5 * SECOND },
    { phase: 'MEASUREMENT', fromUs: 0.5 * SECOND, toUs: 1.5 * SECOND },
  ];
  expect(now(covered([...parts(0, 0), ...parts(1, 7)], windows))).toMatchObject({ perS: 40, errorRatio: 0.25 });
});

test.each([
  ['MEASUREMENT', LEAST_COVERED * SECOND, true],
  ['MEASUREMENT', LEAST_COVERED * SECOND - 1, false],
  ['WARMUP', undefined, true],
  ['COOLDOWN', undefined, false],
  ['COOLDOWN', SECOND, false],
] as const)('a second of the %s of which %s µs are covered', (phase, us, telling) => {
  expect(isTelling({ phase, lengthUs: SECOND, coveredUs: us })).toBe(telling);
});

test('a part may be empty', () => {
  expect(partOf(column(6, 'MEASUREMENT', 1), WINDOWS)).toEqual({ fromUs: 6 * SECOND, toUs: 6 * SECOND });
});

describe('the windows', () => {
  const { START, SET_PHASE, STOP } = ControlAction;
  const command = (action: ControlAction, atUs: number, phase = RunPhase.UNSPECIFIED) =>
    eventView(create(RunEventSchema, { kind: RunEventKind.CONTROL, command: { action, atUs: BigInt(atUs), phase } }));
  const begun = [command(START, 10, RunPhase.WARMUP), command(SET_PHASE, 20, RunPhase.MEASUREMENT)];
  const run = (phase: RunPhase, from: number, ends = 0) =>
    runView(create(RunSchema, { phase, phaseStartedUs: BigInt(from), phaseEndsUs: BigInt(ends) }));
  const warmup = { phase: 'WARMUP', fromUs: 10, toUs: 20 };
  const ended = (atUs: number) => [
    { phase: 'MEASUREMENT', fromUs: 20, toUs: atUs },
    { phase: 'COOLDOWN', fromUs: atUs, toUs: Infinity },
  ];

  test.each([
    ['before the start', [], run(RunPhase.PREPARING, 1), []],
    ['before the first event is read', [], run(RunPhase.WARMUP, 10, 20), [warmup]],
    ['before the newest event is read', begun.slice(0, 1), run(RunPhase.MEASUREMENT, 20, 50), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 50 }]],
    ['in the measurement', begun, run(RunPhase.MEASUREMENT, 20, 50), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 50 }]],
    ['of a measurement without an end', begun, run(RunPhase.MEASUREMENT, 20), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: Infinity }]],
    ['while it drains', begun, run(RunPhase.COOLDOWN, 40), [warmup, ...ended(40)]],
    ['at the end', [...begun, command(STOP, 45)], run(RunPhase.DONE, 60), [warmup, ...ended(45)]],
    ['of a drain that is cut short', [...begun, command(STOP, 45), command(STOP, 50)], run(RunPhase.DONE, 60), [warmup, ...ended(45)]],
    ['of a load that was stopped before its next phase', [...begun, command(STOP, 15)], run(RunPhase.DONE, 60), [
      { ...warmup, toUs: 15 },
      { phase: 'MEASUREMENT', fromUs: 20, toUs: 15 },
      { phase: 'COOLDOWN', fromUs: 15, toUs: Infinity },
    ]],
  ])('%s', (_, events, view, wanted) => {
    expect(windowsOf(events, view)).toEqual(wanted);
  });

  test('are in the totals of a whole run', () => {
    const answer = create(GetMetricsResponseSchema, { totals: [{ phase: RunPhase.WARMUP, timeUs: 10n, lengthUs: 10n }] });
    expect(windowsOfTotals(answer)).toEqual([warmup]);
  });
});
