import type { FailureCount } from '../../lib/pb';
import { plain } from '../../lib/words';

/** A class of failures: its word and its colour are the same wherever it is shown. */
export interface FailureClass {
  name: string;
  word: string;
  /** A colour token. */
  color: string;
  dash: readonly number[];
}

function known(name: string, color: string, dash: readonly number[]): FailureClass {
  return { name, word: plain(name), color, dash };
}

/** The classes of the API. */
export const CLASSES: readonly FailureClass[] = [
  known('TIMEOUT', '--series-2', []),
  known('CONNECTION', '--series-5', [6, 3]),
  known('CONSTRAINT', '--series-1', []),
  known('SERIALIZATION', '--series-4', [9, 3, 2, 3]),
  known('STATEMENT', '--series-3', [2, 3]),
  known('OTHER', '--series-6', [4, 2]),
];

/** Failures of stretches that were measured before classes were kept. */
export const UNKNOWN_CLASS: FailureClass = { name: '', word: 'class not kept', color: '--line-strong', dash: [1, 2] };

export function failureClass(name: string): FailureClass {
  return CLASSES.find((one) => one.name === name) ?? { ...UNKNOWN_CLASS, name, word: plain(name) };
}

const NONE: readonly number[] = [];

/** How many failed of each of `CLASSES`, in their order; empty when none is known. */
export function byClass(failures: readonly FailureCount[]): readonly number[] {
  if (failures.length === 0) {
    return NONE;
  }
  return CLASSES.map(({ name }) => Number(failures.find((one) => one.class === name)?.count ?? 0));
}
