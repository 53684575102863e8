/** Value pools: named lists of values that parameters draw from. */
import { count } from '../../lib/format';
import type { ValuePool } from '../../lib/pb';

export interface PoolView {
  project: string;
  name: string;
  count: number;
  /** Where the values come from. */
  source: string;
  createdUs: number;
}

export function poolView(pool: ValuePool): PoolView {
  const { source } = pool;
  return {
    project: pool.project,
    name: pool.name,
    count: pool.count,
    source: source ? `${source.target}: ${source.table}.${source.column}, seed ${source.seed}` : 'given values',
    createdUs: Number(pool.createdUs),
  };
}

/** What the server takes at most. */
const MOST_VALUES = 100_000;
const MOST_BYTES = 8 * 1024 * 1024;

export type Values = { ok: true; values: { text?: string }[] } | { ok: false; message: string };

/** One value a line; `\N` alone is NULL, as in PostgreSQL's COPY. A line end at the end begins no value. */
export function parseValues(text: string): Values {
  const lines = text.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n');
  if (text === '') {
    return { ok: false, message: 'give it one value or more, each on a line of its own' };
  }
  if (lines.length > MOST_VALUES) {
    return { ok: false, message: `${count(lines.length)} values are too many; ${count(MOST_VALUES)} are allowed` };
  }
  if (new TextEncoder().encode(text).length > MOST_BYTES) {
    return { ok: false, message: 'the values are too large; 8 MiB in all are allowed' };
  }
  return { ok: true, values: lines.map((line) => (line === '\\N' ? {} : { text: line })) };
}
