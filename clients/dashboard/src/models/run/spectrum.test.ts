import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { GetMetricsResponseSchema, RunPhase } from '../../lib/pb';
import { NO_HEAT, rowEdges, shares, Spectrum } from './spectrum';

function answer(points: { second: number; succeeded: number; us: number[]; phase?: RunPhase }[], seconds = 1) {
  return create(GetMetricsResponseSchema, {
    resolutionUs: BigInt(seconds * 1e6),
    percentiles: [50, 99, 100],
    points: points.map(({ second, succeeded, us, phase = RunPhase.MEASUREMENT }) => ({
      timeUs: BigInt(second * 1e6),
      lengthUs: BigInt(seconds * 1e6),
      phase,
      total: {
        succeeded: BigInt(succeeded),
        dropped: 2n,
        response: { minUs: us[0] ?? 0, maxUs: us.at(-1) ?? 0, percentilesUs: us.slice(1) },
        lag: { minUs: 1, maxUs: 9, percentilesUs: [3, 8, 9] },
      },
    })),
  });
}

test('shares are the differences of percentiles', () => {
  const curve = [[10, 0], [20, 0.5], [40, 1]] as const;
  expect(shares(curve, [10, 15, 20, 30, 40, 50])).toEqual([0.25, 0.25, 0.25, 0.25, 0]);
});

test('all operations of the same latency are in one row', () => {
  const edges = rowEdges(100, 100);
  expect(shares([[100, 0], [100, 0.5], [100, 1]], edges)).toEqual([1, ...edges.slice(2).map(() => 0)]);
});

test('rows reach from the lowest to the highest latency', () => {
  const edges = rowEdges(3, 70_000);
  expect([edges[0], edges.at(-1)].map((edge, index) => (index === 0 ? (edge ?? 9) <= 3 : (edge ?? 0) > 70_000))).toEqual([true, true]);
  expect(rowEdges(1, 1e9).length).toBeLessThanOrEqual(40);
});

test('the fullest cell is 1; an empty stretch is an empty column', () => {
  const spectrum = new Spectrum();
  const us = [10, 20, 90, 100];
  spectrum.take(answer([{ second: 0, succeeded: 5, us }, { second: 2, succeeded: 5, us }]), { fromUs: 0 });
  const { x, step, edges, cells } = spectrum.heatMap();
  expect([x, step]).toEqual([[0, 1, 2], 1]);
  expect(cells.map((column) => column.length)).toEqual(x.map(() => edges.length - 1));
  expect(cells.map((column) => Math.max(...column))).toEqual([1, 0, 1]);
});

test('a second in which the phase changes is one column, by how many operations each part has', () => {
  const spectrum = new Spectrum();
  const parts = [
    { second: 0, succeeded: 1, us: [1_000, 1_000, 1_000, 1_000], phase: RunPhase.WARMUP },
    { second: 0, succeeded: 3, us: [10, 10, 10, 10] },
  ];
  spectrum.take(answer(parts), { fromUs: 0 });
  const [column] = spectrum.heatMap().cells;
  expect(column?.filter((share) => share > 0)).toEqual([1, 1 / 3]);
  expect(spectrum.lag()).toEqual({ x: [0], p99Us: [8], maxUs: [9], droppedPerS: [4] });
});

test('the drain is no part of the map, and has no lag', () => {
  const spectrum = new Spectrum();
  const us = [10, 20, 90, 100];
  const drain = { second: 1, succeeded: 0, us: [], phase: RunPhase.COOLDOWN };
  const late = { second: 1, succeeded: 3, us: [1_000, 1_000, 1_000, 1_000] };
  spectrum.take(answer([{ second: 0, succeeded: 5, us }, late, drain]), { fromUs: 0 });
  const windows = [{ phase: 'MEASUREMENT' as const, fromUs: 0, toUs: 1e6 }];
  expect(spectrum.heatMap(windows).x).toEqual([0]);
  expect(spectrum.lag(windows)).toMatchObject({ x: [0, 1], p99Us: [8, null], maxUs: [9, null] });
});

test('goes on where it stopped, and anew at another resolution', () => {
  const spectrum = new Spectrum();
  expect(spectrum.next(0, 2e6)).toEqual({ fromUs: 0, resolutionUs: 1e6 });
  spectrum.take(answer([{ second: 1, succeeded: 1, us: [1, 1, 1, 1] }]), { fromUs: 0 });
  expect(spectrum.next(0, 3e6)).toEqual({ fromUs: 1e6, resolutionUs: 1e6 });
  expect(spectrum.next(0, 500e6)).toEqual({ fromUs: 0, resolutionUs: 10e6 });
});

test('a slice that was not whole when it was asked for is taken anew', () => {
  const spectrum = new Spectrum();
  const of = (second: number, us: number) => ({ second, succeeded: 1, us: [us, us, us, us] });
  spectrum.take(answer([of(0, 10), of(10, 10)], 10), { fromUs: 0 });
  spectrum.take(answer([of(10, 1_000), of(20, 10)], 10), spectrum.next(0, 1_000e6));
  expect(spectrum.lag().x).toEqual([0, 10, 20]);
  expect(spectrum.heatMap().cells.map((column) => column.findIndex((share) => share > 0))).toEqual([0, 12, 0]);
});

test('nothing measured is no map', () => {
  expect(new Spectrum().heatMap()).toEqual(NO_HEAT);
});
