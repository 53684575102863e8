/** Lengths of time as template files write them: `1m30s`, `250ms`. Exact to the nanosecond. */

const NANOS: readonly (readonly [string, bigint])[] = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
];

/** Nanoseconds; `undefined` when the text is no length of time. */
export function parseDuration(text: string): bigint | undefined {
  const plain = text.trim().replaceAll('µ', 'u').replaceAll(/\s+/g, '');
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|ns))+$/.test(plain)) {
    return plain === '0' ? 0n : undefined;
  }
  let sum = 0n;
  for (const [, number = '', , unit = ''] of plain.matchAll(/(\d+(\.\d+)?)(h|ms|m|s|us|ns)/g)) {
    const nanos = NANOS.find(([name]) => name === unit)?.[1] ?? 0n;
    const [whole = '0', fraction = ''] = number.split('.');
    sum += BigInt(whole) * nanos + (BigInt(fraction || '0') * nanos) / 10n ** BigInt(fraction.length);
  }
  return sum;
}

/** The shortest text of these nanoseconds. */
export function formatDuration(nanos: bigint): string {
  let rest = nanos;
  let text = '';
  for (const [unit, size] of NANOS) {
    if (rest >= size) {
      text += `${rest / size}${unit}`;
      rest %= size;
    }
  }
  return text === '' ? '0s' : text;
}

/** Protobuf JSON (`90s`, `0.250s`) of a text; `undefined` when it is no length of time. */
export function toJsonDuration(text: string): string | undefined {
  const nanos = parseDuration(text);
  if (nanos === undefined) {
    return undefined;
  }
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanos / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`;
}
