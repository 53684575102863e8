import { Code } from '@gauntlet/client';

import type { Curve } from '../../charts/spread';
import { asError, runs } from '../../lib/api';
import type { Report } from '../../lib/pb';
import { askedFor, curves } from '../report/curve';
import { ENDED_IN_WINDOW } from '../run/search';
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
  const asked = askedFor(id, await reportOf(id, signal));
  const answer = await runs.getMetrics(asked, { signal });
  return { name, points: curves(answer)[0]?.points ?? [], isStep: 'range' in asked };
}

/** `undefined` of a run that is not over, sent no load, or whose report could not be made. */
async function reportOf(runId: string, signal: AbortSignal): Promise<Report | undefined> {
  try {
    return (await runs.getReport({ runId }, { signal })).report;
  } catch (error) {
    if (asError(error).code === Code.FailedPrecondition) {
      return undefined;
    }
    throw error;
  }
}

/** What the curves of runs together are called. */
export function curvesTitle(all: readonly RunCurve[]): string {
  const steps = `the best step of a search (${ENDED_IN_WINDOW}), else the whole measurement`;
  return `Response time by percentile, ${all.some((one) => one.isStep) ? steps : 'whole measurement'}`;
}

/** More runs to choose from are found by their names. */
export const MOST_CANDIDATES = 20;

/** Runs to choose from, the newest first. */
export async function candidates(project: string, text: string, signal: AbortSignal): Promise<ComparedRun[]> {
  const filter = { nameContains: text };
  const answer = await runs.listRuns({ project, filter, page: { pageSize: MOST_CANDIDATES } }, { signal });
  return answer.runs.map(comparedRun);
}

