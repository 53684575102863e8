import {
  SearchEnd,
  StepKind,
  StepOutcome,
  type ScalabilityFit,
  type SearchProgress,
  type SearchResult,
  type Step,
} from '../../lib/pb';
import { plain, type Tone } from '../../lib/words';
import { level, type Level } from './level';

/** What is read from the history of a step is of these; the report counts the operations that were due in the step. */
export const ENDED_IN_WINDOW = 'operations that ended in the step’s window';

/** How far a search is. */
export interface SearchView {
  current: Trial | undefined;
  next: Level | undefined;
  best: Level | undefined;
  /** Operations that succeeded per second at the best level. */
  bestPerS: number;
  baselineP95Us: number;
  failed: Level | undefined;
  steps: number;
  /** Why it ended, in words; empty before. */
  end: string;
}

/** The step under load. */
export interface Trial {
  step: number;
  kind: string;
  level: Level | undefined;
  beginsUs: number;
  windowFromUs: number;
  windowToUs: number;
}

/** A step that has ended. */
export interface StepView {
  step: number;
  kind: string;
  level: Level;
  fromUs: number;
  toUs: number;
  passed: boolean;
  /** A step that was broken off early has no figures. */
  isMeasured: boolean;
  succeeded: number;
  outcome: string;
  tone: Tone;
  message: string;
  perS: number;
  lowPerS: number;
  highPerS: number;
  errorRatio: number;
  /** `undefined` where nothing succeeded, as the other percentiles. */
  p50Us: number | undefined;
  p95Us: number | undefined;
  p99Us: number | undefined;
  /** The 95th percentile less the one of the first step, as a share of that; `undefined` without one. */
  p95Growth: number | undefined;
}

export function searchView(progress: SearchProgress | undefined): SearchView | undefined {
  if (!progress) {
    return undefined;
  }
  const { current } = progress;
  return {
    current: current && {
      step: current.step,
      kind: plain(StepKind[current.kind]),
      level: level(current.level),
      beginsUs: Number(current.beginsUs),
      windowFromUs: Number(current.windowFromUs),
      windowToUs: Number(current.windowToUs),
    },
    next: level(progress.next),
    best: level(progress.best),
    bestPerS: progress.bestThroughputPerS,
    baselineP95Us: progress.baselineP95Us,
    failed: level(progress.failed),
    steps: progress.steps,
    end: progress.end === SearchEnd.UNSPECIFIED ? '' : plain(SearchEnd[progress.end]),
  };
}

/** The step that a report is of: the best one, or the first in which anything succeeded; `undefined` without a search. */
export function reportedStep(search: SearchResult | undefined): Step | undefined {
  const best = search?.steps.find((one) => one.step === search.bestStep);
  return best ?? search?.steps.find((one) => one.succeeded > 0n);
}

export function stepViews(steps: readonly Step[]): StepView[] {
  const baseline = steps[0]?.response?.p95Us ?? 0;
  return steps.flatMap((step) => {
    const at = level(step.level);
    // The first is what the others are compared with.
    return at ? [stepView(step, at, step === steps[0] ? 0 : baseline)] : [];
  });
}

function stepView(step: Step, at: Level, baseline: number): StepView {
  const succeeded = Number(step.succeeded);
  const all = succeeded + Number(step.failed);
  const response = succeeded > 0 ? step.response : undefined;
  const p95Us = response?.p95Us;
  return {
    step: step.step,
    kind: plain(StepKind[step.kind]),
    level: at,
    fromUs: Number(step.windowFromUs),
    toUs: Number(step.windowToUs),
    passed: step.outcome === StepOutcome.PASSED,
    isMeasured: all > 0,
    succeeded,
    outcome: step.outcome === StepOutcome.SLO ? 'SLO' : plain(StepOutcome[step.outcome]),
    tone: tone(step.outcome),
    message: step.message,
    perS: step.throughputPerS,
    lowPerS: step.throughputLowPerS,
    highPerS: step.throughputHighPerS,
    errorRatio: all > 0 ? Number(step.failed) / all : 0,
    p50Us: response?.p50Us,
    p95Us,
    p99Us: response?.p99Us,
    p95Growth: baseline > 0 && p95Us !== undefined ? p95Us / baseline - 1 : undefined,
  };
}

function tone(outcome: StepOutcome): Tone {
  switch (outcome) {
    case StepOutcome.PASSED:
      return 'good';
    case StepOutcome.ABANDONED:
    case StepOutcome.GENERATOR:
    case StepOutcome.UNSPECIFIED:
      return 'warn';
    default:
      return 'bad';
  }
}

/** The lines of throughput and latency against the level. */
export interface Curves {
  /** Levels, ascending. */
  x: number[];
  /** Throughput of steps that passed, where there is one at the level; else `null`. */
  passed: (number | null)[];
  /** Throughput of steps that did not. */
  failed: (number | null)[];
  /** The fitted law; all `null` without one. */
  fitted: (number | null)[];
  p95Us: (number | null)[];
}

/** How many points the fitted curve is drawn with. */
const CURVE_POINTS = 80;

/** A level that was tried more than once counts with its newest step that measured something. */
export function curves(steps: readonly StepView[], fit?: ScalabilityFit): Curves {
  const newest = new Map<number, StepView>();
  for (const step of steps.filter((one) => one.isMeasured)) {
    newest.set(step.level.amount, step);
  }
  const most = Math.max(0, ...newest.keys());
  const grid = fit ? Array.from({ length: CURVE_POINTS }, (_, index) => 1 + ((most - 1) * index) / (CURVE_POINTS - 1)) : [];
  const x = [...new Set([...newest.keys(), ...grid])].toSorted((left, right) => left - right);
  const of = (value: (step: StepView) => number | null) => x.map((at) => {
    const step = newest.get(at);
    return step ? value(step) : null;
  });
  return {
    x,
    passed: of((step) => (step.passed ? step.perS : null)),
    failed: of((step) => (step.passed ? null : step.perS)),
    fitted: x.map((at) => (fit && at >= 1 ? scalability(fit, at) : null)),
    p95Us: of((step) => step.p95Us ?? null),
  };
}

/** The Universal Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007): operations per second. */
export function scalability(fit: { lambda: number; sigma: number; kappa: number }, connections: number): number {
  const { lambda, sigma, kappa } = fit;
  return (lambda * connections) / (1 + sigma * (connections - 1) + kappa * connections * (connections - 1));
}

/** The levels in the order in which they were tried, up to an instant (seconds): each begins with its window. */
export function path(steps: readonly StepView[], current: Trial | undefined, until: number): { x: number[]; level: number[] } {
  const tried = steps.map((step) => [step.fromUs / 1e6, step.level.amount] as const);
  const last = steps.at(-1);
  if (current?.level && current.step !== last?.step) {
    const { amount } = current.level;
    const began = current.beginsUs / 1e6;
    tried.push([began, amount], [Math.max(began, until), amount]);
  } else if (last) {
    tried.push([last.toUs / 1e6, last.level.amount]);
  }
  return { x: tried.map(([at]) => at), level: tried.map(([, amount]) => amount) };
}
