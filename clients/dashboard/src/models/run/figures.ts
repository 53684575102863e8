import type { GetMetricsResponse, HistoryPoint, LatencySummary, OperationReport, Report } from '../../lib/pb';
import { level, levelText } from './level';
import { phaseName, type PhaseName, type RunView } from './run';
import { ENDED_IN_WINDOW, reportedStep, type StepView } from './search';
import { judged, type Objective, type Standing } from './slos';
import { totals, type PhaseTotal, type Total } from './totals';

/** What the live view's figures are of: a phase, or of a search one step of it. */
export interface Scope {
  /** In words: `the measurement`, `step 4, 800/s`, `the best step, 800/s`. */
  text: string;
  phase: PhaseName;
  /** Only this stretch of the phase, microseconds since the Unix epoch; all of it when left out. */
  range: { fromUs: number; toUs: number } | undefined;
  /** Not all of it is measured yet. */
  isNow: boolean;
  /** Which operations count, where these are others than those due in it; else empty. */
  note: string;
}

/** Figures, and what they are of: they never stand without it. */
export interface Figures {
  scope: Scope;
  /** `undefined` before anything was measured. */
  total: PhaseTotal | undefined;
  /** Of objectives that several operations share. */
  shared: ReadonlyMap<string, PhaseTotal>;
  /** What the report says of the objectives; `undefined` before there is one. */
  verdicts: readonly Standing[] | undefined;
}

/** Before anything was asked for. */
export const NO_FIGURES: Figures = {
  scope: { text: 'the measurement', phase: 'MEASUREMENT', range: undefined, isNow: true, note: '' },
  total: undefined,
  shared: new Map(),
  verdicts: undefined,
};

/** What the figures are of, when measurements have come so far. */
export function scopeOf(run: RunView, steps: readonly StepView[], measuredToUs: number): Scope {
  const isNow = isGrowing(run, measuredToUs);
  if (run.phase === 'WARMUP') {
    return { text: 'the warmup', phase: 'WARMUP', range: undefined, isNow, note: '' };
  }
  const trial = isNow ? run.search?.current : undefined;
  if (trial) {
    const text = stepText(`step ${trial.step}`, levelText(trial.level));
    const range = { fromUs: trial.windowFromUs, toUs: trial.windowToUs };
    return { text, phase: 'MEASUREMENT', range, isNow, note: ENDED_IN_WINDOW };
  }
  const best = run.isSearch ? bestStep(run, steps) : undefined;
  if (best) {
    const { passed, step, level: at, fromUs, toUs } = best;
    const text = reportedText(passed ? undefined : step, levelText(at));
    return { text, phase: 'MEASUREMENT', range: { fromUs, toUs }, isNow: false, note: ENDED_IN_WINDOW };
  }
  return { text: 'the measurement', phase: 'MEASUREMENT', range: undefined, isNow, note: '' };
}

/** Until the load ends, and then until its last second has come. */
function isGrowing({ phase, phaseStartedUs }: RunView, measuredToUs: number): boolean {
  switch (phase) {
    case 'COOLDOWN':
      return measuredToUs < phaseStartedUs;
    case 'PROCESSING':
    case 'DONE':
      return false;
    default:
      return true;
  }
}

/** A scope in full: `step 4, 800/s (operations that ended in the step’s window)`. */
export function inFull({ text, note }: Scope): string {
  return note === '' ? text : `${text} (${note})`;
}

function stepText(name: string, at: string): string {
  return at === '–' ? name : `${name}, ${at}`;
}

/** The step that is judged: the best one, or when none passed that number. */
function reportedText(number: number | undefined, at: string): string {
  return number === undefined ? stepText('the best step', at) : `${stepText(`step ${number}`, at)} (none passed)`;
}

/** The step that the report will be of: the newest at the best level, a confirmation before others; else the first in which anything succeeded. */
function bestStep({ search }: RunView, steps: readonly StepView[]): StepView | undefined {
  const amount = search?.best?.amount;
  const passed = steps.filter((one) => one.passed && one.level.amount === amount && one.kind !== 'descend');
  return passed.findLast((one) => one.kind === 'confirm') ?? passed.at(-1) ?? steps.find((one) => one.succeeded > 0);
}

/** What to ask for, when measurements have come so far; `undefined` when there can be nothing of it yet. */
export function rangeOf({ range, isNow }: Scope, measuredToUs: number): { fromUs: bigint; toUs: bigint } | undefined {
  const fromUs = range?.fromUs ?? 0;
  const toUs = isNow ? Math.min(range?.toUs ?? Infinity, measuredToUs) : (range?.toUs ?? 0);
  return isNow && toUs <= fromUs ? undefined : { fromUs: BigInt(fromUs), toUs: BigInt(toUs) };
}

/**
 * The figures of a scope from the answer about it, when measurements have come so far: all of them of a run that is over.
 * A run that ended in its warmup has figures of that.
 */
export function figuresOf(scope: Scope, answer: GetMetricsResponse, measuredToUs: number): Pick<Figures, 'scope' | 'total'> {
  const found = totals(answer);
  const isWarmup = !found.has(scope.phase) && !scope.isNow && !scope.range && found.has('WARMUP');
  const of: Scope = isWarmup ? { ...scope, text: 'the warmup', phase: 'WARMUP' } : scope;
  const total = found.get(of.phase);
  const point = answer.totals.find((one) => phaseName(one.phase) === of.phase);
  return { scope: of, total: total && point && overMeasured(total, point, measuredToUs) };
}

/**
 * Rates over the time that is measured. The server counts the phase to its own now, of which the newest seconds have not
 * come; and what has come goes on after the phase's end, in the drain.
 */
function overMeasured(counted: PhaseTotal, { timeUs, lengthUs }: HistoryPoint, measuredToUs: number): PhaseTotal | undefined {
  const measuredUs = Math.min(measuredToUs - Number(timeUs), Number(lengthUs));
  if (measuredUs <= 0) {
    return undefined;
  }
  if (measuredUs === Number(lengthUs)) {
    return counted;
  }
  const over = <T extends Total>(one: T): T => ({ ...one, perS: one.succeeded / (measuredUs / 1e6) });
  return { total: over(counted.total), operations: counted.operations.map(over) };
}

/** What a report says: of a search that of its best step. */
export function figuresOfReport(report: Report, wanted: readonly Objective[]): Figures {
  const { search } = report;
  const step = reportedStep(search);
  const scope: Scope = {
    text: search ? reportedText(search.bestStep > 0 ? undefined : (step?.step ?? 1), levelText(level(step?.level))) : 'the measurement',
    phase: 'MEASUREMENT',
    range: step && { fromUs: Number(step.windowFromUs), toUs: Number(step.windowToUs) },
    isNow: false,
    note: '',
  };
  const operations = report.operations.map((one) => ({ ...total(one), name: one.operation }));
  return { scope, total: { total: total(report.total), operations }, shared: new Map(), verdicts: judged(wanted, report.slos) };
}

function total(one: OperationReport | undefined): Total {
  const succeeded = Number(one?.succeeded ?? 0);
  const failed = Number(one?.failed ?? 0);
  return {
    succeeded,
    failed,
    due: succeeded + failed + Number(one?.cut ?? 0) + Number(one?.dropped ?? 0),
    perS: one?.throughputPerS ?? 0,
    errorRatio: succeeded + failed > 0 ? failed / (succeeded + failed) : 0,
    percentiles: succeeded > 0 ? percentiles(one?.response) : new Map(),
    maxUs: one?.response?.maxUs ?? 0,
  };
}

function percentiles(summary: LatencySummary | undefined): ReadonlyMap<number, number> {
  const { p50Us = 0, p95Us = 0, p99Us = 0, p999Us = 0 } = summary ?? {};
  return new Map([
    [50, p50Us],
    [95, p95Us],
    [99, p99Us],
    [99.9, p999Us],
  ]);
}
