/** What differs between two texts, line by line. */

export interface Side {
  /** Counts from 1. */
  number: number;
  text: string;
}

/** One row of a side by side view: a line that both have, or one that was taken away and the one that came for it. */
export interface Row {
  kind: 'same' | 'changed';
  before: Side | undefined;
  after: Side | undefined;
}

/** Rows to show, or how many equal ones are left out. */
export type Part = { kind: 'rows'; rows: Row[] } | { kind: 'left-out'; count: number };

/** Above it (lines of one text times lines of the other) the table of the search would be too large: all counts as changed. */
const LARGEST = 4_000_000;

export function diffLines(before: string, after: string): Row[] {
  const a = lines(before);
  const b = lines(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start += 1;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end += 1;
  }
  const rows: Row[] = [];
  const same = (from: number, to: number, shift: number): void => {
    for (let index = from; index < to; index += 1) {
      rows.push({ kind: 'same', before: side(a, index), after: side(b, index + shift) });
    }
  };
  same(0, start, 0);
  let [atA, atB] = [start, start];
  for (const [keptA, keptB] of [...kept(a, b, start, end), [a.length - end, b.length - end] as const]) {
    rows.push(...changed(a, b, [atA, keptA], [atB, keptB]));
    if (keptA < a.length - end) {
      same(keptA, keptA + 1, keptB - keptA);
    }
    [atA, atB] = [keptA + 1, keptB + 1];
  }
  same(a.length - end, a.length, b.length - a.length);
  return rows;
}

function lines(text: string): string[] {
  const all = text.split('\n');
  return all.at(-1) === '' ? all.slice(0, -1) : all;
}

function side(all: string[], index: number): Side | undefined {
  const text = all[index];
  return text === undefined ? undefined : { number: index + 1, text };
}

/** The lines taken away beside those that came. */
function changed(a: string[], b: string[], [fromA, toA]: readonly [number, number], [fromB, toB]: readonly [number, number]): Row[] {
  const length = Math.max(toA - fromA, toB - fromB);
  return Array.from({ length }, (_, index) => ({
    kind: 'changed' as const,
    before: fromA + index < toA ? side(a, fromA + index) : undefined,
    after: fromB + index < toB ? side(b, fromB + index) : undefined,
  }));
}

/** The longest common subsequence of the middle, as pairs of positions. */
function kept(a: string[], b: string[], start: number, end: number): (readonly [number, number])[] {
  const [rows, columns] = [a.length - start - end, b.length - start - end];
  if (rows * columns > LARGEST) {
    return [];
  }
  // longest[i * width + j]: of the lines from i and j on.
  const width = columns + 1;
  const longest = new Uint32Array((rows + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      longest[i * width + j] = a[start + i] === b[start + j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  let [i, j] = [0, 0];
  while (i < rows && j < columns) {
    if (a[start + i] === b[start + j]) {
      pairs.push([start + i, start + j]);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      i += 1;
    } else {
      j += 1;
    }
  }
  return pairs;
}

/** Leaves out what is equal and far from any change; a single line is shown: its note would take as much room. */
export function folded(rows: readonly Row[], context = 3): Part[] {
  const isNear = rows.map((_, index) =>
    rows.slice(Math.max(0, index - context), index + context + 1).some((row) => row.kind === 'changed'),
  );
  const near = isNear.map((is, index) => is || (isNear[index - 1] !== false && isNear[index + 1] !== false));
  const parts: Part[] = [];
  rows.forEach((row, index) => {
    const last = parts.at(-1);
    if (near[index]) {
      if (last?.kind === 'rows') {
        last.rows.push(row);
      } else {
        parts.push({ kind: 'rows', rows: [row] });
      }
    } else if (last?.kind === 'left-out') {
      last.count += 1;
    } else {
      parts.push({ kind: 'left-out', count: 1 });
    }
  });
  return parts;
}
