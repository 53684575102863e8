import type { GetMetricsResponse, OperationHistory } from '../../lib/pb';
import { phaseName, type PhaseName } from './run';

/** One operation, or all, over a whole phase so far; from merged histograms. */
export interface Total {
  succeeded: number;
  failed: number;
  /** Those that succeeded, failed, were cut or dropped: all that were due and are over. */
  due: number;
  perS: number;
  errorRatio: number;
  /** Response times by percentile, microseconds. */
  percentiles: ReadonlyMap<number, number>;
  /** The longest response time, microseconds. */
  maxUs: number;
}

/** A phase so far. */
export interface PhaseTotal {
  total: Total;
  /** In the template's order. */
  operations: readonly (Total & { name: string })[];
}

export type Totals = ReadonlyMap<PhaseName, PhaseTotal>;

export function totals(answer: GetMetricsResponse): Totals {
  const found = new Map<PhaseName, PhaseTotal>();
  for (const point of answer.totals) {
    const phase = phaseName(point.phase);
    if (phase) {
      const operations = point.operations.map((one) => ({ ...total(one, answer.percentiles), name: one.operation }));
      found.set(phase, { total: total(point.total, answer.percentiles), operations });
    }
  }
  return found;
}

function total(history: OperationHistory | undefined, percentiles: readonly number[]): Total {
  const succeeded = Number(history?.succeeded ?? 0);
  const failed = Number(history?.failed ?? 0);
  const measured = succeeded > 0 ? percentiles : [];
  return {
    succeeded,
    failed,
    due: succeeded + failed + Number(history?.cut ?? 0) + Number(history?.dropped ?? 0),
    perS: history?.throughputPerS ?? 0,
    errorRatio: succeeded + failed > 0 ? failed / (succeeded + failed) : 0,
    percentiles: new Map(measured.map((one, index) => [one, history?.response?.percentilesUs[index] ?? 0])),
    maxUs: history?.response?.maxUs ?? 0,
  };
}
