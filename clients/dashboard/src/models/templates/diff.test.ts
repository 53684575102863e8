import { describe, expect, test } from 'vitest';

import { diffLines, folded, type Row } from './diff';

/** `=a` for both, `-a` for taken away, `+b` for come, `-a+b` for one in the other's place. */
function drawn(rows: readonly Row[]): string[] {
  return rows.map(({ kind, before, after }) =>
    kind === 'same' ? `=${before?.text}` : `${before ? `-${before.text}` : ''}${after ? `+${after.text}` : ''}`,
  );
}

describe('two texts', () => {
  test.each([
    ['equal', 'a\nb\n', 'a\nb\n', ['=a', '=b']],
    ['a last line end is no line', 'a', 'a\n', ['=a']],
    ['one line changed', 'a\nb\nc', 'a\nx\nc', ['=a', '-b+x', '=c']],
    ['lines came', 'a\nc', 'a\nb\nb\nc', ['=a', '+b', '+b', '=c']],
    ['lines went', 'a\nb\nc', 'c', ['-a', '-b', '=c']],
    ['a line moved', 'a\nb\nc\nd', 'b\nc\na\nd', ['-a', '=b', '=c', '+a', '=d']],
    ['nothing in common', 'a\nb', 'x\ny\nz', ['-a+x', '-b+y', '+z']],
    ['from nothing', '', 'a', ['+a']],
    ['to nothing', 'a\n', '', ['-a']],
    ['both nothing', '', '', []],
    ['repeats', 'x\nx\nx', 'x\nx', ['=x', '=x', '-x']],
  ])('%s', (_, before, after, expected) => {
    expect(drawn(diffLines(before, after))).toEqual(expected);
  });

  test('number their lines on each side', () => {
    expect(diffLines('a\nb\nc', 'b\nc\nd').map(({ before, after }) => [before?.number, after?.number])).toEqual([
      [1, undefined],
      [2, 1],
      [3, 2],
      [undefined, 3],
    ]);
  });

  test('give back both texts, whatever they are', () => {
    // A small generator of its own: the same texts each time.
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 300; round += 1) {
      const text = (): string => Array.from({ length: next(12) }, () => 'abc'[next(3)]).join('\n');
      const [before, after] = [text(), text()];
      const rows = diffLines(before, after);
      expect(rows.flatMap((row) => row.before?.text ?? []).join('\n')).toBe(before);
      expect(rows.flatMap((row) => row.after?.text ?? []).join('\n')).toBe(after);
    }
  });

  test('too long for the search count as changed, ends aside', () => {
    const long = (word: string): string => ['first', ...Array.from({ length: 3_000 }, (_, index) => `${word}${index % 7}`), 'last'].join('\n');
    const rows = diffLines(long('a'), long('b'));
    expect(rows).toHaveLength(3_002);
    expect([rows[0]?.kind, rows[1]?.kind, rows.at(-1)?.kind]).toEqual(['same', 'changed', 'same']);
  });
});

test('what is equal and far from a change is left out', () => {
  const parts = folded(diffLines('1\n2\n3\n4\n5\n6\n7\n8', '1\n2\n3\n4\nx\n6\n7\n8'), 1);
  expect(parts.map((part) => (part.kind === 'rows' ? drawn(part.rows) : part.count))).toEqual([3, ['=4', '-5+x', '=6'], 2]);
  const close = folded(diffLines('1\n2\n3\n4\n5\n6', '1\n2\nx\n4\n5\n6'), 1);
  expect(close.map((part) => (part.kind === 'rows' ? drawn(part.rows) : part.count))).toEqual([['=1', '=2', '-3+x', '=4'], 2]);
});
