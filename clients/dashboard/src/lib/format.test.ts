import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  ago,
  bytes,
  count,
  duration,
  instant,
  latency,
  percent,
  rate,
  span,
  timeOfDay,
  timeOfDayMs,
  utc,
  when,
  zone,
} from './format';

// The same tables are in `gauntlet_model::number`.
it.each([
  [0, '0 µs'],
  [0.125, '0.12 µs'],
  [8.125, '8.12 µs'],
  [81.25, '81.2 µs'],
  [2.45, '2.45 µs'],
  [812.4, '812 µs'],
  [999.4, '999 µs'],
  [999.6, '1.00 ms'],
  [1_234, '1.23 ms'],
  [12_345, '12.3 ms'],
  [1_900_000, '1,900 ms'],
  [12_345_000, '12.3 s'],
  [-12_345, '−12.3 ms'],
  [undefined, '–'],
  [Number.NaN, '–'],
])('a latency of %s µs is %s', (us, text) => {
  expect(latency(us)).toBe(text);
});

it.each([
  [-5, '0 ms'],
  [0, '0 ms'],
  [250, '250 µs'],
  [500_000, '500 ms'],
  [1_000_000, '1 s'],
  [1_540_000, '1.5 s'],
  [15_000_312, '15 s'],
  [59_960_000, '1 min'],
  [90_000_000n, '1 min 30 s'],
  [3_720_000_000, '1 h 2 min'],
  [3_601_000_000, '1 h'],
  [90_000_000_000, '1 d 1 h'],
])('a duration of %s µs is %s', (us, text) => {
  expect(duration(us)).toBe(text);
});

it.each([
  [0, '0 s'],
  [400_000, '0 s'],
  [20_400_000, '20 s'],
  [90_000_000, '1 min 30 s'],
  [60_000_000, '1 min'],
  [7_500_000_000, '2 h 5 min'],
])('a span of %s µs is %s', (us, text) => {
  expect(span(us)).toBe(text);
});

it.each([
  [0, '0.0/s'],
  [12.34, '12.3/s'],
  [80, '80.0/s'],
  [99.96, '100/s'],
  [12_345.6, '12,346/s'],
  [undefined, '–'],
])('a rate of %s per second is %s', (perS, text) => {
  expect(rate(perS)).toBe(text);
});

it.each([
  [0, '0 %'],
  [0.01, '1 %'],
  [0.1, '10 %'],
  [0.0123, '1.23 %'],
  [0.000_123, '0.0123 %'],
  [15, '1500 %'],
])('a share of %s is %s', (share, text) => {
  expect(percent(share)).toBe(text);
});

it('writes counts and sizes', () => {
  expect(count(1_206_667n)).toBe('1,206,667');
  const sizes = [0, 999, 1_000, 8_192n, 999_499, 12_300_000, 4_000_000_000_000];
  expect(sizes.map(bytes)).toEqual(['0 B', '999 B', '1.00 kB', '8.19 kB', '999 kB', '12.3 MB', '4.00 TB']);
});

describe('an instant', () => {
  // 2025-11-20 10:44:07.123456 UTC
  const at = 1_763_635_447_123_456;

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    ['Asia/Tokyo', '2025-11-20 19:44:07 UTC+9', 'Asia/Tokyo (UTC+9)'],
    ['America/St_Johns', '2025-11-20 07:14:07 UTC−3:30', 'America/St_Johns (UTC−3:30)'],
    ['UTC', '2025-11-20 10:44:07 UTC', 'UTC'],
  ])('in %s says so', (name, text, zoned) => {
    vi.stubEnv('TZ', name);
    expect([instant(at), zone(new Date(at / 1_000)), utc(at)]).toEqual([text, zoned, '2025-11-20 10:44:07 UTC']);
  });

  it('has a time of day, to the millisecond where order matters', () => {
    vi.stubEnv('TZ', 'Asia/Tokyo');
    expect([timeOfDay(at), timeOfDayMs(at)]).toEqual(['19:44:07', '19:44:07.123']);
  });

  it('that is not known is none', () => {
    expect([instant(0), utc(0), timeOfDay(0), timeOfDayMs(0)]).toEqual(['–', '–', '–', '–']);
  });
});

it('says how long ago something was, by the clock that it is given', () => {
  const now = 1_000_000_000_000;
  const cases: [number, string][] = [
    [0, 'just now'],
    [42, '42 s ago'],
    [300, '5 min ago'],
    [7_200, '2 h ago'],
    [200_000, '2 d ago'],
  ];
  for (const [seconds, text] of cases) {
    expect(ago(now - seconds * 1_000_000, now)).toBe(text);
  }
  expect(ago(0, now)).toBe('–');
});

it('says when something was: a while ago, or the date', () => {
  const at = new Date(2026, 2, 1, 14, 5, 9).getTime() * 1_000;
  expect(when(at, at + 7_200_000_000)).toBe('2 h ago');
  expect(when(at, at + 86_400_000_000)).toBe('2026-03-01 14:05');
  expect(when(0, 60_000_000)).toBe('–');
});
