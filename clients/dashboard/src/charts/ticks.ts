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
