import { OperationSampleKind, type ErrorSummary, type GetErrorSummaryResponse, type OperationSample } from '../../lib/pb';
import { phaseName } from './run';

/** Failures of one kind. */
export interface ErrorView {
  key: string;
  operation: string;
  phase: string;
  class: string;
  code: string;
  message: string;
  example: string;
  count: number;
  share: number;
  lastUs: number;
}

/** Failures of a run. */
export interface ErrorsView {
  failed: number;
  /** How many failed of each class, the most first. */
  classes: { name: string; count: number }[];
  groups: ErrorView[];
}

export function errorsView(answer: GetErrorSummaryResponse): ErrorsView {
  const classes = new Map<string, number>();
  for (const one of answer.errors) {
    classes.set(one.class, (classes.get(one.class) ?? 0) + Number(one.count));
  }
  return {
    failed: Number(answer.failed),
    classes: [...classes].map(([name, count]) => ({ name, count })).toSorted((left, right) => right.count - left.count),
    groups: answer.errors.map(errorView),
  };
}

function errorView(one: ErrorSummary): ErrorView {
  const phase = phaseName(one.phase)?.toLowerCase() ?? '';
  return {
    key: [one.operation, phase, one.class, one.code, one.message].join('\u0000'),
    operation: one.operation,
    phase,
    class: one.class,
    code: one.code,
    message: one.message,
    example: one.example,
    count: Number(one.count),
    share: one.share,
    lastUs: Number(one.lastUs),
  };
}

/** An operation that was kept as an example. */
export interface SampleView {
  key: string;
  operation: string;
  shard: number;
  dueUs: number;
  responseUs: number;
  parameters: string;
  class: string;
  code: string;
  message: string;
}

/** Asks for the first failures only. */
export const FIRST_ERRORS = OperationSampleKind.FIRST_ERROR;

export function sampleView(sample: OperationSample): SampleView {
  return {
    key: [sample.shard, sample.attempt, sample.operation, sample.index].join(' '),
    operation: sample.operation,
    shard: sample.shard,
    dueUs: Number(sample.dueUs),
    responseUs: sample.responseUs,
    parameters: sample.parameters,
    class: sample.errorClass,
    code: sample.errorCode,
    message: sample.errorMessage,
  };
}
