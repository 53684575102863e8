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
    expect(made.failedPerS).toEqual([0, 0, 0, 0, 0, 0, null]);
    expect(made.p50Us.at(-1)).toBe(null);
    expect(lines(columns, 0).perS).toEqual(made.perS);
    expect(failureLines(columns).classes).toEqual([]);
  });

  test('is at that rate in its newest second', () => {
    expect(now(columns)).toMatchObject({ perS: 96, p50Us: 50, errorRatio: 0 });
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

test.each([
  [LEAST_COVERED * SECOND, true],
  [LEAST_COVERED * SECOND - 1, false],
  [undefined, true],
])('a second of which %s µs are covered', (us, telling) => {
  expect(isTelling({ lengthUs: SECOND, coveredUs: us })).toBe(telling);
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

  test.each([
    ['before the start', [], run(RunPhase.PREPARING, 1), []],
    ['before the first event is read', [], run(RunPhase.WARMUP, 10, 20), [warmup]],
    ['before the newest event is read', begun.slice(0, 1), run(RunPhase.MEASUREMENT, 20, 50), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 50 }]],
    ['in the measurement', begun, run(RunPhase.MEASUREMENT, 20, 50), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 50 }]],
    ['of a measurement without an end', begun, run(RunPhase.MEASUREMENT, 20), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: Infinity }]],
    ['while it drains', begun, run(RunPhase.COOLDOWN, 40), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 40 }]],
    ['at the end', [...begun, command(STOP, 45)], run(RunPhase.DONE, 60), [warmup, { phase: 'MEASUREMENT', fromUs: 20, toUs: 45 }]],
  ])('%s', (_, events, view, wanted) => {
    expect(windowsOf(events, view)).toEqual(wanted);
  });

  test('are in the totals of a whole run', () => {
    const answer = create(GetMetricsResponseSchema, { totals: [{ phase: RunPhase.WARMUP, timeUs: 10n, lengthUs: 10n }] });
    expect(windowsOfTotals(answer)).toEqual([warmup]);
  });
});
