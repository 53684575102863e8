import { expect, it } from 'vitest';

import { ago, bytes, count, latency, percent, rate, span, when } from './format';

it.each([
  [0, '0 µs'],
  [3.834, '3.83 µs'],
  [46.12, '46.1 µs'],
  [999.4, '999 µs'],
  [1_652_345, '1.65 s'],
  [20_000, '20 ms'],
  [undefined, '–'],
  [Number.NaN, '–'],
])('a latency of %s µs is %s', (us, text) => {
  expect(latency(us)).toBe(text);
});

it.each([
  [0, '0 s'],
  [20_400_000, '20 s'],
  [90_000_000, '1 m 30 s'],
  [60_000_000, '1 m'],
  [7_500_000_000, '2 h 5 m'],
])('a span of %s µs is %s', (us, text) => {
  expect(span(us)).toBe(text);
});

it('writes counts, rates, shares and sizes', () => {
  expect(count(1_206_667n)).toBe('1,206,667');
  expect(rate(49_686.2)).toBe('49,686/s');
  expect(rate(0.25)).toBe('0.25/s');
  expect(percent(0.0012)).toBe('0.12 %');
  expect(percent(0)).toBe('0 %');
  expect(bytes(1_572_864n)).toBe('1.5 MiB');
});

it('says how long ago something was, by the clock that it is given', () => {
  const now = 1_000_000_000_000;
  const cases: [number, string][] = [
    [0, 'just now'],
    [42, '42 s ago'],
    [300, '5 m ago'],
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
