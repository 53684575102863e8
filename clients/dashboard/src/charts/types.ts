/** A line of a chart. */
export interface Series {
  /** In the legend. */
  name: string;
  /** One per x; `null` where there is nothing. */
  values: readonly (number | null)[];
  /** A colour token like `--series-1`; by its place when left out. */
  color?: string;
  /** Line dash in pixels; by its place when left out, empty is solid. */
  dash?: readonly number[];
  /** Fills the area down to the axis. */
  fill?: boolean;
  /** Holds the value until the next x, for levels and states. */
  steps?: boolean;
  /** Only marks where there are values, no line between them. */
  points?: boolean;
}

/** A stretch of x with a colour behind it, like a phase. */
export interface Band {
  from: number;
  to: number;
  name: string;
  /** A colour token like `--phase-warmup`. */
  color: string;
}

/** A vertical line with a word, like a control event. */
export interface Mark {
  at: number;
  name: string;
}

/** What a chart without a point says. */
export const NOTHING_YET = 'Nothing measured yet';
