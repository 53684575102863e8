import { runs } from '../../lib/api';
import type { Curve } from '../../charts/spread';
import { askedFor, curves } from '../report/curve';
import { comparedRun, type ComparedRun, comparisonView, type ComparisonView } from './view';

/** As many points as a wide screen can show. */
const MOST_POINTS = 600;

export async function compareRuns(ids: readonly string[], signal: AbortSignal): Promise<ComparisonView | undefined> {
  const { comparison } = await runs.compareRuns({ runIds: [...ids], maxPoints: MOST_POINTS }, { signal });
  return comparison && comparisonView(comparison);
}

/** The curve of one run. */
export interface RunCurve extends Curve {
  /** It is of the best step of a search. */
  isStep: boolean;
}

/**
 * The percentiles of what a run's report is of, the measurement or of a search its best step, all operations together;
 * nothing when it measured nothing.
 */
export async function curveOf(id: string, name: string, signal: AbortSignal): Promise<RunCurve> {
  const { report } = await runs.getReport({ runId: id }, { signal });
  const asked = askedFor(id, report);
  const answer = await runs.getMetrics(asked, { signal });
  return { name, points: curves(answer)[0]?.points ?? [], isStep: 'range' in asked };
}

/** More runs to choose from are found by their names. */
export const MOST_CANDIDATES = 20;

/** Runs to choose from, the newest first. */
export async function candidates(project: string, text: string, signal: AbortSignal): Promise<ComparedRun[]> {
  const filter = { nameContains: text };
  const answer = await runs.listRuns({ project, filter, page: { pageSize: MOST_CANDIDATES } }, { signal });
  return answer.runs.map(comparedRun);
}

