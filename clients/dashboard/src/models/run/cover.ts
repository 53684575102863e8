import type { GetMetricsResponse } from '../../lib/pb';
import type { EventView } from './events';
import { PHASES, phaseName, type PhaseName, type RunView } from './run';
import type { Column } from './series';

/** Of a stretch that its phase covers less, no rate and no latency is drawn; the HTML report holds the same. */
export const LEAST_COVERED = 0.25;

/** From when to when a phase is, microseconds since the Unix epoch; without an end that is known `Infinity`. */
export interface PhaseWindow {
  phase: PhaseName;
  fromUs: number;
  toUs: number;
}

/** A stretch of one phase. */
interface Placed {
  timeUs: number;
  lengthUs: number;
  phase: PhaseName | undefined;
}

/**
 * How much of a stretch its phase covers, microseconds: all of it when the windows do not know the phase. It is 0 where
 * what was due in the phase ended after it.
 */
export function coveredUs({ timeUs, lengthUs, phase }: Placed, windows: readonly PhaseWindow[]): number {
  const own = windows.filter((one) => one.phase === phase);
  if (own.length === 0) {
    return lengthUs;
  }
  const endUs = timeUs + lengthUs;
  return own.reduce((sum, { fromUs, toUs }) => sum + Math.max(0, Math.min(endUs, toUs) - Math.max(timeUs, fromUs)), 0);
}

/** The part of a stretch that its phase covers; all of it when the windows do not know the phase, else it may be empty. */
export function partOf({ timeUs, lengthUs, phase }: Placed, windows: readonly PhaseWindow[]): { fromUs: number; toUs: number } {
  const whole = { fromUs: timeUs, toUs: timeUs + lengthUs };
  const own = windows.filter((one) => one.phase === phase);
  if (own.length === 0) {
    return whole;
  }
  const parts = own.map(({ fromUs, toUs }) => ({ fromUs: Math.max(whole.fromUs, fromUs), toUs: Math.min(whole.toUs, toUs) }));
  return parts.find((one) => one.toUs > one.fromUs) ?? { fromUs: timeUs, toUs: timeUs };
}

/** The same columns, each with how much of it its phase covers. */
export function covered(columns: readonly Column[], windows: readonly PhaseWindow[]): Column[] {
  return columns.map((one) => ({ ...one, coveredUs: coveredUs(one, windows) }));
}

/** Whether a stretch says how fast its phase was: not one of which the phase covers but a sliver, and none of the drain, in which nothing is due. */
export function isTelling({ phase, lengthUs, coveredUs: part = lengthUs }: Pick<Column, 'phase' | 'lengthUs' | 'coveredUs'>): boolean {
  return isLoad(phase) && part >= LEAST_COVERED * lengthUs;
}

/** Whether operations are due in a phase. */
function isLoad(phase: PhaseName | undefined): boolean {
  return phase === 'WARMUP' || phase === 'MEASUREMENT';
}

/** The phases in which load was due, by the commands to the workers, the newest one by the run itself; and the drain after them. */
export function windowsOf(events: readonly EventView[], run: RunView | undefined): PhaseWindow[] {
  const found: PhaseWindow[] = [];
  let isStopped = run?.phase === 'COOLDOWN';
  const close = (atUs: number): void => {
    for (const one of found) {
      one.toUs = Math.min(one.toUs, atUs);
    }
  };
  const open = (phase: PhaseName, fromUs: number): void => {
    close(fromUs);
    found.push({ phase, fromUs, toUs: Infinity });
  };
  for (const { command } of events) {
    const phase = PHASES.find((one) => one.toLowerCase() === command?.phase);
    if (command && phase) {
      open(phase, command.atUs);
    } else if (command?.action === 'stop') {
      isStopped = true;
      close(command.atUs);
    }
  }
  if (!run?.phase) {
    return found;
  }
  // Events are asked for now and then, the run tells at once.
  const isUnderLoad = isLoad(run.phase);
  if (isUnderLoad && found.at(-1)?.phase !== run.phase) {
    open(run.phase, run.phaseStartedUs);
  }
  const endUs = isUnderLoad ? run.phaseEndsUs : run.phase === 'COOLDOWN' ? run.phaseStartedUs : run.endedUs;
  if (endUs > 0) {
    close(endUs);
  }
  const last = found.at(-1);
  return isStopped && last ? [...found, { phase: 'COOLDOWN', fromUs: last.toUs, toUs: Infinity }] : found;
}

/** The phases of an answer over a whole run. */
export function windowsOfTotals({ totals }: GetMetricsResponse): PhaseWindow[] {
  return totals.flatMap((total) => {
    const phase = phaseName(total.phase);
    const fromUs = Number(total.timeUs);
    return phase ? [{ phase, fromUs, toUs: fromUs + Number(total.lengthUs) }] : [];
  });
}
