import type { Band } from '../charts/types';
import { RunPhase } from './pb';
import { phase as word } from './words';

const COLORS: Partial<Record<RunPhase, string>> = {
  [RunPhase.WARMUP]: '--phase-warmup',
  [RunPhase.MEASUREMENT]: '--phase-measurement',
  [RunPhase.COOLDOWN]: '--phase-cooldown',
};

/** The phases of a run as bands of a chart. */
export function bands(phases: readonly { phase: RunPhase; from: number; to: number }[]): Band[] {
  return phases.map(({ phase, from, to }) => ({ from, to, name: word(phase), color: COLORS[phase] ?? '--phase-cooldown' }));
}
