/** Percentiles spread out by how rare what lies beyond is: 90, 99 and 99.9 % are equally far apart. */

/** The mark of a percentile (0 to below 100) on the axis: 0 for 0 %, 1 for 90 %, 2 for 99 %, 3 for 99.9 %. */
export function spread(percentile: number): number {
  return -Math.log10(1 - Math.min(percentile, 99.9999999) / 100);
}

/** The percentile at a place of the axis, written out: `50 %`, `99.9 %`. */
export function percentileAt(place: number): string {
  const rest = 100 * 10 ** -place;
  const digits = Math.max(0, Math.ceil(place) - 1);
  return `${Number((100 - rest).toFixed(Math.min(digits, 7)))} %`;
}

/** A curve: percentile (0 to 100) and microseconds, by percentile. */
export interface Curve {
  name: string;
  points: readonly (readonly [number, number])[];
}

/** Curves as columns over one axis; `null` where a curve has no point. */
export function columns(curves: readonly Curve[]): { x: number[]; values: (number | null)[][] } {
  const below = (points: Curve['points']): Curve['points'] => points.filter(([percentile]) => percentile < 100);
  const all = new Set(curves.flatMap((curve) => below(curve.points).map(([percentile]) => percentile)));
  const percentiles = [...all].sort((one, other) => one - other);
  const values = curves.map((curve) => {
    const known = new Map(below(curve.points));
    return percentiles.map((percentile) => known.get(percentile) ?? null);
  });
  return { x: percentiles.map(spread), values };
}
