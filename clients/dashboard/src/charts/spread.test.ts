import { describe, expect, it } from 'vitest';

import { columns, percentileAt, spread } from './spread';

describe('percentiles on an axis', () => {
  it.each([
    [0, 0],
    [90, 1],
    [99, 2],
    [99.9, 3],
    [99.999, 5],
  ])('%d %% is at %d', (percentile, place) => {
    expect(spread(percentile)).toBeCloseTo(place, 9);
  });

  it.each([
    [0, '0 %'],
    [spread(50), '50 %'],
    [1, '90 %'],
    [2, '99 %'],
    [3, '99.9 %'],
    [4, '99.99 %'],
    [spread(99.5), '99.5 %'],
    [spread(99.95), '99.95 %'],
  ])('%d is written %s', (place, text) => {
    expect(percentileAt(place)).toBe(text);
  });

  it('puts curves over one axis, and leaves the maximum out', () => {
    const made = columns([
      { name: 'a', points: [[50, 5], [99, 9], [100, 10]] },
      { name: 'b', points: [[50, 6], [90, 7]] },
    ]);
    expect(made.x.map((place) => Number(place.toFixed(3)))).toEqual([0.301, 1, 2]);
    expect(made.values).toEqual([
      [5, null, 9],
      [6, 7, null],
    ]);
  });
});
