import { create } from '@bufbuild/protobuf';
import { Code, explain, GauntletError } from '@gauntlet/client';
import { expect, test, vi } from 'vitest';

import { type GetMetricsResponse, GetMetricsResponseSchema, type GetReportResponse, GetReportResponseSchema, RunPhase } from '../../lib/pb';
import { curveOf, curvesTitle } from './calls';

const { runs } = vi.hoisted(() => ({
  runs: {
    getReport: vi.fn<() => Promise<GetReportResponse>>(),
    getMetrics: vi.fn<(asked: { range?: object }) => Promise<GetMetricsResponse>>(),
  },
}));
vi.mock('../../lib/api', () => ({ runs, asError: (error: unknown) => explain(error) }));

runs.getMetrics.mockResolvedValue(
  create(GetMetricsResponseSchema, {
    percentiles: [50],
    totals: [{ phase: RunPhase.MEASUREMENT, total: { succeeded: 100n, response: { percentilesUs: [7] } } }],
  }),
);

function refused(code: Code): GauntletError {
  return new GauntletError({ kind: 'refused', code, message: 'refused' });
}

const { signal } = new AbortController();

test('a run without a report has the curve of its measurement', async () => {
  runs.getReport.mockRejectedValue(refused(Code.FailedPrecondition));
  expect(await curveOf('a', 'one', signal)).toEqual({ name: 'one', points: [[50, 7]], isStep: false });
});

test('a report that cannot be read is an error', async () => {
  runs.getReport.mockRejectedValue(refused(Code.DataLoss));
  await expect(curveOf('a', 'one', signal)).rejects.toMatchObject({ code: Code.DataLoss });
});

test('the curve of a search is of what ended in its best step', async () => {
  const steps = [{ step: 1, succeeded: 5n, windowFromUs: 1n, windowToUs: 2n }];
  runs.getReport.mockResolvedValue(create(GetReportResponseSchema, { report: { search: { bestStep: 1, steps } } }));
  const curve = await curveOf('a', 'one', signal);
  expect(runs.getMetrics.mock.lastCall?.[0].range).toEqual({ fromUs: 1n, toUs: 2n });
  expect(curvesTitle([curve])).toContain('operations that ended in the step’s window');
  expect(curvesTitle([{ ...curve, isStep: false }])).toBe('Response time by percentile, whole measurement');
});
