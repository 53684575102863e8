import { count, rate } from '../../../lib/format';

/** Levels of a search along an axis. */
export interface LevelAxis {
  name: string;
  text: (value: number | undefined) => string;
  isWhole: boolean;
  /** From no load on, so that a law can be seen; the highest level is not at the edge. */
  range: readonly [number, number];
}

/** The axis of levels up to the highest: offered rates of an open loop, or connections. */
export function levelAxis(isOpen: boolean, highest: number): LevelAxis {
  return {
    name: isOpen ? 'the offered rate' : 'connections',
    text: isOpen ? rate : (value) => (value === undefined ? '–' : count(Math.round(value))),
    isWhole: !isOpen,
    range: [0, Math.max(1, highest) * 1.05],
  };
}
