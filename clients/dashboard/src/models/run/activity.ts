import type { TargetActivity } from '../../lib/pb';

/** More samples are asked for anew, with neighbours averaged by the server. */
export const MOST_SAMPLES = 1_200;
/** Kinds of waiting that get a line of their own. */
const MOST_KINDS = 5;

/** What the run's sessions at the target did over time. */
export interface Activity {
  /** Seconds since the Unix epoch. */
  x: number[];
  kinds: { name: string; sessions: number[] }[];
  queued: number[];
}

/** The kinds with the most sessions; what is rarer comes together. */
export function activity(samples: readonly TargetActivity[]): Activity {
  const sums = new Map<string, number>();
  for (const wait of samples.flatMap((sample) => sample.waits)) {
    sums.set(wait.kind, (sums.get(wait.kind) ?? 0) + wait.sessions);
  }
  const byWeight = [...sums].toSorted(([, left], [, right]) => right - left).map(([kind]) => kind);
  const shown = byWeight.length > MOST_KINDS + 1 ? byWeight.slice(0, MOST_KINDS) : byWeight;
  const kinds = shown.map((name) => ({ name, sessions: samples.map((sample) => sessions(sample, (kind) => kind === name)) }));
  if (shown.length < byWeight.length) {
    const rest = samples.map((sample) => sessions(sample, (kind) => !shown.includes(kind)));
    kinds.push({ name: 'others', sessions: rest });
  }
  return {
    x: samples.map((sample) => Number(sample.timeUs) / 1e6),
    kinds,
    queued: samples.map((sample) => sample.queued),
  };
}

function sessions(sample: TargetActivity, wanted: (kind: string) => boolean): number {
  return sample.waits.filter((wait) => wanted(wait.kind)).reduce((sum, wait) => sum + wait.sessions, 0);
}
