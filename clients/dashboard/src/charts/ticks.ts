import { rate } from '../lib/format';

/** Fewer powers of ten say too little of a scale. */
const FEW = 3;

/** Round places of a logarithmic scale: powers of ten, and their doubles and fives where those are few; else its ends. */
export function decades(lowest: number, highest: number): number[] {
  const powers: number[] = [];
  for (let at = Math.floor(Math.log10(lowest)); at <= Math.log10(highest); at += 1) {
    powers.push(10 ** at);
  }
  const inside = (all: number[]): number[] => all.filter((one) => one >= lowest && one <= highest);
  const few = inside(powers);
  const more = few.length < FEW ? inside(powers.flatMap((one) => [one, 2 * one, 5 * one])) : few;
  return more.length > 0 ? more : [lowest, highest];
}

/**
 * What is written at round places, without the decimals that measured values have: `80/s`, `1.5 ms`. Of places that are
 * closer than the digits that are written, rates are told in full, and other values only once.
 */
export function tickTexts(splits: readonly (number | null)[], write: (value: number) => string): string[] {
  const texts = splits.map((value) => (value === null ? '' : withoutZeros(write(value))));
  const isRepeat = (text: string, index: number): boolean => text !== '' && texts.indexOf(text) < index;
  if (write === rate && texts.some(isRepeat)) {
    return splits.map((value) => (value === null ? '' : `${Number(value.toPrecision(12))}/s`));
  }
  return texts.map((text, index) => (isRepeat(text, index) ? '' : text));
}

function withoutZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, (_, decimals: string) => (decimals === '.' ? '' : decimals));
}
