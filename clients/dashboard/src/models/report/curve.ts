import { RunPhase, type GetMetricsResponse, type Report } from '../../lib/pb';
import { ENDED_IN_WINDOW, reportedStep } from '../run/search';

/** The percentiles that a curve is drawn through: denser towards the tail, where it bends. */
export const CURVE: readonly number[] = [
  1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.3, 99.5, 99.7, 99.8, 99.9, 99.95, 99.97, 99.99,
  99.995, 99.999,
];

/** 100 - 99.9 is not exactly 0.1. */
const ROUNDING = 1e-6;

/** One operation's distribution: percentile and microseconds. */
export interface Curve {
  name: string;
  points: [number, number][];
}

/** Finer than a search's steps, which begin and end with a second; the most points that the server gives. */
const BY_SECOND = { resolutionUs: 1_000_000n, maxPoints: 2_000 };

/** What to ask for to draw the curves of a run: its measurement, or of a search the step that the report is of. */
export function askedFor(runId: string, report: Report | undefined) {
  const percentiles = [...CURVE];
  const step = reportedStep(report?.search);
  const range = step && { fromUs: step.windowFromUs, toUs: step.windowToUs };
  return range ? { runId, percentiles, range, ...BY_SECOND } : { runId, percentiles, maxPoints: 1 };
}

/** What those curves are called. */
export function curveTitle(report: Report | undefined): string {
  return `Response time by percentile${reportedStep(report?.search) ? `, in the step that is reported: ${ENDED_IN_WINDOW}` : ''}`;
}

/** The curves of the measurement, all operations together first. */
export function curves(response: GetMetricsResponse): Curve[] {
  const total = response.totals.find((point) => point.phase === RunPhase.MEASUREMENT);
  if (!total) {
    return [];
  }
  const all = total.total ? [{ ...total.total, operation: 'all operations' }] : [];
  // With one operation the total says the same.
  const each = total.operations.length > 1 ? total.operations : [];
  return [...all, ...each].map((one) => curve(one.operation, one.succeeded, one.response?.percentilesUs ?? [], response.percentiles));
}

function curve(name: string, count: bigint, values: readonly number[], percentiles: readonly number[]): Curve {
  const points: [number, number][] = [];
  percentiles.forEach((percentile, index) => {
    const value = values[index];
    // Beyond 1 - 1/n a percentile is just the maximum again.
    if (value !== undefined && (100 - percentile) * Number(count) >= 100 - ROUNDING) {
      points.push([percentile, value]);
    }
  });
  return { name, points };
}
