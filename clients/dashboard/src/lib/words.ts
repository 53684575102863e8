import { RunPhase, RunStatus, StopReason, Validity, Verdict, WorkerStatus } from './pb';

/** How something is coloured; the word beside it says the same. */
export type Tone = 'neutral' | 'good' | 'bad' | 'warn' | 'busy';

/** A word of the API for people, with its colour. */
export interface Word {
  text: string;
  tone: Tone;
}

/** `DURATION_ELAPSED` as `duration elapsed`. */
export function plain(name: string | undefined): string {
  return (name ?? '').toLowerCase().replaceAll('_', ' ');
}

export function status(value: RunStatus): Word {
  const tones: Partial<Record<RunStatus, Tone>> = {
    [RunStatus.STARTING]: 'busy',
    [RunStatus.RUNNING]: 'busy',
    [RunStatus.STOPPING]: 'busy',
    [RunStatus.CANCELLING]: 'busy',
    [RunStatus.COMPLETED]: 'good',
    [RunStatus.STOPPED]: 'warn',
    [RunStatus.CANCELLED]: 'warn',
    [RunStatus.FAILED]: 'bad',
  };
  return { text: plain(RunStatus[value]), tone: tones[value] ?? 'neutral' };
}

/** Whether a run's status never changes again. */
export function isOver(value: RunStatus): boolean {
  return value >= RunStatus.COMPLETED;
}

export function phase(value: RunPhase): string {
  return value === RunPhase.UNSPECIFIED ? 'not started' : plain(RunPhase[value]);
}

export function stopReason(value: StopReason): string {
  return value === StopReason.UNSPECIFIED ? '' : plain(StopReason[value]);
}

export function verdict(value: Verdict): Word {
  switch (value) {
    case Verdict.PASS:
      return { text: 'PASS', tone: 'good' };
    case Verdict.FAIL:
      return { text: 'FAIL', tone: 'bad' };
    case Verdict.INCONCLUSIVE:
      return { text: 'INCONCLUSIVE', tone: 'warn' };
    case Verdict.UNSPECIFIED:
      return { text: 'no objectives', tone: 'neutral' };
  }
}

export function validity(value: Validity): Word {
  switch (value) {
    case Validity.VALID:
      return { text: 'VALID', tone: 'good' };
    case Validity.INVALID:
      return { text: 'INVALID', tone: 'bad' };
    case Validity.UNSPECIFIED:
      return { text: 'not judged', tone: 'neutral' };
  }
}

export function worker(value: WorkerStatus): Word {
  const tones: Partial<Record<WorkerStatus, Tone>> = {
    [WorkerStatus.IDLE]: 'good',
    [WorkerStatus.BUSY]: 'busy',
    [WorkerStatus.LOST]: 'bad',
    [WorkerStatus.DRAINING]: 'warn',
  };
  return { text: plain(WorkerStatus[value]), tone: tones[value] ?? 'neutral' };
}
