import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { HistoryPointSchema, MetricsPointSchema, RunPhase, type HistoryPoint, type MetricsPoint } from '../../lib/pb';
import { column, plan, Series, type Column } from './series';

const FIRST_US = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;

/** The point of a second; what it holds follows from the second. */
function point(second: number, phase = RunPhase.MEASUREMENT): MetricsPoint {
  const response = { p50Us: second, p95Us: second + 1, p99Us: second + 2, p999Us: second + 3 };
  const failures = [{ class: 'SERIALIZATION', count: 1n }];
  return create(MetricsPointSchema, {
    timeUs: BigInt(FIRST_US + second * SECOND_US),
    phase,
    operations: [{ operation: 'read', succeeded: BigInt(second), failed: 1n, failures, response }],
    total: { succeeded: BigInt(second), failed: 1n, failures, response },
    inFlight: BigInt(second),
    backlog: 3n,
  });
}

/** A run whose warmup ends within its third second. */
function run(seconds: number): MetricsPoint[] {
  return Array.from({ length: seconds }, (_, second) => second).flatMap((second) => {
    if (second < 2) {
      return [point(second, RunPhase.WARMUP)];
    }
    return second === 2 ? [point(2, RunPhase.WARMUP), point(2)] : [point(second)];
  });
}

/** The server's answer: whole buckets of all seconds before an instant. */
function history(points: readonly MetricsPoint[], resolutionUs: number): HistoryPoint[] {
  const buckets = new Map<number, MetricsPoint[]>();
  for (const one of points) {
    const start = FIRST_US + Math.floor((Number(one.timeUs) - FIRST_US) / resolutionUs) * resolutionUs;
    buckets.set(start, [...(buckets.get(start) ?? []), one]);
  }
  return [...buckets].map(([start, parts]) => {
    const succeeded = parts.reduce((sum, one) => sum + (one.total?.succeeded ?? 0n), 0n);
    const total = { succeeded, failed: BigInt(parts.length), failures: [{ class: 'SERIALIZATION', count: BigInt(parts.length) }], response: { percentilesUs: [1, 2, 3, 4] } };
    return create(HistoryPointSchema, {
      timeUs: BigInt(start),
      lengthUs: BigInt(resolutionUs),
      phase: RunPhase.MEASUREMENT,
      operations: [{ operation: 'read', ...total }],
      total,
      inFlightMax: parts.at(-1)?.inFlight ?? 0n,
      backlogMax: 3n,
    });
  });
}

/** What the stream sends to who has come so far. */
function sent(points: readonly MetricsPoint[], series: Series): MetricsPoint[] {
  return points.filter((one) => one.timeUs > series.resumeAfterUs);
}

/** Follows the stream as the page does: coarse columns are asked for as soon as they are wanted. */
function follow(series: Series, points: readonly MetricsPoint[], all: readonly MetricsPoint[]): void {
  for (const one of points) {
    series.take(one);
    const { wanted } = series;
    if (wanted) {
      series.replacePast(history(all, wanted.resolutionUs), wanted);
    }
  }
}

function watched(points: readonly MetricsPoint[]): readonly Column[] {
  const series = new Series();
  follow(series, points, points);
  return series.columns;
}

describe('a stream that is cut', () => {
  const points = run(12);
  const undisturbed = watched(points);

  test.each(points.map((_, cut) => cut))('after %i points goes on as if nothing had been', (cut) => {
    const series = new Series();
    follow(series, points.slice(0, cut), points);
    follow(series, sent(points, series), points);
    expect(series.columns).toEqual(undisturbed);
  });

  test('is not put off by points that come again', () => {
    const series = new Series();
    follow(series, points, points);
    expect(points.map((one) => series.take(one))).toEqual(points.map(() => false));
    expect(series.columns).toEqual(undisturbed);
  });
});

test('a second with late parts of two phases and the drain is known by each when the stream goes on', () => {
  const { WARMUP, MEASUREMENT, COOLDOWN } = RunPhase;
  const parts = [point(1), ...[WARMUP, MEASUREMENT, COOLDOWN].map((phase) => point(2, phase))];
  const series = new Series();
  follow(series, parts, parts);
  expect(sent(parts, series).map((one) => series.take(one))).toEqual([false, false, false]);
  expect(series.columns.map((one) => one.phase)).toEqual(['MEASUREMENT', 'WARMUP', 'MEASUREMENT', 'COOLDOWN']);
});

test('seconds and longer stretches come alike', () => {
  const series = new Series();
  series.take(point(4));
  const part = { succeeded: 4, failed: 1, failures: [0, 0, 0, 1, 0, 0], p50Us: 4, p95Us: 5, p99Us: 6, p999Us: 7 };
  const second = { timeUs: FIRST_US + 4 * SECOND_US, lengthUs: SECOND_US, phase: 'MEASUREMENT', inFlight: 4, backlog: 3 };
  expect(series.columns).toEqual([{ ...second, total: part, operations: [part] }]);
  const past = { ...part, failures: [0, 0, 0, 1, 0, 0], p50Us: 1, p95Us: 2, p99Us: 3, p999Us: 4 };
  expect(history([point(4)], SECOND_US).map((one) => column(one))).toEqual([{ ...second, total: past, operations: [past] }]);
});

test('an operation that a stretch lacks does not push the others from their places', () => {
  const stretch = (second: number, operations: Record<string, bigint>) =>
    create(HistoryPointSchema, {
      timeUs: BigInt(FIRST_US + second * SECOND_US),
      lengthUs: BigInt(SECOND_US),
      operations: Object.entries(operations).map(([operation, succeeded]) => ({ operation, succeeded })),
    });
  const series = new Series();
  series.replacePast([stretch(0, { write: 1n }), stretch(1, { read: 5n, write: 2n })], { boundaryUs: FIRST_US + 2 * SECOND_US, resolutionUs: SECOND_US });
  expect(series.names).toEqual(['read', 'write']);
  expect(series.columns.map((one) => one.operations.map((part) => part.succeeded))).toEqual([
    [0, 1],
    [5, 2],
  ]);
});

describe('an hour', () => {
  const points = run(3_600);
  const undisturbed = watched(points);

  test('is kept in few columns', () => {
    expect(undisturbed.length).toBeLessThanOrEqual(1_200);
    expect(undisturbed[0]?.lengthUs).toBe(10 * SECOND_US);
    expect(undisturbed.at(-1)?.timeUs).toBe(FIRST_US + 3_599 * SECOND_US);
  });

  test('loses no operation', () => {
    const counted = undisturbed.reduce((sum, column) => sum + column.total.succeeded, 0);
    expect(counted).toBe(points.reduce((sum, one) => sum + Number(one.total?.succeeded ?? 0), 0));
  });

  test.each([0, 1, 899, 900, 901, 1_500, 3_599])('looks the same to who reloads after %i s', (second) => {
    const series = new Series();
    follow(series, points.slice(0, second), points);
    const late = new Series();
    // A page that is opened late asks for what is long past first.
    const wanted = plan(FIRST_US, FIRST_US + second * SECOND_US);
    if (wanted) {
      late.replacePast(history(points, wanted.resolutionUs), wanted);
    }
    follow(late, sent(points, late), points);
    expect(late.columns).toEqual(undisturbed);
  });
});

test.each([
  ['14 minutes', 840, undefined],
  ['15 minutes', 900, { seconds: 600, resolution: 10 }],
  ['an hour', 3_600, { seconds: 3_000, resolution: 10 }],
  ['two hours', 7_200, { seconds: 6_600, resolution: 60 }],
  ['ten hours', 36_000, { seconds: 35_400, resolution: 600 }],
])('%s are planned', (_, seconds, wanted) => {
  expect(plan(FIRST_US, FIRST_US + seconds * SECOND_US)).toEqual(
    wanted && { boundaryUs: FIRST_US + wanted.seconds * SECOND_US, resolutionUs: wanted.resolution * SECOND_US },
  );
});

test.each([900, 3_600, 36_000, 180_000])('%i s are at most 1,200 columns', (seconds) => {
  const planned = plan(FIRST_US, FIRST_US + seconds * SECOND_US);
  const coarse = planned ? (planned.boundaryUs - FIRST_US) / planned.resolutionUs : 0;
  const fine = planned ? (FIRST_US + seconds * SECOND_US - planned.boundaryUs) / SECOND_US : seconds;
  expect(coarse + fine).toBeLessThanOrEqual(1_200);
});

test('the last bucket may reach beyond the boundary', () => {
  const series = new Series();
  const points = run(910).slice(4);
  follow(series, points, points);
  const times = series.columns.map((column) => column.timeUs);
  expect(times).toEqual([...new Set(times)].toSorted((left, right) => left - right));
  const ends = series.columns.map((column) => column.timeUs + column.lengthUs);
  expect(times.slice(1).every((time, index) => time >= (ends[index] ?? 0))).toBe(true);
});
