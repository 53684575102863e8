/** How a run ended. */
import { Code, GauntletError } from './errors.js';
import {
  ProcessingStatus,
  type Report,
  type Run,
  RunStatus,
  StopReason,
  Validity,
  Verdict,
} from './gen/gauntlet/v1/run_pb.js';

/** A run that is over, with its report. */
export interface Concluded {
  /** The run as it ended. */
  readonly run: Run;
  /** Its report. */
  readonly report: Report;
}

/** A run that is over and has no report: the message says why. */
export class NoReportError extends GauntletError {
  override readonly name = 'NoReportError';

  constructor(
    /** The run as it ended. */
    readonly run: Run,
  ) {
    super({ kind: 'refused', code: Code.FailedPrecondition, message: `${ending(run)}; ${why(run)}` });
  }
}

/** How a run ended, in words. */
export function ending(run: Run): string {
  const status = RunStatus[run.status].toLowerCase();
  const reason = run.stopReason === StopReason.UNSPECIFIED ? '' : StopReason[run.stopReason].toLowerCase();
  const said = run.stopMessage || reason.replaceAll('_', ' ');
  return said === '' ? `run ${run.name} ${status}` : `run ${run.name} ${status}: ${said}`;
}

function why(run: Run): string {
  return run.processing === ProcessingStatus.FAILED
    ? 'its report could not be made; try again with RunService.RetryProcessing'
    : 'it has no report: no load was sent';
}

/**
 * The exit code of a program that made a run, as the command line has it:
 * 0 pass, 1 failed, 2 objective not met, 3 too few operations to say,
 * 4 the numbers cannot be trusted, 5 a person ended it.
 */
export function exitCode(run: Run, report?: Report): number {
  if (run.status === RunStatus.CANCELLED) {
    return 5;
  }
  if (report === undefined || (run.status !== RunStatus.COMPLETED && run.status !== RunStatus.STOPPED)) {
    return 1;
  }
  if (report.validity !== Validity.VALID) {
    return 4;
  }
  switch (report.verdict) {
    case Verdict.FAIL:
      return 2;
    case Verdict.INCONCLUSIVE:
      return 3;
    default:
      return 0;
  }
}
