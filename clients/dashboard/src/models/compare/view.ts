import { count, latency, percent, rate } from '../../lib/format';
import type { Comparison, MetricComparison, OperationComparison, Run } from '../../lib/pb';
import { isOver, status, validity, verdict, type Word } from '../../lib/words';

/** A run of a comparison. */
export interface ComparedRun {
  id: string;
  project: string;
  name: string;
  template: string;
  templateVersion: number;
  isOver: boolean;
  status: Word;
  verdict: Word;
  validity: Word;
  startedUs: number;
  endedUs: number;
}

/** Whether a value is better than the baseline's. */
export type Judgement = 'better' | 'worse' | 'same' | 'none';

/** One metric of one run. */
export interface Cell {
  value: number | undefined;
  text: string;
  /** Against the baseline: `+12.4 %`; empty for the baseline, and where one is missing. */
  change: string;
  /** The difference with its unit: `+1.2 ms`. */
  difference: string;
  judgement: Judgement;
}

/** One metric in all runs. */
export interface Line {
  /** The stable name, like `response_p99_us`. */
  metric: string;
  /** For people, like `Response p99`. */
  name: string;
  higherIsBetter: boolean;
  cells: readonly Cell[];
}

/** One operation; the total has no name. */
export interface Block {
  operation: string;
  lines: readonly Line[];
}

/** Lines over one axis: seconds from the start of the measurement. */
export interface Overlay {
  x: readonly number[];
  throughput: readonly Column[];
  p50: readonly Column[];
  p95: readonly Column[];
  p99: readonly Column[];
  errors: readonly Column[];
}

/** One run's values. */
export type Column = readonly (number | null)[];

export interface ComparisonView {
  runs: readonly ComparedRun[];
  /** The total first, then each operation. */
  blocks: readonly Block[];
  differences: readonly { path: string; values: readonly string[] }[];
  warnings: readonly string[];
  overlay: Overlay;
}

/** What differs by less is the same. */
const SAME = 0.001;

export function comparisonView(comparison: Comparison): ComparisonView {
  const blocks = comparison.operations.map(block);
  return {
    runs: distinct(comparison.runs.map(comparedRun)),
    blocks: [...blocks.filter((one) => one.operation === ''), ...blocks.filter((one) => one.operation !== '')],
    differences: comparison.differences.map(({ path, values }) => ({ path, values })),
    warnings: comparison.warnings,
    overlay: overlay(comparison),
  };
}

export function comparedRun(run: Run): ComparedRun {
  return {
    id: run.runId,
    project: run.project,
    name: run.name,
    template: run.template,
    templateVersion: run.templateVersion,
    isOver: isOver(run.status),
    status: status(run.status),
    verdict: verdict(run.verdict),
    validity: validity(run.validity),
    startedUs: Number(run.startedUs),
    endedUs: Number(run.endedUs),
  };
}

/** Names are unique in a project only: charts and tables need them to be unique here. */
function distinct(runs: readonly ComparedRun[]): ComparedRun[] {
  const twice = (name: string): boolean => runs.filter((run) => run.name === name).length > 1;
  return runs.map((run) => (twice(run.name) ? { ...run, name: `${run.project}/${run.name}` } : run));
}

/** How a metric's values are written, by the unit in its name. */
export function writer(metric: string): (value: number | undefined) => string {
  if (metric.endsWith('_us')) {
    return latency;
  }
  if (metric.endsWith('_per_s')) {
    return rate;
  }
  if (metric.endsWith('_ratio')) {
    return percent;
  }
  return (value) => (value === undefined ? '–' : count(value));
}

/** A metric's name for people: `response_p999_us` is `Response p99.9`. */
export function metricName(metric: string): string {
  const words = metric.replace(/_(us|per_s)$/, '').replace('p999', 'p99.9').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Whether a metric is one that most people look at first. */
export function isMain(metric: string): boolean {
  return /^(throughput|response_p(50|95|99|999)|error_ratio|failed)/.test(metric);
}

function block({ operation, metrics }: OperationComparison): Block {
  return { operation, lines: metrics.map(line) };
}

function line({ metric, higherIsBetter, values }: MetricComparison): Line {
  const write = writer(metric);
  const cells = values.map(({ value, difference, ratio }, index): Cell => {
    const first = index === 0 || difference === undefined;
    return {
      value,
      text: write(value),
      difference: first ? '' : signed(difference, write),
      change: first || ratio === undefined ? '' : signed(ratio - 1, percent),
      judgement: first ? 'none' : judge(difference, ratio, higherIsBetter),
    };
  });
  return { metric, name: metricName(metric), higherIsBetter, cells };
}

function judge(difference: number, ratio: number | undefined, higherIsBetter: boolean): Judgement {
  if (difference === 0 || (ratio !== undefined && Math.abs(ratio - 1) < SAME)) {
    return 'same';
  }
  return difference > 0 === higherIsBetter ? 'better' : 'worse';
}

function signed(value: number, write: (value: number) => string): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '±';
  return sign + write(Math.abs(value));
}

function overlay({ series, runs }: Comparison): Overlay {
  const column = (of: (value: (typeof series)[number]['values'][number]) => number | undefined): Column[] =>
    runs.map((_, run) =>
      series.map((point) => {
        const value = point.values[run];
        return (value && of(value)) ?? null;
      }),
    );
  return {
    x: series.map((point) => Number(point.offsetUs) / 1_000_000),
    throughput: column((value) => value.throughputPerS),
    p50: column((value) => value.responseP50Us),
    p95: column((value) => value.responseP95Us),
    p99: column((value) => value.responseP99Us),
    errors: column((value) => value.errorRatio),
  };
}
