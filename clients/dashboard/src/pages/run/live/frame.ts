import type { Band, Mark } from '../../../charts/types';

/** What all charts over time of a run have in common. */
export interface Frame {
  bands: readonly Band[];
  marks: readonly Mark[];
  /** Seconds since the Unix epoch. */
  range: readonly [number, number];
  sync: string;
  /** While the load goes on, what is newest is now. */
  tellsNewest: boolean;
  /** What is said where there is no point. */
  nothing: string;
}
