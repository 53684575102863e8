/** The operations of a document: their weights, and the parameters that their statements need. */
import { isDoc, listAt, textAt, type Doc, type Json } from './path';

/** Weights count in steps of 0.01; all sum to 100. */
const STEPS = 10_000;

export function weightSum(doc: Doc): number {
  const sum = weights(doc).reduce((all, weight) => all + Math.round(weight * 100), 0);
  return sum / 100;
}

/** Whether nothing is to do: a sum of 100, and nobody with nothing. */
export function isBalanced(doc: Doc): boolean {
  return weightSum(doc) === 100 && weights(doc).every((weight) => weight >= 0.01);
}

function weights(doc: Doc): number[] {
  return listAt(doc, 'operations').map((operation) => (isDoc(operation) ? Number(textAt(operation, 'weight')) || 0 : 0));
}

/** The weights in the same proportions with a sum of 100; each at least 0.01. Equal ones when none is positive. */
export function toHundred(given: readonly number[]): number[] {
  const positive = given.map((weight) => (Number.isFinite(weight) && weight > 0 ? weight : 0));
  const sum = positive.reduce((all, weight) => all + weight, 0);
  const exact = positive.map((weight) => (sum > 0 ? (weight / sum) * STEPS : STEPS / given.length));
  const parts = exact.map((part) => Math.max(1, Math.floor(part)));
  // The largest remainders get what is left; the largest parts give what is too much.
  let left = STEPS - parts.reduce((all, part) => all + part, 0);
  const order = exact.map((part, index) => ({ index, rest: part - Math.floor(part) })).toSorted((a, b) => b.rest - a.rest);
  for (let turn = 0; left > 0 && order.length > 0; turn += 1) {
    const index = order[turn % order.length]?.index ?? 0;
    parts[index] = (parts[index] ?? 0) + 1;
    left -= 1;
  }
  while (left < 0) {
    const largest = parts.indexOf(Math.max(...parts));
    parts[largest] = (parts[largest] ?? 0) - 1;
    left += 1;
  }
  return parts.map((part) => part / 100);
}

/** The document with weights that sum to 100. */
export function balanced(doc: Doc): Doc {
  const fair = toHundred(weights(doc));
  const operations = listAt(doc, 'operations').map((operation, index) =>
    isDoc(operation) ? { ...operation, weight: fair[index] ?? 0 } : operation,
  );
  return { ...doc, operations };
}

/** What each parameter of an operation is for, in order. */
export function slots(operation: Doc): string[] {
  const columns = columnsOf(operation);
  switch (textAt(operation, 'kind')) {
    case 'point_lookup':
      return ['key'];
    case 'range_scan':
      return ['first key'];
    case 'insert':
      return columns.map((column) => `value of ${column}`);
    case 'update':
      return [...columns.map((column) => `value of ${column}`), 'key'];
    case 'sql':
      return Array.from({ length: placeholders(textAt(operation, 'sql')) }, (_, index) => `$${index + 1}`);
    default:
      return [];
  }
}

export function columnsOf(operation: Doc): string[] {
  return listAt(operation, 'columns').filter((column) => typeof column === 'string');
}

/** The highest placeholder of a statement; texts in quotes have none. */
function placeholders(sql: string): number {
  const bare = sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*/g, ' ');
  const numbers = [...bare.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
  // The API allows so many; a typed $99999999 must not fill the page.
  return Math.min(1_001, Math.max(0, ...numbers));
}

const FRESH: Doc = { uniform: { min: 1, max: 1000 } };

/**
 * The operation with the parameters that it needs now: each slot keeps what it had, found by what it is for; a new one gets
 * a range. A statement's surplus ones stay, since its text may be half typed.
 */
export function fitted(before: Doc, after: Doc): Doc {
  const had = listAt(before, 'parameters');
  const names = slots(before);
  const wanted = slots(after);
  const isSql = textAt(after, 'kind') === 'sql';
  const parameters: Json[] = wanted.map((name, index) => {
    const at = isSql ? index : names.indexOf(name);
    return had[at] ?? (at < 0 && names.length === 0 ? had[index] : undefined) ?? FRESH;
  });
  const surplus = isSql ? had.slice(parameters.length) : [];
  return { ...after, parameters: [...parameters, ...surplus] };
}

/** The name that reports use for an operation. */
export function nameOf(operation: Doc): string {
  return textAt(operation, 'name') || textAt(operation, 'kind').replaceAll('_', '-');
}
