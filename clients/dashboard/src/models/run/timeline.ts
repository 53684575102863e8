import { PHASES, type PhaseName, type RunView } from './run';

/** One phase of the timeline. */
export interface Stage {
  name: string;
  state: 'past' | 'now' | 'next';
  /** How long it is planned to be, microseconds; 0 when nobody knows. */
  plannedUs: number;
  /** How much of it is over, 0 to 1; 0 when nobody knows. */
  done: number;
  /** Until its end by the server's clock, microseconds; `undefined` when it is not under way or nobody knows. */
  leftUs: number | undefined;
}

/** Where a run is. */
export interface Timeline {
  stages: Stage[];
  /** From the start to the end or to now, microseconds; 0 before the start. */
  elapsedUs: number;
  /** Until the load ends by itself; `undefined` when nobody knows. */
  leftUs: number | undefined;
  /** What it waits for or does, in a sentence; empty when the phase says it all. */
  reason: string;
}

export function timeline(run: RunView, nowUs: number): Timeline {
  const at = run.phase ? PHASES.indexOf(run.phase) : -1;
  const names = PHASES.filter((name) => name !== 'WARMUP' || run.warmupUs > 0);
  const end = run.endedUs > 0 ? run.endedUs : nowUs;
  return {
    stages: names.map((name) => stage(run, name, at, nowUs)),
    elapsedUs: run.startedUs > 0 ? Math.max(0, end - run.startedUs) : 0,
    leftUs: left(run, nowUs),
    reason: reason(run),
  };
}

function stage(run: RunView, name: PhaseName, at: number, nowUs: number): Stage {
  const place = PHASES.indexOf(name);
  const plannedUs = name === 'WARMUP' ? run.warmupUs : name === 'MEASUREMENT' ? run.measurementUs : 0;
  const state = run.isOver || place < at ? 'past' : place === at ? 'now' : 'next';
  if (state !== 'now' || run.phaseEndsUs === 0) {
    return { name: name.toLowerCase(), state, plannedUs, done: state === 'past' ? 1 : 0, leftUs: undefined };
  }
  const length = Math.max(1, run.phaseEndsUs - run.phaseStartedUs);
  return {
    name: name.toLowerCase(),
    state,
    plannedUs,
    done: Math.min(1, Math.max(0, (nowUs - run.phaseStartedUs) / length)),
    leftUs: Math.max(0, run.phaseEndsUs - nowUs),
  };
}

function left(run: RunView, nowUs: number): number | undefined {
  if (run.isOver || run.phaseEndsUs === 0) {
    return undefined;
  }
  const phaseUs = Math.max(0, run.phaseEndsUs - nowUs);
  switch (run.phase) {
    case 'WARMUP':
      return phaseUs + run.measurementUs;
    case 'MEASUREMENT':
      return phaseUs;
    default:
      return undefined;
  }
}

function reason(run: RunView): string {
  if (run.isOver) {
    const why = run.stopMessage || run.stopReason;
    return why === '' ? '' : `Ended: ${why}.`.replace('..', '.');
  }
  if (run.isPrepared) {
    return 'Prepared; nothing is sent before it is started.';
  }
  if (run.queuePosition > 0) {
    return `Waits for free workers: place ${run.queuePosition} in the queue.`;
  }
  if (run.isStarting) {
    return `Workers connect to the target: ${run.shardsReady} of ${run.shardsTotal} ready.`;
  }
  if (run.phase === 'COOLDOWN') {
    return 'Nothing new is due; operations in flight end.';
  }
  if (run.phase === 'PROCESSING') {
    return 'The report is being made.';
  }
  if (run.paused) {
    return 'Paused: nothing is due until it is resumed.';
  }
  if (run.phase === 'WARMUP' && run.untilSteady) {
    return 'The warmup ends as soon as the load is steady.';
  }
  return '';
}
